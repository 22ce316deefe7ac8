"""What the store says of metered deals and of convictions, event by event."""

import pytest

from tests.indexer.indexed import Indexed
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address, to_hash
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome, CaseState
from wasmarket.kernel.reasons import EndKind
from wasmarket.store.chain.assignments import fetch_assignment, fetch_claimable
from wasmarket.store.chain.audits import (
    fetch_audit_free,
    fetch_case,
    fetch_cases,
    fetch_contradictions,
    fetch_seats,
    fetch_votes,
)
from wasmarket.store.chain.deals import fetch_deal
from wasmarket.store.chain.epochs import fetch_epoch
from wasmarket.store.chain.history import fetch_redemptions
from wasmarket.store.chain.peers import fetch_peer, fetch_provider

pytestmark = pytest.mark.unit

DEVELOPER, PROVIDER, OTHER, WALLET, METER = (to_address(bytes([n]) * 20) for n in range(1, 6))
APP, KEY, OFFER, ASK = (to_hash(bytes([n]) * 32) for n in range(11, 15))
PEER = events.PeerRegistered(1, PROVIDER, KEY, 8, 2048, 3, 5, WALLET, "http://peer")


def match(meter):
    return (
        events.Assigned(1, 1, 1, 2, 5, ASK),
        events.DealCreated(1, DEVELOPER, OFFER, APP, 1_000, 2**32 - 1, meter),
        events.Matched(1, OTHER, 2, 0),
    )


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


@pytest.fixture
def metered(store):
    """A metered deal of 1,000 with 2 units at 5 per 10^12 work."""
    store.mine(PEER, *match(METER))
    store.mine(events.Activated(1, 1, store.epoch, 0, 1_000, 0))
    return store


@pytest.fixture
def reserved(store):
    store.mine(PEER, *match(ZERO_ADDRESS))
    store.mine(events.Activated(1, 1, store.epoch, 0, 990, 10))
    return store


def test_activated__metered__runs_and_bills_nothing_by_the_epoch(metered):
    start = metered.epoch
    metered.mine(epochs=5)

    deal = metered.settled(fetch_deal, 1)
    assert (deal.status, deal.balance, deal.meter) == ("running", 1_000, METER)
    [live] = deal.live
    assert (live.state, live.start, live.next) == ("metered", start, None)
    assert metered.settled(fetch_epoch, start).billed == 0
    assert metered.settled(fetch_epoch, start).units == 2
    assert metered.settled(fetch_claimable, [1]) == {1: (0, 0)}


def test_redeemed__provider_is_paid_out_of_the_balance(metered):
    metered.mine(events.Redeemed(1, 1, 3 * 10**12, 15, 0, 985))
    metered.mine(events.Redeemed(1, 1, 300 * 10**12, 985, 500, 0))

    assignment = metered.settled(fetch_assignment, 1)
    assert (assignment.paid, assignment.work) == (1_000, 300 * 10**12)
    assert metered.free(PROVIDER) == 1_000
    assert metered.settled(fetch_provider, PROVIDER).paid == 1_000
    deal = metered.settled(fetch_deal, 1)
    assert (deal.status, deal.balance) == ("lapsed", 0)
    found = metered.read(fetch_redemptions, deal=1)
    assert [(entry.paid, entry.owed, entry.balance) for entry in found] == [
        (15, 0, 985),
        (985, 500, 0),
    ]


def test_stopped__metered__balance_stays_for_vouchers_until_it_is_taken(metered):
    end = metered.epoch
    metered.mine(events.Stopped(1, end, 0))
    metered.mine(events.Ended(1, 1, 1, end, EndKind.RELEASED, 0, 1_000, 0), epochs=1)
    metered.mine(events.Redeemed(1, 1, 10**12, 5, 0, 995))
    metered.mine(events.DealBalance(1, DEVELOPER, 0), epochs=3)

    assert metered.settled(fetch_assignment, 1).state == "closed"
    assert metered.settled(fetch_deal, 1).balance == 0
    assert (metered.free(PROVIDER), metered.free(DEVELOPER)) == (5, 995)
    assert metered.read(fetch_peer, 1).used == 0


