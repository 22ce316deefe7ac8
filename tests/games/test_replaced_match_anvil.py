"""A fork gives the numbers of a deal and its assignment to others, while a peer serves it."""

import random

import pytest

from tests.games import truth
from tests.games.honest_peer import HonestPeer
from tests.games.power import Power
from tests.games.storms import Storms
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.kernel import events
from wasmarket.kernel.events.audits import CaseOutcome

pytestmark = pytest.mark.anvil


@pytest.fixture
def peer(world, front, tmp_path):
    account = dev_accounts()[4]
    world.stake(account)
    copies = (str(tmp_path / "copy"),)
    made = HonestPeer(
        world, front, tmp_path / "peer", "peer", Power(), random.Random(1), {}, account, copies
    )
    made.start()
    yield made
    made.kill()


def serve(storms, peer, deal):
    """Let the peer take the deal's assignment, and answer one call of it."""
    for _ in range(20):
        peer.step()
        storms.pass_time(1)
        for held in peer.find_served():
            if held.deal == deal:
                return held, peer.call(held, b"body")
    raise AssertionError("the peer does not serve")


def test_peer__numbers_given_to_another_deal__answers_for_that_one(world, peer):
    storms = Storms(world, random.Random(1))
    begun = world.rpc.fetch_block_number()
    first = world.match(truth.APP_HASH, [peer.number])
    _, lost = serve(storms, peer, first.deal)

    world.anvil.cheats.rollback(world.rpc.fetch_block_number() - begun)
    storms.pass_time(1)
    second = world.match(truth.APP_HASH, [peer.number])
    held, served = serve(storms, peer, second.deal)
    epoch = world.epoch
    peer.kill()
    peer.start()
    while world.epoch == epoch:
        storms.pass_time(1)
    while not world.events(events.Committed):
        peer.step()
        storms.pass_time(1)
    case = world.ask(held.id, epoch, 0)
    while world.outcome(case) is None:
        peer.step()
        storms.pass_time(1)

    # The same numbers, and another deal: the first call of each is receipt 0.
    assert (second.deal, served.receipt[:4]) == (first.deal, lost.receipt[:4])
    assert served.receipt != lost.receipt
    assert world.outcome(case) == CaseOutcome.ANSWERED
    chain = peer.papers.book.get(held.id)
    assert (chain.head.sequence, chain.problem) == (0, "")
