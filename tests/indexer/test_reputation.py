"""Figures of reputation from hand-made histories, as docs/reference/reputation.md defines them."""

import pytest
from sqlalchemy import text

from tests.indexer.indexed import Indexed
from tests.wasmarket.store.test_queries import KEYS, ONE, THREE, TWO, match, register
from wasmarket.kernel import events
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.reasons import BatchReason, DropReason, EndKind, LeaveReason
from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.units import FLT
from wasmarket.store.chain.reputation.reading import (
    PeerRecord,
    fetch_peer_records,
    fetch_reputation,
    lacks_reputations,
)

pytestmark = pytest.mark.unit

K = ReputationKind


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


@pytest.fixture
def market(store):
    """Two peers of one provider and one of another, each with an assignment of one deal."""
    store.mine(register(1, ONE), register(2, ONE), register(3, TWO))
    store.mine(*match(1, THREE, (1, 1), (2, 2), (3, 3)))
    return store


def activated(store, number, *, rate):
    return events.Activated(number, 1, store.epoch, 0, 10_000, rate)


def ended(number, peer, end, kind, why=0):
    return events.Ended(number, 1, peer, end, kind, why, 10_000, 5)


def of_peer(store, peer, window=7):
    return store.settled(fetch_reputation, peer=peer, windows=(window,)).windows[window]


def keep_totals(store):
    while store.writer.keep_totals():
        pass


@pytest.mark.parametrize("kept", [False, True], ids=["counted", "kept"])
def test_uptime__three_final_epochs_one_missed__is_the_proven_share_rounded_down(market, kept):
    start = market.epoch
    market.mine(activated(market, 1, rate=5), activated(market, 3, rate=10))
    for epoch in (start, start + 2):
        market.mine(events.Committed(1, epoch, KEYS[1]), epochs=epoch + 1 - market.epoch)
    market.mine(epochs=start + 4 - market.epoch)  # with a window of one, start + 2 is final
    if kept:
        keep_totals(market)

    figures = of_peer(market, 1)
    assert (figures.last, figures.active, figures.proven) == (start + 2, 3, 2)
    assert figures.uptime_ppm == 666_666
    assert (figures.billed, figures.proven_pay) == (15, 10)
    assert of_peer(market, 3).uptime_ppm == 0
    assert of_peer(market, 2).uptime_ppm is None
    assert market.settled(fetch_peer_records) == {
        1: PeerRecord(1, age_epochs=4, uptime_ppm=666_666, evictions=0),
        2: PeerRecord(2, age_epochs=4, uptime_ppm=None, evictions=0),
        3: PeerRecord(3, age_epochs=4, uptime_ppm=0, evictions=0),
    }


def test_uptime__two_assignments_in_an_epoch__is_one_epoch_of_the_peer(market):
    market.mine(*match(2, THREE, (4, 1)))
    start = market.epoch
    market.mine(activated(market, 1, rate=5))
    market.mine(events.Activated(4, 2, start, 0, 10_000, 5))
    market.mine(events.Committed(1, start, KEYS[1]), epochs=1)
    market.mine(epochs=1)

    figures = of_peer(market, 1)
    assert (figures.active, figures.proven, figures.billed) == (1, 1, 10)


def test_uptime__left_in_the_epoch_of_its_activation__never_had_to_prove_it(market):
    market.mine(activated(market, 1, rate=5))
    market.mine(ended(1, 1, market.epoch - 1, EndKind.LEFT, LeaveReason.MAINTENANCE))
    market.mine(epochs=3)

    assert of_peer(market, 1).active == 0


def test_windows__what_came_before__is_not_counted(market):
    market.mine(ended(1, 1, 0, EndKind.LEFT, LeaveReason.POLICY))
    market.mine(epochs=9)  # two are not final yet

    assert of_peer(market, 1, 7).count(K.REJECTED) == 0
    assert of_peer(market, 1, 30).count(K.REJECTED) == 1


def test_activated__before_it_could_be_evicted__is_in_time(market):
    market.mine()
    market.mine(activated(market, 1, rate=5), epochs=0)
    market.mine(activated(market, 2, rate=10), epochs=2)

    assert of_peer(market, 1).counts == {K.REGISTERED: 1, K.ASSIGNED: 1, K.ACTIVATED: 1}
    assert of_peer(market, 2).counts == {K.REGISTERED: 1, K.ASSIGNED: 1, K.ACTIVATED_LATE: 1}
    assert of_peer(market, 1).in_time_ppm == 1_000_000
    assert of_peer(market, 2).in_time_ppm == 0


