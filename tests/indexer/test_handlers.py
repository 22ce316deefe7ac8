"""What each event does to the store, also events that a hostile caller made."""

import json

import pytest
from msgspec.structs import fields

from indexer.apply import HANDLERS
from indexer.event_json import dump_event
from indexer.scope import Handlers
from tests.indexer.indexed import Indexed
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.audits.times import HOLD_EPOCHS
from wasmarket.kernel.reasons import BatchReason, EndKind
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.assignments import fetch_assignment
from wasmarket.store.chain.deals import fetch_deal, fetch_deal_changes
from wasmarket.store.chain.epochs import fetch_epoch
from wasmarket.store.chain.events import fetch_events
from wasmarket.store.chain.history import fetch_batch_skips, fetch_claims, fetch_fill_skips
from wasmarket.store.chain.peers import fetch_peer, fetch_provider
from wasmarket.store.chain.state import (
    fetch_cancelled,
    fetch_counters,
    fetch_paused,
    fetch_published,
    is_approved,
)
from wasmarket.store.errors import Inconsistent
from wasmarket.store.tables import MarketStateRow

pytestmark = pytest.mark.unit

DEVELOPER, PROVIDER, OTHER, WALLET = (to_address(bytes([n]) * 20) for n in range(1, 5))
APP, KEY, ROOT, OFFER, ASK = (to_hash(bytes([n]) * 32) for n in range(11, 16))
HUGE = 2**256 - 1
ASK_OFFER = ProviderOffer(1, 0, 5, ZERO_ADDRESS, 2**40, 0, 9)
BID_OFFER = DeveloperOffer(
    DEVELOPER,
    APP,
    1,
    4,
    0,
    0,
    ZERO_ADDRESS,
    9,
    0,
    100,
    0,
    0,
    0,
    (),
    0,
    ZERO_ADDRESS,
    0,
    2**40,
    0,
    9,
)
PEER = events.PeerRegistered(1, PROVIDER, KEY, 8, 2048, 3, 5, WALLET, "http://peer")
MATCH = (
    events.Assigned(1, 1, 1, 2, 5, ASK),
    events.DealCreated(1, DEVELOPER, OFFER, APP, 1_000, 2**32 - 1, ZERO_ADDRESS),
    events.Matched(1, OTHER, 2, 7),
)


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


@pytest.fixture
def running(store):
    """A deal of 1,000 with 2 units at 5, active from the first second of an epoch."""
    store.mine(PEER, events.Deposited(DEVELOPER, 300, 300), *MATCH)
    store.mine(events.Activated(1, 1, store.epoch, 0, 990, 10))
    return store


def test_handlers__every_event__has_exactly_one():
    assert set(HANDLERS) == {kind for kinds in events.EVENTS.values() for kind in kinds}
    handlers = Handlers()
    handlers.on(events.Paused)(lambda scope, log: None)
    with pytest.raises(ValueError, match="two handlers"):
        handlers.on(events.Paused)(lambda scope, log: None)


def test_match__free_money_and_tip__are_spent_and_credited(store):
    store.mine(PEER, events.Deposited(DEVELOPER, 1_004, 1_004), *MATCH)

    assert store.free(DEVELOPER) == 0
    assert store.free(OTHER) == 7
    deal = store.settled(fetch_deal, 1)
    assert (deal.status, deal.balance, deal.units) == ("waiting", 1_000, 2)
    [live] = deal.live
    assert (live.endpoint, live.key, live.wallet, live.price) == ("http://peer", KEY, WALLET, 5)
    assert store.read(fetch_peer, 1).used == 2


def test_match__caller_is_the_developer__gets_the_tip_back(store):
    matched = events.Matched(1, DEVELOPER, 2, 7)

    store.mine(PEER, events.Deposited(DEVELOPER, 100, 100), *MATCH[:2], matched)

    assert store.free(DEVELOPER) == 7


