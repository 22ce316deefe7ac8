"""Who is not matched although the contract would allow it: the absent, and those that gave up."""

import pytest

from matcher.settlement.evictions import find_absent
from tests.matcher.test_published import publish
from wasmarket.kernel.events import Activated, Committed, Ended
from wasmarket.kernel.reasons import DropReason, EndKind, LeaveReason
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.enums import BookState
from wasmarket.store.matching.offers import fetch_developer_offer

pytestmark = pytest.mark.unit

ROOT = "0x" + "7" * 64


@pytest.fixture
def dealing(town):
    """A deal with two of the four units of the only peer, active since some epochs."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(1, 1, town.epoch, 0, 980, 20))
    town.turn()
    return town


def end(town, kind, why=0):
    town.chain.mine(Ended(1, 1, 1, town.epoch, kind, why, 900, 0))
    town.turn()
    town.index()


def go_to(town, epoch):
    town.chain.mine(timestamp=epoch * 60)
    town.turn()
    town.index()


def units(town):
    return sum(a["units"] for a in town.http.get("/v1/deals/1").json()["assignments"])


def test_peer_that_left__gets_the_deal_again_only_after_ten_epochs(dealing):
    end(dealing, EndKind.LEFT, LeaveReason.MAINTENANCE)
    now = dealing.chain.head.timestamp // 60
    at_once = units(dealing)
    reasons = dealing.status(dealing.bid())["reasons"]

    go_to(dealing, now + 9)
    before = units(dealing)
    go_to(dealing, now + 11)

    assert (at_once, before, units(dealing)) == (0, 0, 2)
    assert any("gave_up excludes 4 units" in reason for reason in reasons)


def test_peer_that_was_dropped__never_gets_the_deal_again(dealing):
    end(dealing, EndKind.DROPPED, DropReason.WRONG_RESULTS)

    go_to(dealing, dealing.epoch + 30)

    assert units(dealing) == 0


def test_evicted_peer__is_out_of_the_book_until_it_proves_again(dealing):
    end(dealing, EndKind.EVICTED)
    dealing.post_bid(dealing.bid(salt=5))
    dealing.turn()
    absent = len(dealing.sender.sent)
    evicted_in = dealing.chain.head.timestamp // 60
    depth = dealing.http.get("/v1/book/depth").json()["items"]

    dealing.chain.mine(timestamp=(evicted_in + 1) * 60)
    dealing.chain.mine(Committed(1, evicted_in, ROOT))
    dealing.turn()

    assert (absent, depth) == (1, [])
    assert len(dealing.sender.sent) == 2


def test_peer_that_proves__is_no_suspect(dealing):
    def suspects():
        with dealing.database.read() as session:
            at = fetch_indexed(session)
            return find_absent(session, at, dealing.account.address, dealing.deployment.parameters)

    go_to(dealing, dealing.epoch + 5)
    silent = suspects()
    dealing.chain.mine(Committed(1, dealing.epoch + 4, ROOT))
    dealing.index()

    assert (silent, suspects()) == ((1,), ())


def test_published_offer_for_another_matcher__is_left_to_it(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    publish(town, town.bid(matcher=town.other.address), town.developer)

    town.turn()

    assert town.sender.sent == []


def test_mined_match__offer_is_no_longer_submitting__should_a_reorg_undo_it(dealing):
    with dealing.database.read() as session:
        stored = fetch_developer_offer(session, hash_offer(dealing.bid()))

    assert stored.state == BookState.POSTED
