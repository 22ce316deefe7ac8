"""Quotes are what a match would cost; depth is what is really free."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.answers.quotes import Level, Quote, depth, quote
from matcher.engine.single.solve import match_one
from tests.matcher.markets import (
    PROVIDERS,
    ask,
    book_of,
    demand,
    demands,
    markets,
    peer,
    simple_book,
)

pytestmark = pytest.mark.unit


def test_quote__three_prices__a_point_where_each_ends():
    book = simple_book((10, 2, 0, 0), (20, 3, 1, 0), (30, 9, 2, 0))

    assert quote(demand(units=6), book) == (Quote(2, 20, 10), Quote(5, 80, 20), Quote(6, 110, 30))


def test_quote__minimums__no_point_below_them():
    book = simple_book((10, 2, 0, 0), (20, 3, 1, 1))

    assert quote(demand(units=5, min_units=3), book) == (Quote(5, 80, 20),)
    assert quote(demand(units=5, min_regions=2), book) == (Quote(2, 30, 20), Quote(5, 80, 20))
    assert quote(demand(units=9, min_units=9), book) == ()
    one_first = simple_book((10, 1, 0, 0), (20, 3, 1, 1))
    assert quote(demand(units=4, min_regions=2), one_first) == (Quote(4, 70, 20),)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_quote__any_market__curve_rises_and_ends_in_the_match(data):
    book = data.draw(markets())
    wanted = data.draw(demands(book))

    curve = quote(wanted, book)
    match = match_one(wanted, book)

    assert [(p.units, p.total) for p in curve] == sorted({(p.units, p.total) for p in curve})
    if match.fills:
        assert (curve[-1].units, curve[-1].total) == (match.units, match.total)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_quote__any_market__each_point_is_the_match_of_just_so_many(data):
    book = data.draw(markets(most=6))
    wanted = data.draw(demands(book).filter(lambda d: not d.live))

    for point in quote(wanted, book):
        smaller = replace(wanted, offer=replace(wanted.offer, units=point.units))
        match = match_one(smaller, book)
        price_max = max(fill.ask.offer.price for fill in match.fills)
        assert point == Quote(match.units, match.total, price_max)


def test_quote__more_lines_than_a_match_has__still_quotes_what_can_be_had():
    small = [(10 + n, 1, n % 4, 0) for n in range(40)]
    only_small = simple_book(*small)
    with_large = simple_book(*small, (900, 50, 0, 0))
    wanted = demand(units=40, max_price=1_000, deposit=10**9)

    assert [point.units for point in quote(wanted, only_small)] == list(range(1, 33))
    curve = quote(wanted, with_large)
    assert [point.units for point in curve] == [*range(1, 33), 40]
    assert (curve[-1].total, curve[-1].price_max) == (match_one(wanted, with_large).total, 900)


def test_depth__many_prices__only_the_cheapest_levels_are_listed():
    book = simple_book(*((10 + n // 2, 1, 0, 0) for n in range(100)))

    [only] = depth(book, levels=3)

    assert only.levels == (Level(10, 2, 2), Level(11, 2, 2), Level(12, 2, 2))
    assert (only.peers, only.units) == (100, 100)


def test_depth__by_region__public_free_units_with_the_traits():
    peers = [
        peer(1, units=2),
        peer(2, units=3, used=1, traits=3),
        peer(3, region=7, traits=1),
        peer(4, units=4, used=4),
    ]
    private = ask(1, 1, salt=1, developer=PROVIDERS[0])
    book = book_of(
        peers, [ask(1, 10), ask(2, 10), ask(2, 12, salt=1), ask(3, 30), ask(4, 1), private]
    )

    europe, other = depth(book)

    assert (europe.region, europe.peers, europe.units) == (0, 2, 4)
    assert europe.levels == (Level(10, 2, 4),)
    assert (other.region, other.units) == (7, 4)
    assert [d.units for d in depth(book, traits=1)] == [2, 4]
    assert [d.region for d in depth(book, region=7)] == [7]
    assert depth(book, region=9) == ()
