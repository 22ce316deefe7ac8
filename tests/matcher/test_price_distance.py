"""The distance to a match in price: applied it fills, and one base unit less does not."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.answers.price_distance import PriceDistance, find_price_distance
from matcher.engine.single.solve import match_one
from matcher.engine.values import PRICE_BELOW
from tests.matcher.markets import demand, demands, markets, simple_book

pytestmark = pytest.mark.unit


def units_at(wanted, rise, book):
    offer = replace(wanted.offer, max_price=wanted.offer.max_price + rise)
    return match_one(replace(wanted, offer=offer), book).units


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_price_distance__any_market__fills_and_one_less_does_not(data):
    book = data.draw(markets(most=5))
    wanted = data.draw(demands(book))

    distance = find_price_distance(wanted, book)

    highest = PRICE_BELOW - 1 - wanted.offer.max_price
    for rise, target in ((distance.any, min(1, wanted.want)), (distance.all, wanted.want)):
        if rise is None:
            assert units_at(wanted, highest, book) < target
        else:
            assert units_at(wanted, rise, book) >= target
            assert rise == 0 or units_at(wanted, rise - 1, book) < target


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"units": 3}, PriceDistance(4, 4)),
        ({"units": 12}, PriceDistance(4, 10)),
        ({"units": 12, "max_price": 104}, PriceDistance(0, 6)),
        ({"units": 12, "max_price": 110}, PriceDistance(0, 0)),
        ({"units": 13}, PriceDistance(4, None)),
        ({"units": 12, "min_units": 12}, PriceDistance(10, 10)),
        ({"min_memory_mib": 4_096}, PriceDistance(None, None)),
        ({"units": 3, "deposit": 0, "balance": 0}, PriceDistance(None, None)),
        ({"units": 2, "max_price": 2**200}, PriceDistance(0, 0)),
        ({"units": 20, "max_price": 2**200}, PriceDistance(0, None)),
    ],
)
def test_price_distance__two_prices__is_how_far_each_is(members, expected):
    book = simple_book((104, 3, 0, 0), (110, 9, 1, 0))

    assert find_price_distance(demand(**members), book) == expected
