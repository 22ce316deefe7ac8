"""One demand: the cheapest feasible fills, against brute force and by example."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.rules import is_accepted
from matcher.engine.single import branch_and_bound as search_module
from matcher.engine.single.branch_and_bound import search
from matcher.engine.single.candidates import candidates, limits_of, plan_key
from matcher.engine.single.solve import match_one
from matcher.engine.values import DemandLimits, Live
from tests.matcher.markets import (
    DEVELOPER,
    PROVIDERS,
    ask,
    best_by_trying,
    book_of,
    demand,
    demands,
    markets,
    peer,
    simple_book,
)

pytestmark = pytest.mark.unit


def lines(match):
    return [(fill.ask.offer.peer, fill.units, fill.ask.offer.price) for fill in match.fills]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_match_one__any_small_market__is_the_best_that_brute_force_finds(data):
    book = data.draw(markets())
    wanted = data.draw(demands(book))

    match = match_one(wanted, book)

    assert (match.units, -match.total) == best_by_trying(wanted, book)
    assert match.is_exact
    assert match.bound >= match.surplus


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_match_one__any_market__fills_are_accepted_whole(data):
    book = data.draw(markets(most=12))
    wanted = data.draw(demands(book))

    match = match_one(wanted, book)

    assert not match.fills or is_accepted(wanted, match.fills, book)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_match_one__contents_added_in_another_order__same_match(data):
    book = data.draw(markets(most=6))
    wanted = data.draw(demands(book))
    asks, peers = list(book.asks()), list(book.peers())
    shuffle = random.Random(data.draw(st.integers(0, 99))).shuffle
    shuffle(asks)
    shuffle(peers)

    assert match_one(wanted, book_of(peers, asks)) == match_one(wanted, book)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_search__few_lines__is_the_best_that_brute_force_finds(data):
    book = data.draw(markets(most=5))
    wanted = data.draw(demands(book))
    full = limits_of(wanted, book)
    limits = DemandLimits(
        full.want, full.budget, data.draw(st.integers(1, 3)), full.regions, full.cap, full.sold
    )
    entries = candidates(wanted, book, limits)

    found = search(entries, limits)

    assert found.is_exact
    assert plan_key(found.plan) == _best_plan(entries, limits)


def _best_plan(entries, limits):
    best, stack = (0, 0, 0), [((), 0)]
    while stack:
        plan, place = stack.pop()
        units, cost, _ = plan_key(plan)
        sold = {}
        for entry, n in plan:
            sold[entry.provider] = sold.get(entry.provider, 0) + n
        if (
            units > limits.want
            or -cost > limits.budget
            or len(plan) > limits.fills
            or any(n > limits.room(owner) for owner, n in sold.items())
        ):
            continue
        if plan and len({entry.region for entry, _ in plan}) >= limits.regions:
            best = max(best, plan_key(plan))
        if place < len(entries):
            entry = entries[place]
            stack += [((*plan, (entry, n)), place + 1) for n in range(1, entry.units + 1)]
            stack.append((plan, place + 1))
    return best


def test_match_one__cheapest_first__and_the_rest_from_the_next():
    book = simple_book((30, 2, 0, 0), (10, 3, 1, 0), (20, 1, 2, 0))

    match = match_one(demand(units=5), book)

    assert lines(match) == [(2, 3, 10), (3, 1, 20), (1, 1, 30)]
    assert (match.units, match.total, match.surplus) == (5, 80, 420)


def test_match_one__equal_prices__earlier_offer_then_hash():
    peers = [peer(n) for n in (1, 2, 3)]
    first, second, late = ask(1, 10, sequence=5), ask(2, 10, sequence=5), ask(3, 10, sequence=6)
    book = book_of(peers, [late, second, first])

    match = match_one(demand(units=9), book)

    by_hash = sorted([first, second], key=lambda a: a.hash)
    assert [fill.ask for fill in match.fills] == [*by_hash, late]


def test_match_one__peer_with_two_asks__only_the_cheapest_counts():
    book = book_of([peer(1, units=3)], [ask(1, 20), ask(1, 10, salt=1)])

    assert lines(match_one(demand(units=5), book)) == [(1, 3, 10)]


def test_match_one__dearer_private_ask_and_cheaper_for_another__takes_what_is_for_it():
    other = ask(1, 5, developer=PROVIDERS[3])
    book = book_of([peer(1)], [other, ask(1, 20), ask(1, 15, salt=2, developer=DEVELOPER)])

    assert lines(match_one(demand(units=1), book)) == [(1, 1, 15)]


def test_match_one__cap_counts_what_the_provider_has_in_the_deal():
    book = simple_book((10, 9, 0, 0), (50, 9, 1, 0))
    refill = demand(
        deal=3, units=6, max_units_per_provider=3, live=[Live(1, 1, 2, 10)], balance=10_000
    )

    assert lines(match_one(refill, book)) == [(1, 1, 10), (2, 3, 50)]


def test_match_one__min_regions__swaps_the_dearest_unit_for_the_cheapest_new_region():
    book = simple_book((10, 9, 0, 0), (20, 9, 1, 0), (60, 9, 2, 1), (50, 9, 3, 2))

    match = match_one(demand(units=4, min_regions=2), book)

    assert lines(match) == [(1, 3, 10), (4, 1, 50)]


def test_match_one__min_regions_and_cap__moves_a_provider_to_another_region():
    # Provider 0 is the only one in region 1, and its one unit must come from there.
    book = simple_book((10, 9, 0, 0), (15, 9, 0, 1), (20, 9, 1, 0))

    match = match_one(demand(units=2, min_regions=2, max_units_per_provider=1), book)

    assert lines(match) == [(2, 1, 15), (3, 1, 20)]


def test_match_one__two_pairs_of_regions_cost_the_same__the_earlier_asks_win():
    peers = [
        peer(1, provider=PROVIDERS[0], region=0),
        peer(2, provider=PROVIDERS[0], region=2),
        peer(3, provider=PROVIDERS[1], region=0),
        peer(4, provider=PROVIDERS[1], region=1),
    ]
    asks = [
        ask(1, 10, sequence=9),
        ask(2, 30, sequence=2),
        ask(3, 20, sequence=1),
        ask(4, 40, sequence=8),
    ]
    wanted = demand(units=2, min_regions=2, max_units_per_provider=1)

    match = match_one(wanted, book_of(peers, asks))

    assert lines(match) == [(3, 1, 20), (2, 1, 30)]


def test_match_one__min_regions_of_a_refill__no_longer_counts():
    book = simple_book((10, 9, 0, 0), (50, 9, 1, 1))
    refill = demand(deal=3, units=2, min_regions=2, balance=1_000)

    assert lines(match_one(refill, book)) == [(1, 2, 10)]


def test_match_one__balance__buys_whole_units_that_can_be_activated():
    book = simple_book((10, 2, 0, 0), (30, 9, 1, 0))

    assert lines(match_one(demand(units=9, deposit=171), book)) == [(1, 2, 10), (2, 2, 30)]


def test_match_one__regions_and_too_small_a_balance_for_all__as_many_as_it_pays():
    book = simple_book((10, 9, 0, 0), (50, 9, 1, 1))

    assert lines(match_one(demand(units=9, deposit=171, min_regions=2), book)) == [
        (1, 3, 10),
        (2, 1, 50),
    ]


def test_match_one__peer_that_gave_the_deal_up__does_not_get_it_again():
    book = simple_book((10, 9, 0, 0), (50, 9, 1, 0))

    assert lines(match_one(demand(deal=3, units=2, avoid=[1]), book)) == [(2, 2, 50)]


def test_match_one__fewer_than_min_units__nothing():
    match = match_one(demand(units=9, min_units=5), simple_book((10, 4, 0, 0)))

    assert match.fills == ()
    assert match.bound == 0


def test_match_one__full_deal__nothing():
    full = demand(deal=3, units=2, live=[Live(1, 1, 2, 10)])

    assert match_one(full, simple_book((10, 4, 0, 0))).fills == ()


def test_match_one__deal_with_64_live__nothing():
    full = demand(deal=3, units=99, live=[Live(n, 1, 1, 1) for n in range(1, 65)])

    assert match_one(full, simple_book((10, 4, 0, 0))).fills == ()


def test_match_one__more_than_32_small_peers__uses_the_large_one():
    small = [(10, 1, 0, 0)] * 40
    book = simple_book(*small, (20, 9, 1, 0))

    match = match_one(demand(units=40), book)

    assert match.units == 40
    assert len(match.fills) == 32


def test_match_one__many_peers_and_few_lines__keeps_the_limits_and_says_that_it_is_not_exact():
    many = [(10 + n % 7, 1 + n % 3, n % 4, n % 5) for n in range(300)]
    wanted = demand(units=500, min_regions=5, deposit=100_000)
    book = simple_book(*many)

    match = match_one(wanted, book)

    assert is_accepted(wanted, match.fills, book)
    assert match.units == 96
    assert not match.is_exact


def test_search__large_peers_of_one_region_only__takes_the_small_one_of_another():
    book = simple_book((10, 2, 0, 0), (11, 2, 1, 0), (90, 1, 2, 1))
    limits = DemandLimits(4, 1_000, 2, 2, 99, {})
    entries = candidates(demand(units=4), book, limits)

    found = search_module.search(entries, limits)

    assert plan_key(found.plan)[:2] == (3, -110)
    assert found.is_exact


def test_search__as_many_units_for_less_than_the_first_guess__is_found():
    book = simple_book((1, 1, 0, 0), (5, 2, 1, 0), (6, 3, 2, 0))
    limits = DemandLimits(4, 1_000, 2, 0, 99, {})

    found = search_module.search(candidates(demand(units=4), book, limits), limits)

    assert plan_key(found.plan)[:2] == (4, -19)


def test_search__no_steps_left__answers_the_first_guess():
    book = simple_book((10, 1, 0, 0), (10, 1, 0, 0), (20, 2, 1, 0))
    limits = DemandLimits(2, 1_000, 1, 0, 99, {})
    entries = candidates(demand(units=2), book, limits)

    found = search_module.search(entries, limits, steps=0)

    assert plan_key(found.plan)[:2] == (2, -40)
    assert not found.is_exact
