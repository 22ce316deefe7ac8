"""Offers that the matcher keeps: what holds, what can be matched, what became of each."""

import pytest

from tests.indexer.indexed import Indexed
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer, with_salt
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.departures import fetch_departures, fetch_evictions
from wasmarket.store.enums import BookState, OfferSource
from wasmarket.store.matching.live_offers import (
    fetch_live_provider_offers,
    fetch_offer_status,
    fetch_open_developer_offers,
)
from wasmarket.store.matching.offers import (
    add_developer_offer,
    add_provider_offer,
    fetch_developer_offer,
    fetch_developer_offers,
    fetch_provider_offer,
    fetch_provider_offers,
    set_offer_state,
    withdraw_offer,
)

pytestmark = pytest.mark.unit

DEVELOPER, PROVIDER, OTHER, WALLET = (to_address(bytes([n]) * 20) for n in range(1, 5))
APP, KEY, BOOK, TX, UNKNOWN = (to_hash(bytes([n]) * 32) for n in range(11, 16))
SIGNATURE = "0x" + "ab" * 64
ASK = ProviderOffer(1, 0, 5, ZERO_ADDRESS, 2**40, 0, 1)
BID = DeveloperOffer(
    DEVELOPER,
    APP,
    1,
    4,
    0,
    0,
    ZERO_ADDRESS,
    2**200,
    0,
    100,
    0,
    0,
    0,
    (OTHER,),
    2,
    OTHER,
    0,
    2**40,
    0,
    1,
)
PEER = events.PeerRegistered(1, PROVIDER, KEY, 8, 2048, 3, 5, WALLET, "http://peer")


@pytest.fixture
def store(database):
    store = Indexed(database)
    store.mine(PEER)
    yield store
    store.writer.close()


def post_ask(store, ask=ASK, provider=PROVIDER, **changes):
    options = {"signature": SIGNATURE, "source": OfferSource.POSTED, "received_at": 7}
    with store.database.write() as session:
        name, is_new = add_provider_offer(session, ask, provider, **(options | changes))
        return fetch_provider_offer(session, name), is_new


def post_bid(store, bid=BID, **changes):
    options = {
        "signature": SIGNATURE,
        "permit": None,
        "source": OfferSource.POSTED,
        "received_at": 7,
    }
    with store.database.write() as session:
        name, is_new = add_developer_offer(session, bid, **(options | changes))
        return fetch_developer_offer(session, name), is_new


def write(store, action, *arguments, **options):
    with store.database.write() as session:
        return action(session, *arguments, **options)


def make_deal(store, units=2, *, offer=None):
    """Index the first match of the bid."""
    store.mine(
        events.Assigned(1, 1, 1, units, 5, hash_offer(ASK)),
        events.DealCreated(
            1, DEVELOPER, offer or hash_offer(BID), APP, 100, 2**32 - 1, ZERO_ADDRESS
        ),
        events.Matched(1, OTHER, units, 0),
    )


def live_asks(store):
    return [ask.hash for ask in store.settled(fetch_live_provider_offers)]


def open_bids(store):
    return [(bid.stored.hash, bid.deal.id if bid.deal else None) for bid in opened(store)]


def opened(store):
    return store.settled(fetch_open_developer_offers)


def status_of(store):
    return store.settled(fetch_offer_status, hash_offer(BID)).status


def test_add_offer__twice__is_one_and_comes_back_whole(store):
    ask, is_new = post_ask(store)
    assert (is_new, ask.offer, ask.provider, ask.signature) == (True, ASK, PROVIDER, SIGNATURE)
    assert post_ask(store) == (ask, False)
    bid, is_new = post_bid(store, permit={"value": "5"})
    assert (is_new, bid.offer, bid.permit, bid.state) == (True, BID, {"value": "5"}, "posted")
    assert post_bid(store)[0] == bid

    assert store.read(fetch_provider_offer, hash_offer(ASK)) == ask
    assert store.read(fetch_developer_offer, hash_offer(BID)) == bid


def test_add_developer_offer__again_with_a_newer_permit__takes_it(store):
    post_bid(store, permit={"value": "5"})

    bid, is_new = post_bid(store, permit={"value": "6"})

    assert (is_new, bid.permit) == (False, {"value": "6"})


@pytest.mark.parametrize("fetch", [fetch_provider_offer, fetch_developer_offer])
def test_fetch_offer__unknown__is_not_found(store, fetch):
    with pytest.raises(NotFound):
        store.read(fetch, UNKNOWN)


def test_fetch_offers__pages__give_each_once_in_order_of_arrival(store):
    asks = [with_salt(ASK, salt) for salt in range(5, 0, -1)]
    for ask in asks:
        post_ask(store, ask)
    first = store.read(fetch_provider_offers, limit=3)
    rest = store.read(fetch_provider_offers, after=first[-1].sequence, limit=3)

    assert [view.offer for view in first + rest] == asks
    assert store.read(fetch_provider_offers, provider=OTHER) == []
    assert len(store.read(fetch_provider_offers, peer=1)) == 5
    post_bid(store)
    assert len(store.read(fetch_developer_offers, developer=DEVELOPER)) == 1
    assert store.read(fetch_developer_offers, developer=OTHER) == []


@pytest.mark.parametrize(
    "event",
    [
        events.OfferCancelled(PROVIDER, hash_offer(ASK)),
        events.CounterBumped(PROVIDER, 1),
    ],
)
def test_live_asks__taken_back_on_chain__leave_the_book(store, event):
    post_ask(store)
    assert live_asks(store) == [hash_offer(ASK)]

    store.mine(event)

    assert live_asks(store) == []


