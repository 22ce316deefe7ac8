"""Pages, filters and the stream of events."""

import pytest

from tests.indexer.indexed import Indexed
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.errors import Conflict, NotFound
from wasmarket.kernel.reasons import EndKind
from wasmarket.store.chain.assignments import fetch_assignment, fetch_assignments
from wasmarket.store.chain.deals import (
    fetch_deal,
    fetch_deal_changes,
    fetch_deal_of_offer,
    fetch_deals,
)
from wasmarket.store.chain.epochs import fetch_epoch
from wasmarket.store.chain.events import (
    LAST,
    EventChoice,
    branch_of,
    fetch_changes,
    fetch_events,
    fetch_latest,
    fetch_position,
)
from wasmarket.store.chain.history import fetch_claims, fetch_fill_skips
from wasmarket.store.chain.peers import fetch_peer, fetch_peers, fetch_provider
from wasmarket.store.chain.state import NotIndexed, fetch_account, fetch_indexed
from wasmarket.store.views import Position

pytestmark = pytest.mark.unit

ONE, TWO, THREE = (to_address(bytes([n]) * 20) for n in range(1, 4))
KEYS = [to_hash(bytes([n]) * 32) for n in range(10)]
APP, ASK = KEYS[8], KEYS[9]


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


def register(peer, provider, region=0):
    return events.PeerRegistered(
        peer, provider, KEYS[peer], 8, 2048, region, 0, provider, f"http://{peer}"
    )


def match(deal, developer, *assignments, price=5):
    """Return the events of a first match: one unit of each (assignment, peer)."""
    return (
        *(events.Assigned(number, deal, peer, 1, price, ASK) for number, peer in assignments),
        events.DealCreated(deal, developer, KEYS[deal], APP, 100, 2**32 - 1, ZERO_ADDRESS),
        events.Matched(deal, developer, len(assignments), 0),
    )


@pytest.fixture
def market(store):
    """Two providers with three peers, two deals with five pending assignments."""
    store.mine(register(1, ONE), register(2, ONE, 7), register(3, TWO))
    store.mine(*match(1, ONE, (1, 1), (2, 2), (3, 3)), *match(2, THREE, (4, 1), (5, 3)))
    return store


def ids(views):
    return [view.id for view in views]


def test_fetch_indexed__empty_store__says_to_start_the_indexer(database):
    with database.read() as session, pytest.raises(NotIndexed) as caught:
        fetch_indexed(session)

    assert "indexer" in caught.value.remedy


@pytest.mark.parametrize(
    ("query", "key"),
    [(fetch_deal, 9), (fetch_assignment, 9), (fetch_provider, THREE)],
)
def test_fetch__unknown__is_not_found(market, query, key):
    with pytest.raises(NotFound):
        market.settled(query, key)


def test_fetch_peer__unknown__is_not_found(market):
    with pytest.raises(NotFound):
        market.read(fetch_peer, 9)


def test_fetch_peers__filters_and_pages(market):
    assert ids(market.read(fetch_peers, limit=2)) == [1, 2]
    assert ids(market.read(fetch_peers, after=2)) == [3]
    assert ids(market.read(fetch_peers, provider=ONE)) == [1, 2]
    assert ids(market.read(fetch_peers, region=7)) == [2]
    assert ids(market.read(fetch_peers, wallet=TWO)) == [3]
    assert ids(market.read(fetch_peers, ids=[3, 1])) == [1, 3]


def test_fetch_deals__filters_and_pages(market):
    assert ids(market.settled(fetch_deals, limit=1)) == [1]
    assert ids(market.settled(fetch_deals, after=1)) == [2]
    assert ids(market.settled(fetch_deals, developer=THREE)) == [2]
    assert ids(market.settled(fetch_deals, app=APP)) == [1, 2]
    assert market.settled(fetch_deal_of_offer, KEYS[2], THREE).id == 2
    assert market.settled(fetch_deal_of_offer, KEYS[2], ONE) is None
    market.mine(events.Stopped(1, market.epoch, 100))
    assert ids(market.settled(fetch_deals, live_only=True)) == [2]


def test_fetch_assignments__filters_and_pages(market):
    assert ids(market.settled(fetch_assignments, deal=1)) == [1, 2, 3]
    assert ids(market.settled(fetch_assignments, peer=3)) == [3, 5]
    assert ids(market.settled(fetch_assignments, provider=ONE, after=1)) == [2, 4]


