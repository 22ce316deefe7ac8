"""Explanations: what binds, and suggestions that really fill."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.answers.explain import Supply, explain
from matcher.engine.single.solve import match_one
from matcher.engine.values import Live
from tests.matcher.markets import (
    PROVIDERS,
    account,
    ask,
    book_of,
    demand,
    demands,
    markets,
    peer,
    simple_book,
)

pytestmark = pytest.mark.unit


def applied(wanted, relaxation):
    if relaxation.field == "balance":
        return replace(wanted, balance=relaxation.after)
    offer = replace(wanted.offer, **{relaxation.field: relaxation.after})
    return replace(
        wanted, offer=offer, balance=offer.deposit if wanted.is_first else wanted.balance
    )


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_explain__any_market__every_suggestion_really_gives_what_it_says(data):
    book = data.draw(markets(most=5))
    wanted = data.draw(demands(book))

    explanation = explain(wanted, book)

    assert explanation.units == match_one(wanted, book).units
    for relaxation in explanation.relaxations:
        match = match_one(applied(wanted, relaxation), book)
        assert match.units == relaxation.units > explanation.units
        assert max(fill.ask.offer.price for fill in match.fills) == relaxation.price


def test_explain__each_constraint__counts_alone_and_as_the_last():
    peers = [
        peer(1, units=1),
        peer(2, units=2, region=5),
        peer(3, units=3, region=5, memory_mib=256),
        peer(4, units=4, provider=PROVIDERS[1], traits=1),
        peer(5, units=5, used=5),
    ]
    asks = [ask(n, 10 * n) for n in range(1, 5)]
    book = book_of(peers, [*asks, ask(5, 10), ask(4, 1, salt=1, developer=account(7)), ask(88, 1)])
    wanted = demand(units=9, regions=1, min_memory_mib=512, max_price=30)

    excluded = {entry.constraint: entry for entry in explain(wanted, book).excluded}

    assert excluded["regions"].alone == Supply(2, 5)
    assert excluded["regions"].last == Supply(1, 2)
    assert excluded["min_memory_mib"].last == Supply(0, 0)
    assert excluded["max_price"].last == Supply(1, 4)
    assert excluded["capacity"].alone == Supply(1, 5)
    assert excluded["traits"].alone == Supply(0, 0)
    assert excluded["private"].last == Supply(1, 4)


def test_explain__price_too_low__says_by_how_much():
    book = simple_book((104, 3, 0, 0), (110, 9, 1, 0))
    wanted = demand(units=12, max_price=100)

    [least, all_units] = sorted(explain(wanted, book).relaxations, key=lambda r: r.units)

    assert (least.field, least.before, least.after, least.units, least.price) == (
        "max_price",
        100,
        104,
        3,
        104,
    )
    assert (all_units.after, all_units.units) == (110, 12)


@pytest.mark.parametrize(
    ("members", "field", "after"),
    [
        ({"min_memory_mib": 2_048}, "min_memory_mib", 1_024),
        ({"regions": 2}, "regions", 3),
        ({"traits": 4}, "traits", 0),
        ({"min_units": 4, "max_units_per_provider": 3}, "max_units_per_provider", 4),
        ({"min_units": 4, "max_units_per_provider": 3}, "min_units", 3),
        ({"min_regions": 2}, "min_regions", 1),
        ({"min_regions": 2**255}, "min_regions", 1),
        ({"deposit": 30}, "deposit", 80),
        ({"providers_mode": 1}, "providers", (PROVIDERS[0],)),
        ({"providers_mode": 2, "providers": (PROVIDERS[0],)}, "providers", ()),
    ],
)
def test_explain__one_limit_binds__names_the_smallest_change(members, field, after):
    found = explain(demand(**members), simple_book((10, 4, 0, 0))).relaxations

    assert (field, after) in {(entry.field, entry.after) for entry in found}


def test_explain__refill_without_money__names_the_balance_it_needs():
    wanted = demand(deal=5, units=4, live=[Live(1, 1, 1, 10)], balance=15)

    [relaxation] = explain(wanted, simple_book((10, 4, 0, 0))).relaxations

    assert (relaxation.field, relaxation.after, relaxation.units) == ("balance", 70, 3)


def test_explain__only_peer_gave_the_deal_up__says_so():
    explanation = explain(demand(deal=3, units=2, avoid=[1]), simple_book((10, 4, 0, 0)))

    excluded = {entry.constraint: entry.last for entry in explanation.excluded}
    assert excluded["gave_up"] == Supply(1, 4)


def test_explain__fills_already__suggests_nothing():
    explanation = explain(demand(units=2), simple_book((10, 4, 0, 0)))

    assert (explanation.want, explanation.units, explanation.relaxations) == (2, 2, ())


@pytest.mark.parametrize(
    ("members", "together"),
    [
        ({"regions": 2, "max_price": 9}, {"max_price", "regions"}),
        ({"regions": 2, "traits": 1, "max_price": 9}, {"max_price", "regions", "traits"}),
        ({"min_memory_mib": 2_048, "providers_mode": 1}, {"min_memory_mib", "providers"}),
        ({"min_units": 9, "units": 9}, {"min_units"}),
        (
            {
                "min_units": 3,
                "units": 4,
                "max_units_per_provider": 1,
                "regions": 2,
                "min_regions": 2,
            },
            {"regions", "min_regions", "max_units_per_provider"},
        ),
    ],
)
def test_explain__no_limit_alone_excludes__names_the_smallest_set_that_does(members, together):
    explanation = explain(demand(**members), simple_book((10, 4, 0, 0)))

    assert explanation.units == 0
    assert set(explanation.together) == together


def test_explain__nothing_for_sale__no_limit_excludes_anything():
    explanation = explain(demand(units=4), simple_book())

    assert (explanation.units, explanation.together) == (0, ())


def test_explain__more_small_peers_than_a_match_has_lines__says_so():
    book = simple_book(*((10, 1, 0, 0) for _ in range(40)))

    assert explain(demand(units=40), book).together == ("lines",)


def test_explain__a_large_peer_uses_up_the_budget__no_count_is_negative():
    # Without its limit the demand would have one large peer instead of two small ones.
    book = simple_book((10, 9, 0, 1), (20, 1, 1, 0), (20, 1, 2, 0))
    wanted = demand(units=4, regions=1, deposit=80)

    explanation = explain(wanted, book)

    [regions] = [entry for entry in explanation.excluded if entry.constraint == "regions"]
    assert regions.last == Supply(1, 2)
    assert all(
        min(side.peers, side.units) >= 0
        for entry in explanation.excluded
        for side in (entry.alone, entry.last)
    )
