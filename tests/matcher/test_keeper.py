"""The keeper: absent peers are evicted, dead assignments released, each once and in time."""

import pytest

from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.events import Activated, Committed, Ended, Stopped
from wasmarket.kernel.reasons import EndKind

pytestmark = pytest.mark.unit


@pytest.fixture
def running(town):
    """A deal of two units by the only peer, active."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(1, 1, town.epoch, 0, 980, 20))
    town.chain.handle("Market", "release", lambda caller, ids: [released(town, i) for i in ids])
    town.turn()
    return town


def released(town, assignment):
    return Ended(assignment, 1, 1, town.epoch, EndKind.RELEASED, 0, 0, 0)


def go_to(town, epoch):
    town.chain.mine(timestamp=epoch * 60)
    town.turn()
    town.index()


def functions(town):
    """Return what was sent, but for the pulses."""
    return [sent.function for sent in town.sender.sent if sent.function != "commit"]


def pulses(town):
    return [sent.args for sent in town.sender.sent if sent.function == "commit"]


def used(town):
    return town.http.get("/v1/peers/1").json()["used"]


def test_dead_assignment__its_peer_does_not_release_it__is_released_after_a_while(running):
    running.chain.mine(Stopped(1, running.epoch, 960))
    running.turn()
    go_to(running, running.epoch + 1)
    early = functions(running)
    held = used(running)

    go_to(running, running.epoch + 2)
    running.turn()

    assert early == ["match"]
    assert functions(running) == ["match", "release"]
    assert [sent.args for sent in running.sender.sent if sent.function == "release"] == [((1,),)]
    assert (held, used(running)) == (2, 0)
    assert "wasmarket_matcher_releases_total 1.0" in running.http.get("/metrics").text


def test_dead_assignment__its_peer_released_it__is_left_alone(running):
    running.chain.mine(Stopped(1, running.epoch, 960), released(running, 1))

    go_to(running, running.epoch + 3)

    assert functions(running) == ["match"]


def test_lapsed_deal__whose_peer_is_gone__gives_its_units_back(running):
    lapse = running.epoch + 980 // 20 + 1

    go_to(running, lapse + 3)

    assert "release" in functions(running)
    assert used(running) == 0


def test_running_deal__every_epoch_gets_a_pulse_once(running):
    for passed in range(1, 4):
        go_to(running, running.epoch + passed)
        running.chain.mine()
        running.turn()

    assert pulses(running) == [(running.epoch + passed, ((0, ZERO_HASH),)) for passed in range(3)]


def test_pulse__somebody_set_it__is_not_set_again(running):
    running.chain.mine(Committed(0, running.epoch, ZERO_HASH), timestamp=(running.epoch + 1) * 60)
    running.turn()

    assert pulses(running) == []


def test_pulse__nothing_runs__is_not_set(running):
    running.chain.mine(Stopped(1, running.epoch, 960), released(running, 1))
    go_to(running, running.epoch + 3)

    assert pulses(running) == []


def test_live_assignment__is_never_released(running):
    for passed in range(1, 5):
        go_to(running, running.epoch + passed)

    assert functions(running) == ["match"]


def test_eviction__refused_because_another_was_faster__is_no_failure(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.ledger.evictable = {1}
    town.chain.handle("Market", "evict", lambda caller, ids: refuse())
    town.chain.advance(60)
    town.chain.advance(1)

    assert town.turn()


def refuse():
    raise Reverted("market: nothing to evict")


@pytest.fixture
def evictable(running):
    """The deal, whose peer has been silent so long that the contract lets anybody evict it."""
    running.ledger.evictable = {1}
    running.chain.handle(
        "Market",
        "evict",
        lambda caller, ids: [
            Ended(id, 1, 1, running.epoch, EndKind.EVICTED, 0, 0, 0) for id in ids
        ],
    )
    return running


def pass_time(town, seconds, blocks_every):
    """Let blocks come; the matcher takes a turn after each."""
    for _ in range(seconds // blocks_every):
        town.chain.advance(blocks_every)
        town.turn()


@pytest.mark.parametrize(("gap", "is_evicted_at_once"), [(60, True), (61, False), (600, False)])
def test_eviction__peer_silent_before_the_gap__is_evicted_after_it(
    evictable, gap, is_evicted_at_once
):
    quiet = evictable.ledger.evictable
    evictable.ledger.evictable = set()
    pass_time(evictable, 300, 60)
    evictable.ledger.evictable = quiet
    evictable.chain.advance(gap)
    evictable.turn()
    at_once = "evict" in functions(evictable)

    pass_time(evictable, 120, 10)

    assert at_once == is_evicted_at_once
    assert "evict" in functions(evictable)
