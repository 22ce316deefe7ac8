"""A peer answers for its roots by itself, late too, and from a copy when its disk is lost."""

import shutil
from dataclasses import replace

import pytest

from peer.chain_state.view import OpenAsk
from peer.duties.answers import Answers, EvidencePlace
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.test_peer_life import wait_for_commitment
from wasmarket.kernel import events
from wasmarket.kernel.audits.times import ANSWER_EPOCHS
from wasmarket.kernel.events.audits import CaseOutcome

pytestmark = pytest.mark.e2e


@pytest.fixture
def asked(world, make_peer, tmp_path):
    """A peer with a copy of its receipts, its assignment, and an epoch of three calls."""
    return call_and_commit(world, make_peer(receipt_copies=(str(tmp_path / "copy"),)))


def call_and_commit(world, peer):
    """Start a peer and call it; return it, its assignment and the epoch that it committed."""
    peer.start()
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    for name in ("a", "b", "c"):
        assert peer.call(match.deal, "greeting", [name]).status_code == 200
    world.start_epoch()
    wait_for_commitment(world, peer, epoch)
    return peer, match.assignments[0], epoch


def lose_papers(folder):
    """Lose all that it could answer from; compiled code, which takes long to make, stays."""
    shutil.rmtree(folder.receipts)
    shutil.rmtree(folder.commitments)
    folder.chain.unlink()
    (folder.path / "signed-heads").unlink()


def wait_for_outcome(world, case):
    return wait_until(f"case {case} is closed", lambda: world.outcome(case))


def test_ask__about_any_receipt_or_none__is_answered(world, asked):
    _, assignment, epoch = asked

    cases = [
        world.ask(assignment, epoch, 1),
        world.ask(assignment, epoch, 2**64 - 1),
        # The epoch of the activation had no call.
        world.ask(assignment, epoch - 1, 0),
    ]

    assert [wait_for_outcome(world, case) for case in cases] == [CaseOutcome.ANSWERED] * 3


def test_ask__while_the_peer_is_down__is_answered_when_it_is_back(world, asked):
    peer, assignment, epoch = asked
    peer.kill()
    case = world.ask(assignment, epoch, 0)
    for _ in range(4):
        world.start_epoch()

    peer.start()

    # Too late to be in time, and still before anybody had it resolved.
    assert wait_for_outcome(world, case) == CaseOutcome.ANSWERED


def test_ask__disk_of_the_peer_lost__is_answered_from_the_copy_by_anybody(world, asked, tmp_path):
    peer, assignment, epoch = asked
    copy = tmp_path / "copy"
    wait_until("it is copied", (copy / "commitments" / f"{epoch:010d}.json").exists)
    peer.kill()
    shutil.rmtree(peer.folder.path)
    case = world.ask(assignment, epoch, 2)

    summed, called = Answers([EvidencePlace(copy)]).find(OpenAsk(case, assignment, epoch, 2, 0))
    world.send(world.stranger, world.audits.call("answer", case, summed, called))

    assert world.outcome(case) == CaseOutcome.ANSWERED


def test_ask__disk_lost_and_copies_at_another_peer__is_answered_by_the_peer_itself(
    world, make_peer, make_module_peer
):
    keeper = make_module_peer()
    peer = make_peer()
    keeper.policy = f'[copies]\nwallets = ["{peer.wallet.address}"]\nbytes = 10_000_000\n'
    keeper.start()
    peer.settings = replace(peer.settings, receipt_copies=(f"peer+{keeper.url}",))
    _, assignment, epoch = call_and_commit(world, peer)
    kept = f"/v1/copies/{peer.wallet.address}"
    name = f"commitments/{epoch:010d}.json"
    wait_until("it is copied", lambda: keeper.get(f"{kept}/{name}").status_code == 200)
    peer.kill()
    lose_papers(peer.folder)
    case = world.ask(assignment, epoch, 1)

    peer.start()

    assert wait_for_outcome(world, case) == CaseOutcome.ANSWERED
    assert not (peer.folder.commitments / f"{epoch:010d}.json").exists()


def test_ask__never_answered__costs_the_bond(world, asked):
    peer, assignment, epoch = asked
    peer.kill()
    case = world.ask(assignment, epoch, 0)
    for _ in range(ANSWER_EPOCHS + 1):
        world.start_epoch()

    world.send(world.stranger, world.audits.call("resolve", case))

    assert world.outcome(case) == CaseOutcome.CONVICTED
    [ended] = [e for e in world.events(events.Ended) if e.assignment == assignment]
    assert ended.kind == 5
