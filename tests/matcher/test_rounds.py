"""Several demands over one book: nobody oversold, the bound holds, order is irrelevant."""

import random
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.auction.match import match_round
from matcher.engine.rules import is_accepted
from matcher.engine.values import Fill, Round, gap_ppm
from tests.matcher.markets import can_be_activated, demand, demands, markets, simple_book

pytestmark = pytest.mark.unit


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_match_round__any_market__nobody_oversold_and_no_limit_broken(data):
    book = data.draw(markets(most=6))
    wanted = [data.draw(demands(book, n)) for n in range(data.draw(st.integers(0, 4)))]

    result = match_round(wanted, book)

    sold = {}
    for match in result.matches:
        assert not match.fills or is_accepted(match.demand, match.fills, book)
        for fill in match.fills:
            sold[fill.ask.offer.peer] = sold.get(fill.ask.offer.peer, 0) + fill.units
    assert all(units <= book.get_peer(number).free for number, units in sold.items())
    assert 0 <= result.surplus <= result.bound
    assert 0 <= result.gap_ppm <= 1_000_000


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_match_round__demands_in_another_order__same_round(data):
    book = data.draw(markets(most=5))
    wanted = [data.draw(demands(book, n)) for n in range(3)]
    shuffled = list(wanted)
    random.Random(1).shuffle(shuffled)

    assert match_round(shuffled, book) == match_round(wanted, book)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_match_round__two_demands__bound_is_above_the_best_of_all_rounds(data):
    book = data.draw(markets(most=2))
    wanted = [data.draw(demands(book, n)) for n in range(2)]

    assert match_round(wanted, book).bound >= _best_surplus(wanted, book)


def _best_surplus(wanted, book):
    def choices(one):
        asks = list(book.asks())
        ranges = [
            range(book.get_peer(a.offer.peer).free + 1 if book.get_peer(a.offer.peer) else 1)
            for a in asks
        ]
        yield ()
        for amounts in product(*ranges):
            fills = tuple(Fill(a, n) for a, n in zip(asks, amounts, strict=True) if n)
            if is_accepted(one, fills, book) and can_be_activated(one, fills):
                yield fills

    best = 0
    for pair in product(*(list(choices(one)) for one in wanted)):
        sold, surplus = {}, 0
        for one, fills in zip(wanted, pair, strict=True):
            for fill in fills:
                sold[fill.ask.offer.peer] = sold.get(fill.ask.offer.peer, 0) + fill.units
                surplus += fill.units * max(0, one.weight - fill.ask.offer.price)
        if all(units <= book.get_peer(number).free for number, units in sold.items()):
            best = max(best, surplus)
    return best


def test_match_round__scarce_units__highest_bid_gets_them():
    book = simple_book((10, 2, 0, 0))
    low = demand(units=2, max_price=20, sequence=1)
    high = demand(units=2, max_price=30, sequence=2)

    result = match_round([low, high], book)

    assert [(m.demand, m.units) for m in result.matches] == [(high, 2), (low, 0)]
    assert (result.surplus, result.bound, result.gap_ppm) == (40, 40, 0)


def test_match_round__equal_bids__earlier_offer_first():
    book = simple_book((10, 2, 0, 0))
    wanted = [demand(units=2, sequence=n, salt=n) for n in range(3)]

    for order in permutations(wanted):
        assert match_round(order, book).matches[0].demand == wanted[0]


def test_match_round__higher_bid_in_the_way_of_all_or_nothing__serves_what_saves_more():
    book = simple_book((10, 4, 0, 0))
    single, large = demand(units=1, max_price=21), demand(units=4, min_units=4, max_price=20)

    result = match_round([single, large], book)

    assert [(m.demand, m.units) for m in result.matches] == [(single, 0), (large, 4)]
    assert result.surplus == 40
    assert result.bound >= 40


def test_match_round__nothing_to_match__zero():
    assert match_round([], simple_book((10, 1, 0, 0))) == Round((), 0)
    result = match_round([demand(), demand(salt=1)], simple_book())
    assert (result.surplus, result.bound, result.gap_ppm) == (0, 0, 0)
    assert gap_ppm(0, 0) == 0
