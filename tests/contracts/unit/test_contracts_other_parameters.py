"""The rules that count epochs and seconds, with every parameter away from its usual value."""

import pytest

from tests.contracts.driver.boa_chain import BoaChain
from tests.contracts.driver.stage import PRICE, ROOT, Stage, skips
from tests.model.terms import Parameters

pytestmark = pytest.mark.unit

START = 2_000_000_000
WINDOW, MISSED, EPOCH, ACCEPT, BLOCKS, LEAVING = 3, 2, 50, 7, 4, 650
OTHER = Parameters(
    epoch_seconds=EPOCH,
    accept_seconds=ACCEPT,
    max_missed=MISSED,
    proof_window=WINDOW,
    bond_per_unit=7 * 10**18,
    fault_fee=3 * 10**18,
    leaving_delay=LEAVING,
    accept_blocks=BLOCKS,
)


@pytest.fixture(scope="module")
def deployed_otherwise():
    stage = Stage(BoaChain(START), OTHER)
    stage.fund()
    return stage


@pytest.fixture
def other(deployed_otherwise):
    stage = deployed_otherwise.fork()
    snapshot = stage.chain.snapshot()
    stage.chain.travel(START)
    yield stage
    stage.check_conservation()
    stage.chain.restore(snapshot)


def test_claim__epoch__is_final_after_the_window_only(other):
    peer = other.register()
    _, ids = other.run(peer)
    provider = other.roles["provider"]
    for epochs in range(1, WINDOW + 1):
        other.next_epoch()
        assert skips(other.market.claim(ids, by=provider)) == [41], epochs
    other.prove(peer, ago=WINDOW)
    other.next_epoch()

    assert skips(other.market.claim(ids, by=provider)) == []
    assert other.free(provider) == PRICE


@pytest.mark.parametrize(("ago", "is_taken"), [(1, True), (WINDOW, True), (WINDOW + 1, False)])
def test_commit__epoch__can_be_proven_within_the_window(other, ago, is_taken):
    peer = other.register()
    other.run(peer)
    other.next_epoch(WINDOW + 2)
    epoch = other.epoch - ago

    outcome = other.call("proofs", "commit", other.roles["wallet"], epoch, [(peer, ROOT)])

    assert (outcome.reason is None) is is_taken
    proven = other.view("proofs", "proven", peer, epoch, epoch)
    assert proven == ((1, True) if is_taken else (0, False))


def test_evict__silent_peer__only_after_window_and_missed_epochs(other):
    peer = other.register()
    _, ids = other.run(peer)
    stranger = other.roles["stranger"]
    other.pulse(WINDOW + MISSED - 1)
    assert skips(other.call("market", "evict", stranger, ids)) != []
    other.next_epoch()

    outcome = other.call("market", "evict", stranger, ids)

    assert "Ended" in [event.name for event in outcome.events]


@pytest.mark.parametrize(
    ("seconds", "blocks", "ended"),
    [(ACCEPT, BLOCKS + 1, 0), (ACCEPT + 1, BLOCKS, 0), (ACCEPT + 1, BLOCKS + 1, 1)],
)
def test_evict__pending__after_the_time_and_the_blocks_to_accept(other, seconds, blocks, ended):
    peer = other.register()
    _, ids, _ = other.open(other.fill(peer))
    other.travel(other.now + seconds, blocks)

    outcome = other.market.evict(ids, by=other.roles["stranger"])

    assert [e.name for e in outcome.events].count("Ended") == ended


@pytest.mark.parametrize(
    ("seconds", "reason"), [(LEAVING - 1, "staking: not ready"), (LEAVING, None)]
)
def test_withdraw_stake__after_the_leaving_delay(other, seconds, reason):
    provider = other.roles["provider"]
    other.call("staking", "request", provider, 10**18)
    other.pass_seconds(seconds)

    assert other.call("staking", "withdraw", provider, provider).reason == reason


def test_proven__five_words__are_counted(other):
    peer = other.register()
    first = other.epoch
    for number in range(5):
        other.next_epoch(1 if number == 0 else 256)
        other.prove(peer)

    assert other.view("proofs", "proven", peer, first, first + 1_023) == (4, True)
    assert other.view("proofs", "proven", peer, first + 1, first + 1_024) == (4, False)