def test_activated__epochs_pass__deal_is_billed_and_runway_shrinks(running):
    before = running.settled(fetch_deal, 1)
    running.mine(epochs=3)

    after = running.settled(fetch_deal, 1)

    assert (before.status, before.balance, before.runway) == ("running", 990, 99)
    assert (after.balance, after.runway) == (960, 96)
    assert after.last_funded == running.epoch + 96


def test_lapse__no_event_yet__assignment_is_dead_and_its_end_known(running):
    start = running.epoch
    running.mine(epochs=200)

    deal = running.settled(fetch_deal, 1)
    assignment = running.settled(fetch_assignment, 1)

    assert (deal.status, deal.lapsed_at, deal.live) == ("lapsed", start + 99, ())
    assert (assignment.alive, assignment.state, assignment.end_of) == (False, "active", start + 99)


def test_lapsed__then_released_and_topped_up__as_the_contract_has_it(running):
    start = running.epoch
    running.mine(epochs=200)
    running.mine(
        events.Lapsed(1, 0, start + 99, 0),
        events.Ended(1, 1, 1, start + 99, EndKind.RELEASED, 0, 0, 0),
        events.Deposited(OTHER, 20, 27),
        events.DealBalance(1, OTHER, 50),
    )

    deal = running.settled(fetch_deal, 1)
    assert (deal.balance, deal.run, deal.units, deal.lapsed_at) == (50, 1, 0, start + 99)
    assert running.free(OTHER) == 0
    assignment = running.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.end_of) == ("ended", start + 99)
    assert running.read(fetch_peer, 1).used == 0
    kinds = [change.kind for change in running.read(fetch_deal_changes, 1)]
    assert kinds == ["created", "matched", "lapsed", "topped_up"]


def test_take__epochs_after_the_last_event__credits_the_difference(running):
    free = running.free(DEVELOPER)
    running.mine(epochs=2)
    running.mine(events.DealBalance(1, DEVELOPER, 900))

    assert running.free(DEVELOPER) == free + 70
    taken = running.read(fetch_deal_changes, 1)[-1]
    assert (taken.kind, taken.amount, taken.balance, taken.by) == ("taken", 70, 900, DEVELOPER)


def test_stopped__rest_is_free_money_again(running):
    running.mine(events.Stopped(1, running.epoch, 990), epochs=0)

    deal = running.settled(fetch_deal, 1)
    assert (deal.status, deal.balance, deal.rate, deal.stopped) == ("stopping", 0, 0, True)
    assert running.free(DEVELOPER) == 990
    running.mine(epochs=1)
    assert running.settled(fetch_deal, 1).status == "ended"


def test_claimed__paid_and_refunded__reach_both_accounts(running):
    start = running.epoch
    free = running.free(DEVELOPER)
    running.mine(events.Committed(1, start, ROOT), epochs=1)
    running.mine(epochs=3)
    running.mine(events.Claimed(1, PROVIDER, start + 2, 10, 20))
    running.mine(events.Withdrawn(PROVIDER, OTHER, 4, 6))

    assert running.free(PROVIDER) == 6
    assert running.free(DEVELOPER) == free + 20
    assignment = running.settled(fetch_assignment, 1)
    assert (assignment.next, assignment.paid, assignment.refunded) == (start + 3, 10, 20)
    [claim] = running.read(fetch_claims, provider=PROVIDER)
    assert (claim.first, claim.last, claim.deal) == (start, start + 2, 1)
    assert running.settled(fetch_provider, PROVIDER).paid == 10
    assert running.read(fetch_peer, 1).proven == start


