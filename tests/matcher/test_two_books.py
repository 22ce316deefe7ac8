"""Time and work are sold from the same units, in two books: each bid is filled from its own."""

import json

import pytest

from matcher.engine.index.order_book import OrderBook
from matcher.engine.rules import is_accepted, why
from matcher.engine.single.solve import match_one
from matcher.engine.values import Fill
from matcher.orderbook.document import load_book, replay
from tests.matcher.markets import DEVELOPER, NOW, ask, book_of, demand, peer
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.reasons import FillReason
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.matching.book_documents import fetch_book

pytestmark = pytest.mark.unit


@pytest.fixture
def mixed(town):
    """One peer that sells its four units by the epoch at 10, and by work at 3."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_ask(town.ask(price=3, kind=1, salt=1))
    return town


def metered(town, **members):
    return town.bid(**({"meter": town.developer.address} | members))


def records(town, deal):
    return town.http.get(f"/v1/deals/{deal}/matches").json()["items"]


def test_metered_bid__is_filled_from_the_book_of_work(mixed):
    bid = metered(mixed)
    mixed.post_bid(bid)
    mixed.turn()
    mixed.index()

    deal = mixed.http.get("/v1/deals/1").json()
    assert deal["meter"] == mixed.developer.address
    assert [(a["units"], a["price"]) for a in deal["assignments"]] == [(2, "3")]
    [record] = records(mixed, 1)
    with mixed.database.read() as session:
        content = fetch_book(session, record["book"])
    assert json.loads(content)["kind"] == 1
    [match] = replay(load_book(content)).matches
    assert [(f.ask.offer.price, f.units) for f in match.fills] == [(3, 2)]


def test_bids_of_both_kinds__one_peer__are_filled_one_after_the_other(mixed):
    mixed.post_bid(mixed.bid(units=4))
    mixed.post_bid(metered(mixed, units=4))
    mixed.turn()
    first = [sent.function for sent in mixed.sender.sent]
    mixed.index()
    mixed.turn()
    mixed.turn()

    used = mixed.http.get("/v1/peers/1").json()["used"]
    assert (first, used) == (["match"], 4)


def test_bids_of_both_kinds__enough_units__are_both_filled(mixed):
    reserved, other = mixed.bid(units=2), metered(mixed, units=2)
    mixed.post_bid(reserved)
    mixed.post_bid(other)
    for _ in range(3):
        mixed.turn()
        mixed.index()

    states = [mixed.status(bid)["status"] for bid in (reserved, other)]
    assert states == ["pending", "pending"]
    kinds = {deal["meter"] for deal in mixed.http.get("/v1/deals").json()["items"]}
    assert len(kinds) == 2


def test_quotes_and_depth__each_kind__have_their_own_prices(mixed):
    by_epoch, by_work = (
        mixed.http.post("/v1/quotes", json={"units": 2, "kind": kind}).json() for kind in (0, 1)
    )
    depths = [
        mixed.http.get("/v1/book/depth", params={"kind": kind}).json()["items"] for kind in (0, 1)
    ]

    assert [row["price_max"] for row in by_epoch + by_work] == ["10", "3"]
    prices = [[level["price"] for level in region["levels"]] for [region] in depths]
    assert prices == [["10"], ["3"]]


def test_explain__metered_bid__looks_at_the_book_of_work(mixed):
    bid = metered(mixed, max_price=2)
    mixed.post_bid(bid)

    found = mixed.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()

    assert found["price_distance"] == {"any": "1", "all": "1"}


def test_ask__of_no_known_kind__is_refused(mixed):
    answer = mixed.post_ask(mixed.ask(kind=2, salt=9))

    assert (answer.status_code, answer.json()["field"]) == (400, "kind")


def test_rules__ask_of_another_kind__is_told_before_its_price():
    line = ask(1, 10**30, kind=1)
    book = OrderBook(NOW, PriceKind.METERED)
    book.put_peer(peer(1))
    book.add(line)

    assert why(demand(), Fill(line, 1), book) == FillReason.KIND


def test_budget__metered__is_the_whole_balance():
    lines = [ask(1, 10, kind=1)]
    wanted = demand(units=4, deposit=40, meter=DEVELOPER)
    book = OrderBook(NOW, PriceKind.METERED)
    book.put_peer(peer(1))
    book.add(lines[0])

    found = match_one(wanted, book)

    assert found.units == 4
    assert is_accepted(wanted, found.fills, book)
    assert match_one(demand(units=4, deposit=40), book_of([peer(1)], [ask(1, 10)])).units == 2


def test_book__ask_of_another_kind__is_refused():
    book = OrderBook(NOW, PriceKind.METERED)
    book.put_peer(peer(1))

    with pytest.raises(InvalidInput, match="kind"):
        book.add(ask(1, 10))


def test_book_document__demand_of_another_kind__is_none(mixed):
    mixed.post_bid(mixed.bid())
    mixed.turn()
    mixed.index()
    [record] = records(mixed, 1)
    with mixed.database.read() as session:
        document = json.loads(fetch_book(session, record["book"]))
    document["demands"][0]["offer"]["meter"] = mixed.developer.address

    with pytest.raises(BadContent, match="another kind"):
        load_book(json.dumps(document).encode())