def test_live_asks__another_account_cancels__stays(store):
    post_ask(store)
    store.mine(events.OfferCancelled(OTHER, hash_offer(ASK)), events.CounterBumped(OTHER, 1))

    assert live_asks(store) == [hash_offer(ASK)]


def test_live_asks__valid_until_now__holds_to_that_second(store):
    now = store.chain.head.timestamp
    last, over = (ProviderOffer(1, 0, 5, ZERO_ADDRESS, now + seconds, 0, 1) for seconds in (0, -1))
    post_ask(store, last)
    post_ask(store, over)

    assert live_asks(store) == [hash_offer(last)]


def test_live_asks__of_no_peer_or_another_provider__are_left_out(store):
    post_ask(store, ProviderOffer(2, 0, 5, ZERO_ADDRESS, 2**40, 0, 1))
    post_ask(store, ProviderOffer(1, 0, 5, ZERO_ADDRESS, 2**40, 0, 2), provider=OTHER)

    assert live_asks(store) == []


def test_live_asks__withdrawn__leave_this_book(store):
    post_ask(store)
    write(store, withdraw_offer, hash_offer(ASK))

    assert live_asks(store) == []
    assert store.read(fetch_provider_offer, hash_offer(ASK)).withdrawn
    with pytest.raises(NotFound):
        write(store, withdraw_offer, UNKNOWN)


def test_live_asks__published_then_undone_by_a_reorg__leave_the_book(store):
    publication = events.OfferPublished(PROVIDER, hash_offer(ASK), encode_published(ASK))
    store.mine(publication)
    post_ask(store, signature=None, source=OfferSource.PUBLISHED)
    assert live_asks(store) == [hash_offer(ASK)]

    mark = store._tail[-2]
    store.writer.undo(mark.number, mark.hash)

    assert live_asks(store) == []


def test_open_bids__first_match__refill__full(store):
    post_bid(store)
    assert open_bids(store) == [(hash_offer(BID), None)]
    make_deal(store, units=2)
    assert open_bids(store) == [(hash_offer(BID), 1)]

    store.mine(events.Assigned(2, 1, 1, 2, 5, hash_offer(ASK)), events.Matched(1, OTHER, 4, 0))

    assert open_bids(store) == []


def test_open_bids__one_unit_left__can_be_refilled_with_the_deals_state(store):
    post_bid(store)
    make_deal(store, units=4)
    assert open_bids(store) == []
    store.mine(events.Ended(1, 1, 1, 0, EndKind.LEFT, 48, 100, 0))

    [open_bid] = opened(store)

    assert (open_bid.deal.units, open_bid.deal.live) == (0, ())


@pytest.mark.parametrize(
    "event", [events.OfferCancelled(DEVELOPER, hash_offer(BID)), events.CounterBumped(DEVELOPER, 1)]
)
def test_open_bids__taken_back__are_neither_matched_nor_refilled(store, event):
    post_bid(store)
    make_deal(store)
    store.mine(event)

    assert open_bids(store) == []


def test_open_bids__deal_stopped__is_over(store):
    post_bid(store)
    make_deal(store)
    store.mine(events.Stopped(1, store.epoch, 100))

    assert open_bids(store) == []
    assert status_of(store) == "ended"


def test_offer_status__from_posted_to_lapsed(store):
    post_bid(store)
    seen = [status_of(store)]
    write(
        store,
        set_offer_state,
        hash_offer(BID),
        BookState.UNMATCHED,
        reasons=[{"constraint": "price"}],
        tried_block=5,
    )
    view = store.settled(fetch_offer_status, hash_offer(BID))
    assert view.reasons == ({"constraint": "price"},)
    seen.append(view.status)
    make_deal(store)
    seen.append(status_of(store))
    store.mine(events.Activated(1, 1, store.epoch, 0, 90, 10))
    seen.append(status_of(store))
    store.mine(events.Assigned(2, 1, 1, 2, 5, TX), events.Matched(1, OTHER, 4, 0))
    seen.append(status_of(store))
    store.mine(epochs=20)
    seen.append(status_of(store))

    assert seen == ["posted", "unmatched", "pending", "short", "active", "lapsed"]
    with pytest.raises(NotFound):
        write(store, set_offer_state, UNKNOWN, BookState.POSTED)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (events.OfferCancelled(DEVELOPER, hash_offer(BID)), "cancelled"),
        (events.CounterBumped(DEVELOPER, 1), "cancelled"),
        (events.Paused(True), "posted"),
    ],
)
def test_offer_status__without_a_deal__follows_the_chain(store, event, status):
    post_bid(store)
    store.mine(event)

    assert status_of(store) == status


def test_offer_status__past_its_time__is_expired(store):
    old = DeveloperOffer(
        *(getattr(BID, name) for name in list(BID.__slots__)[:17]),
        store.chain.head.timestamp,
        0,
        1,
    )
    post_bid(store, old)
    assert store.settled(fetch_offer_status, hash_offer(old)).status == "posted"
    store.mine(epochs=1)

    assert store.settled(fetch_offer_status, hash_offer(old)).status == "expired"
    assert open_bids(store) == []


def test_departures__left_and_evicted__tell_when(store):
    make_deal(store)
    store.mine(events.Ended(1, 1, 1, 0, EndKind.LEFT, 48, 100, 0))
    store.mine(
        events.Assigned(2, 1, 1, 2, 5, hash_offer(ASK)),
        events.Matched(1, OTHER, 2, 0),
        events.Ended(2, 1, 1, 0, EndKind.EVICTED, 0, 100, 0),
        events.PeerUnits(1, 6),
    )

    departures = store.read(fetch_departures, [1, 2])

    now = store.chain.head.timestamp
    assert [(d.peer, d.kind) for d in departures] == [(1, EndKind.LEFT), (1, EndKind.EVICTED)]
    assert store.read(fetch_evictions) == {1: now}