def test_ended__dropped_then_claimed_to_the_end__is_cleared_when_it_can_be_convicted_no_more(
    running,
):
    start = running.epoch
    running.mine(events.Ended(1, 1, 1, start, EndKind.DROPPED, 64, 990, 0))
    assert running.settled(fetch_deal, 1).units == 0
    assert running.settled(fetch_assignment, 1).state == "ended"

    running.mine(events.Claimed(1, PROVIDER, start, 0, 10), epochs=3)
    running.mine(events.Skipped(1, BatchReason.NOTHING_FINAL), epochs=HOLD_EPOCHS - 3)
    assert running.settled(fetch_assignment, 1).state == "ended"
    running.mine(events.Skipped(1, BatchReason.NOTHING_FINAL), epochs=1)

    assignment = running.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.ended_kind, assignment.why) == ("cleared", 2, 64)


def test_ended__left_in_the_epoch_of_activation__has_no_epoch_to_pay(running):
    start = running.epoch
    running.mine(events.Ended(1, 1, 1, start - 1, EndKind.LEFT, HUGE, 1_000, 0))

    assignment = running.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.why) == ("cleared", HUGE)
    assert running.settled(fetch_epoch, start).assignments == 0


def test_ended__pending_one_evicted__never_ran_and_the_peer_is_smaller(store):
    store.mine(PEER, *MATCH)
    store.mine(
        events.Ended(1, 1, 1, 0, EndKind.EVICTED, 0, 1_000, 0), events.PeerUnits(1, 6), epochs=2
    )

    peer = store.read(fetch_peer, 1)
    assert (peer.units, peer.used, peer.free) == (6, 0, 6)
    assignment = store.settled(fetch_assignment, 1)
    assert (assignment.state, assignment.end_of, assignment.start) == ("cleared", None, None)


def test_app_changed__twice__counts_versions(running):
    running.mine(events.AppChanged(1, KEY), events.AppChanged(1, ROOT))

    deal = running.settled(fetch_deal, 1)
    assert (deal.app, deal.version) == (ROOT, 3)
    changes = running.read(fetch_deal_changes, 1)
    assert [change.app for change in changes if change.kind == "app"] == [KEY, ROOT]


def test_epoch__one_active_assignment__is_counted_and_billed(running):
    epoch = running.settled(fetch_epoch, running.epoch)

    assert (epoch.assignments, epoch.peers, epoch.units, epoch.billed) == (1, 1, 2, 10)
    assert (epoch.is_final, epoch.committed) == (False, 0)


def test_peer__wallet_and_endpoint__change(store):
    store.mine(PEER, events.PeerWallet(1, OTHER), events.PeerEndpoint(1, "http://new"))

    peer = store.read(fetch_peer, 1)
    assert (peer.wallet, peer.endpoint) == (OTHER, "http://new")


def test_skips__numbers_of_any_size__do_not_stop_the_indexer(store):
    store.mine(events.FillSkipped(1, HUGE, 1), events.Skipped(HUGE, 30))

    [fill] = store.read(fetch_fill_skips, deal=1)
    [batch] = store.read(fetch_batch_skips)
    assert (fill.peer, fill.reason, batch.assignment, batch.reason) == (HUGE, 1, HUGE, 30)
    [first, second] = store.read(fetch_events)
    assert json.loads(first.data) == {"deal": 1, "peer": str(HUGE), "reason": 1}
    assert json.loads(second.data) == {"assignment": str(HUGE), "reason": 30}


def test_cancel_and_bump__again_and_again__are_kept_once(store):
    store.mine(events.OfferCancelled(PROVIDER, ASK), events.CounterBumped(PROVIDER, 1))
    store.mine(events.OfferCancelled(PROVIDER, ASK), events.CounterBumped(PROVIDER, 2))

    cancelled = store.read(fetch_cancelled, [(PROVIDER, ASK), (OTHER, ASK)])
    assert cancelled == {(PROVIDER, ASK)}
    assert store.read(fetch_counters, [PROVIDER, OTHER]) == {PROVIDER: 2, OTHER: 0}


def published(account, offer, data=None) -> events.OfferPublished:
    return events.OfferPublished(
        account, hash_offer(offer), encode_published(offer) if data is None else data
    )