@pytest.mark.parametrize(
    ("ran", "kind", "why", "expected", "reasons"),
    [
        (False, EndKind.LEFT, LeaveReason.POLICY, K.REJECTED, {53: 1}),
        (False, EndKind.LEFT, BatchReason.UNFUNDED, K.UNFUNDED, None),
        (True, EndKind.LEFT, LeaveReason.MAINTENANCE, K.LEFT, {56: 1}),
        (False, EndKind.DROPPED, DropReason.REPLACED, K.VETOED, {67: 1}),
        (True, EndKind.DROPPED, DropReason.TOO_SLOW, K.DROPPED, {65: 1}),
        (True, EndKind.DROPPED, 2**200, K.DROPPED, {2**200: 1}),
        (False, EndKind.RELEASED, 0, K.UNUSED, None),
        (True, EndKind.RELEASED, 0, K.FINISHED, None),
    ],
)
def test_ended__by_kind_and_state__is_what_it_says_of_the_peer(
    market, ran, kind, why, expected, reasons
):
    if ran:
        market.mine(activated(market, 1, rate=5))
    market.mine(ended(1, 1, market.epoch, kind, why))

    figures = of_peer(market, 1)
    assert figures.count(expected) == 1
    assert figures.reasons.get(expected) == reasons
    assert figures.evictions == 0


@pytest.mark.parametrize(
    ("ran", "before", "expected", "faults"),
    [
        (False, (events.PeerUnits(1, 7), events.Stake(ONE, 0, 7)), K.EVICTED_UNANSWERED, 1),
        (True, (events.PeerUnits(1, 7),), K.EVICTED_UNPROVEN, 1),
        (True, (), K.EVICTED_SHORT, 0),
    ],
)
def test_evicted__with_or_without_a_fine__is_a_fault_or_not(market, ran, before, expected, faults):
    if ran:
        market.mine(activated(market, 1, rate=5))
    market.mine(events.PeerUnits(1, 8))  # in a transaction before
    market.mine(*before, ended(1, 1, market.epoch - 1, EndKind.EVICTED), tx_hash=KEYS[7])

    figures = of_peer(market, 1)
    assert (figures.count(expected), figures.evictions, figures.faults) == (1, 1, faults)
    assert market.settled(fetch_peer_records)[1].evictions == 1


def test_evicted__after_a_conviction_in_one_transaction__is_no_fault(market):
    market.mine(activated(market, 1, rate=5), *match(2, THREE, (4, 1)))
    market.mine(
        ended(1, 1, market.epoch - 1, EndKind.CONVICTED),
        events.Claimed(1, ONE, market.epoch - 1, 0, 0),
        events.PeerUnits(1, 0),
        events.Contradicted(1, TWO, 4, 100 * FLT),
        events.Ended(4, 2, 1, 0, EndKind.EVICTED, 0, 100, 0),
        tx_hash=KEYS[7],
    )

    figures = of_peer(market, 1)
    assert (figures.evictions, figures.faults, figures.audits_lost) == (1, 0, 1)
    assert figures.reasons[K.CONTRADICTED] == {4: 1}
    assert figures.seized == 100 * FLT


def test_audits__each_outcome__is_won_lost_or_neither(market):
    market.mine(activated(market, 1, rate=5))
    for case, (kind, outcome) in enumerate(
        [
            (CaseKind.ASK, CaseOutcome.ANSWERED),
            (CaseKind.ACCUSATION, CaseOutcome.ACQUITTED),
            (CaseKind.ACCUSATION, CaseOutcome.VOID),
            (CaseKind.ASK, CaseOutcome.CONVICTED),
        ],
        1,
    ):
        seized = FLT if outcome == CaseOutcome.CONVICTED else 0
        market.mine(events.Opened(case, 1, TWO, kind, market.epoch, 0, KEYS[0]))
        market.mine(events.Closed(case, 1, outcome, seized))

    figures = of_peer(market, 1)
    assert (figures.audits_won, figures.audits_lost, figures.seized) == (2, 1, FLT)
    assert (figures.count(K.ASKED), figures.count(K.ACCUSED), figures.count(K.VOID)) == (2, 2, 1)
    assert figures.reasons[K.CONVICTED] == {CaseKind.ASK: 1}


def test_provider__is_the_sum_of_its_peers(market):
    market.mine(activated(market, 1, rate=5), activated(market, 2, rate=10))
    start = market.epoch
    market.mine(events.Committed(1, start, KEYS[1]), epochs=1)
    market.mine(events.Claimed(1, ONE, start, 5, 0), events.Claimed(2, ONE, start, 0, 5), epochs=1)

    view = market.settled(fetch_reputation, provider=ONE, windows=(7,))
    figures = view.windows[7]
    assert (figures.active, figures.proven, figures.paid, figures.refunded) == (2, 1, 5, 5)
    assert figures.count(K.ASSIGNED) == 2
    assert view.since == start
    assert market.settled(fetch_reputation, provider=THREE) is None


def test_undone__figures_are_as_before(market):
    market.mine(activated(market, 1, rate=5))
    market.mine(events.Committed(1, market.epoch, KEYS[1]), epochs=1)
    market.mine(epochs=1)
    before = market.settled(fetch_reputation, peer=1)
    mark = market._tail[-1]
    market.mine(ended(1, 1, market.epoch, EndKind.EVICTED), epochs=2)
    keep_totals(market)
    assert market.settled(fetch_reputation, peer=1) != before

    market.writer.undo(mark.number, mark.hash)

    assert market.settled(fetch_reputation, peer=1) == before


def test_lacks_reputations__store_of_an_older_version__is_known(market):
    assert not market.read(lacks_reputations)
    with market.database.write() as session:
        session.execute(text("DELETE FROM reputation_event"))
    assert market.read(lacks_reputations)