def test_fetch_assignments__alive_only__pages_hold_all_that_live(market):
    epoch = market.epoch
    market.mine(events.Activated(1, 1, epoch, 0, 5, 5))
    market.mine(events.Ended(4, 2, 1, 0, EndKind.LEFT, 48, 100, 0))
    alive = [ids(market.settled(fetch_assignments, alive_only=True, limit=2))]
    alive.append(ids(market.settled(fetch_assignments, alive_only=True, limit=2, after=2)))
    # Deal 1 pays for one more epoch, then it lapses and takes its pending assignments along.
    market.mine(epochs=3)

    assert alive == [[1, 2], [3, 5]]
    assert ids(market.settled(fetch_assignments, alive_only=True, limit=1)) == [5]
    assert ids(market.settled(fetch_assignments, alive_only=True, limit=None)) == [5]


def test_fetch_epoch__long_ago__is_final(market):
    market.mine(epochs=5)

    epoch = market.settled(fetch_epoch, market.epoch - 3)

    assert (epoch.is_final, epoch.end - epoch.start) == (True, 60)


def test_history__pages_by_place(market):
    market.mine(events.FillSkipped(1, 3, 2), events.FillSkipped(2, 3, 7))
    market.mine(events.FillSkipped(1, 2, 6))

    [first, *rest] = market.read(fetch_fill_skips)
    assert market.read(fetch_fill_skips, after=(first.block, first.log_index)) == rest
    assert [skip.reason for skip in market.read(fetch_fill_skips, deal=1)] == [2, 6]
    assert [skip.reason for skip in market.read(fetch_fill_skips, peer=3)] == [2, 7]
    assert market.read(fetch_fill_skips, tx_hash=first.tx_hash) == [first]
    assert market.read(fetch_claims, deal=1, assignment=1) == []


def test_deal_changes__after_a_place__are_the_later_ones(market):
    [created, matched] = market.read(fetch_deal_changes, 2)

    later = market.read(fetch_deal_changes, 2, after=(created.block, created.log_index))

    assert later == [matched]


def test_fetch_events__by_name_deal_and_transaction(market):
    def names(**choice):
        found = market.read(fetch_events, chosen=EventChoice(**choice))
        return [event.name for event in found]

    created = market.read(fetch_events, chosen=EventChoice({"DealCreated"}))
    assert [event.name for event in created] == ["DealCreated"] * 2
    assert market.read(fetch_events, chosen=EventChoice({"DealCreated"}, deal=2)) == created[1:]
    tx_hash = created[0].tx_hash
    assert market.read(fetch_events, chosen=EventChoice(tx_hash=tx_hash)) == created[:1]
    assert names(assignment=5) == ["Assigned"]
    assert names(peer=2) == ["PeerRegistered", "Assigned"]
    assert names(account=TWO) == ["PeerRegistered", "Assigned", "Assigned"]
    assert names(account=THREE, names={"Matched", "DealCreated"}) == ["DealCreated", "Matched"]
    first = market.read(fetch_events, chosen=EventChoice({"Assigned", "Matched"}), limit=4)
    assert [event.name for event in first] == ["Assigned"] * 3 + ["Matched"]


def test_fetch_changes__in_pages__gives_each_event_once(market):
    position, seen = Position(-1, LAST, 0), []
    for _ in range(10):
        changes = market.read(fetch_changes, position, limit=3)
        seen += changes.events
        position = changes.position

    assert seen == market.read(fetch_events, limit=None)
    assert market.read(fetch_changes, market.read(fetch_latest)).events == ()


def test_fetch_changes__reorg_above_the_reader__does_not_disturb_it(market):
    [early, *_] = market.read(fetch_events)
    position = market.read(fetch_position, early.block, 0, branch_of(market._tail[-2].hash))
    mark = market._tail[-2]
    market.writer.undo(mark.number, mark.hash)

    changes = market.read(fetch_changes, position)

    assert changes.reorg_to is None
    assert [event.name for event in changes.events] == ["PeerRegistered"] * 2


def test_fetch_changes__reorg_below_the_reader__falls_back_once(market):
    position = market.read(fetch_latest)
    for mark in (market._tail[-2], market._tail[0]):
        market.writer.undo(mark.number, mark.hash)

    changes = market.read(fetch_changes, position)

    assert (changes.reorg_to, changes.events) == (market._tail[0].number, ())
    assert market.read(fetch_changes, changes.position).reorg_to is None


def test_undo__unknown_block__is_refused(market):
    with pytest.raises(Conflict, match="cannot be returned to"):
        market.writer.undo(market._tail[-2].number, KEYS[0])


def test_fetch_account__never_seen__has_nothing(market):
    assert market.read(fetch_account, THREE).counter == 0