@pytest.mark.parametrize(("offer", "account"), [(ASK_OFFER, PROVIDER), (BID_OFFER, DEVELOPER)])
def test_published__offer_of_the_account__is_read(store, offer, account):
    store.mine(PEER, published(account, offer))

    [view] = store.read(fetch_published, account=account)
    assert (view.offer, view.problem, view.hash) == (offer, None, hash_offer(offer))
    assert store.read(is_approved, account, hash_offer(offer))


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (published(PROVIDER, ASK_OFFER, b""), "end too early"),
        (
            published(PROVIDER, ASK_OFFER, encode_published(BID_OFFER)),
            "another offer than the hash",
        ),
        (published(OTHER, ASK_OFFER), "another account's"),
        (published(OTHER, BID_OFFER), "another account's"),
    ],
)
def test_published__bytes_that_are_not_it__approve_but_say_why(store, event, problem):
    store.mine(PEER, event)

    [view] = store.read(fetch_published)
    assert view.offer is None
    assert problem in view.problem
    assert store.read(is_approved, event.account, event.hash)


def test_published__garbage_after_the_offer__does_not_hide_it(store):
    store.mine(PEER, published(PROVIDER, ASK_OFFER))
    store.mine(published(PROVIDER, ASK_OFFER, b"\xff"))
    assert store.read(fetch_published)[0].offer == ASK_OFFER

    store.mine(published(DEVELOPER, BID_OFFER, b"\xff"))
    store.mine(published(DEVELOPER, BID_OFFER))

    assert store.read(fetch_published)[1].offer == BID_OFFER


def test_published__peer_of_an_impossible_number__is_kept_for_readers(store):
    offer = ProviderOffer(HUGE, 0, 5, ZERO_ADDRESS, 2**40, 0, 9)
    store.mine(published(PROVIDER, offer))

    assert store.read(fetch_published)[0].offer == offer


def test_admin__pause_and_handover__are_known(store):
    store.mine(events.OwnershipTransferred(OTHER), events.Paused(True))
    assert store.read(fetch_paused)
    store.mine(events.Paused(False), events.OwnershipOffered(WALLET))
    with store.database.read() as session:
        assert session.get_one(MarketStateRow, 1).next_owner == WALLET

    store.mine(events.OwnershipTransferred(WALLET))

    assert not store.read(fetch_paused)
    with store.database.read() as session:
        state = session.get_one(MarketStateRow, 1)
    assert (state.owner, state.next_owner) == (WALLET, None)


def test_stake__locked_and_leaving__are_the_latest(store):
    store.mine(PEER, events.Stake(PROVIDER, 10**24, 10**30), events.Leaving(PROVIDER, 5, 77))

    provider = store.settled(fetch_provider, PROVIDER)
    assert (provider.stake_free, provider.stake_locked) == (10**24, 10**30)
    assert (provider.leaving, provider.ready) == (5, 77)


def test_event_of_an_unknown_deal__block_is_refused_with_a_remedy(store):
    with pytest.raises(Inconsistent, match="deal") as caught:
        store.mine(events.AppChanged(9, KEY))

    assert "--reindex" in caught.value.remedy


@pytest.mark.parametrize("kind", sorted(HANDLERS, key=lambda kind: kind.__name__))
def test_dump_event__every_event__has_the_members_of_the_contract(kind):
    samples = {"bool": True, "bytes": b"\1", "int": 3}
    event = kind(
        **{f.name: samples.get(getattr(f.type, "__name__", ""), "x") for f in fields(kind)}
    )

    document = json.loads(dump_event(event))

    assert list(document) == [f.name for f in fields(kind)]
    for name in ("amount", "balance", "rate", "price", "deposit", "free", "tip", "traits"):
        assert isinstance(document.get(name, ""), str)
    for name in ("deal", "peer", "assignment", "epoch", "units", "end", "last"):
        assert isinstance(document.get(name, 0), int)