@pytest.mark.parametrize("world", ["reserved", "metered"])
def test_contradicted__alive__ends_it_and_takes_its_units_from_the_deal(world, request):
    store = request.getfixturevalue(world)
    end = store.epoch
    refund = [events.Claimed(1, PROVIDER, end, 0, 10)] if world == "reserved" else []
    balance = store.settled(fetch_deal, 1).balance
    store.mine(
        events.Ended(1, 1, 1, end, EndKind.CONVICTED, 0, balance, 0),
        *refund,
        events.PeerUnits(1, 6),
        events.Contradicted(1, OTHER, 4, 200),
    )

    assignment = store.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.convicted, assignment.ended_kind) == ("cleared", True, 5)
    assert store.settled(fetch_claimable, [1]) == {1: (0, 0)}
    assert store.settled(fetch_deal, 1).units == 0
    assert store.read(fetch_peer, 1).used == 0
    assert store.free(DEVELOPER) == (10 if refund else 0)
    [found] = store.read(fetch_contradictions)
    assert (found.by, found.kind, found.seized) == (OTHER, 4, 200)


def test_epoch__its_metered_assignment_is_convicted_before_it_is_counted__bills_nothing(metered):
    ran, end = metered.epoch, metered.epoch + 1
    metered.mine(epochs=1)
    metered.mine(
        events.Ended(1, 1, 1, end, EndKind.CONVICTED, 0, 1_000, 0),
        events.Contradicted(1, OTHER, 1, 5),
    )

    assert metered.settled(fetch_epoch, ran).units == 2
    assert metered.settled(fetch_epoch, ran).billed == 0


def test_ended__convicted_after_the_deal_was_stopped__does_not_take_units_twice(metered):
    end = metered.epoch
    metered.mine(events.Stopped(1, end, 0))
    metered.mine(
        events.Ended(1, 1, 1, end, EndKind.CONVICTED, 0, 1_000, 0),
        events.Contradicted(1, OTHER, 1, 5),
    )

    assert metered.settled(fetch_deal, 1).units == 0


def test_case__ask_without_an_answer__convicts(reserved):
    epoch = reserved.epoch
    reserved.mine(events.Opened(1, 1, DEVELOPER, CaseKind.ASK, epoch, 7, ZERO_HASH))
    [case] = reserved.read(fetch_cases, assignment=1)
    assert (case.state, case.sequence, case.outcome) == (CaseState.OPEN, 7, None)

    reserved.mine(
        events.Ended(1, 1, 1, epoch, EndKind.CONVICTED, 0, 990, 0),
        events.Claimed(1, PROVIDER, epoch, 0, 10),
        events.Balance(DEVELOPER, 50),
        events.Closed(1, 1, CaseOutcome.CONVICTED, 200),
        epochs=3,
    )

    case = reserved.read(fetch_case, 1)
    assert (case.state, case.outcome, case.seized) == (CaseState.CLOSED, CaseOutcome.CONVICTED, 200)
    assert reserved.settled(fetch_assignment, 1).convicted
    assert reserved.read(fetch_audit_free, DEVELOPER) == 50


def test_case__accusation__keeps_jury_and_votes(reserved):
    receipt, vote = to_hash(b"\x07" * 32), to_hash(b"\x08" * 32)
    jury = sum(seat << 32 * place for place, seat in enumerate((3, 1, 4, 0, 5, 9, 2)))
    reserved.mine(
        events.Seat(3, 1, 100, 0, 0),
        events.Opened(2, 1, OTHER, CaseKind.ACCUSATION, reserved.epoch, 0, receipt),
        events.Drawn(2, jury),
        events.Voted(2, 0),
        events.Voted(2, 1),
        events.Phase(2, CaseState.SHOWN),
        events.Revealed(2, 1, vote),
        events.Seat(3, 1, 100, 0, 1),
    )

    case = reserved.read(fetch_case, 2)
    assert (case.state, case.receipt, case.jury) == (
        CaseState.SHOWN,
        receipt,
        (3, 1, 4, 0, 5, 9, 2),
    )
    assert reserved.read(fetch_votes, 2) == {0: None, 1: vote}
    [seat] = reserved.read(fetch_seats, peer=1)
    assert (seat.id, seat.fines) == (3, 1)


def test_closed__acquitted__leaves_the_assignment_as_it_is(reserved):
    reserved.mine(
        events.Opened(1, 1, DEVELOPER, CaseKind.ACCUSATION, reserved.epoch, 0, KEY),
        events.Closed(1, 1, CaseOutcome.ACQUITTED, 0),
    )

    assignment = reserved.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.convicted) == ("active", False)
