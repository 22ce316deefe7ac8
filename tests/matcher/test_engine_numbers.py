"""Explanations, depth and opportunities against plain Python; numbers at the edge of the law."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.answers.explain import CONSTRAINTS, explain
from matcher.engine.answers.opportunities import Contest, find_opportunities
from matcher.engine.answers.quotes import depth
from matcher.engine.index import order_book
from matcher.engine.index.order_book import OrderBook
from matcher.engine.rules import why
from matcher.engine.single.candidates import limits_of
from matcher.engine.single.solve import match_one
from matcher.engine.values import Fill
from tests.matcher.markets import (
    NOW,
    PROVIDERS,
    ask,
    book_of,
    demand,
    demands,
    markets,
    peer,
)
from tests.matcher.plain_engine import depth as plain_depth
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit


def stands_against(wanted, entry, owner):
    """What a constraint has against an ask, amounts aside."""
    offer = wanted.offer
    listed = owner.provider in offer.providers
    return {
        "max_price": entry.offer.price > offer.max_price,
        "private": entry.offer.developer not in (ZERO_ADDRESS, offer.developer),
        "min_memory_mib": owner.memory_mib < offer.min_memory_mib,
        "regions": bool(offer.regions) and not offer.regions >> owner.region & 1,
        "traits": owner.traits & offer.traits != offer.traits,
        "providers": listed if offer.providers_mode == 2 else offer.providers_mode == 1 > listed,
        "gave_up": owner.id in wanted.avoid,
    }


def count_plainly(wanted, book, constraints):
    """The peers and the units that are left under these constraints, however much is wanted."""
    limits, seen, total, sold = limits_of(wanted, book), set(), 0, {}
    budget = limits.budget
    for entry in book.asks():
        owner = book.get_peer(entry.offer.peer)
        if (
            owner is None
            or not entry.holds
            or entry.cancelled
            or entry.offer.valid_until < book.now
            or entry.offer.counter != book.get_counter(owner.provider)
            or owner.id in seen
        ):
            continue
        fails = stands_against(wanted, entry, owner)
        if any(fails.get(name) for name in constraints):
            continue
        units = owner.free if "capacity" in constraints else owner.units
        if "max_units_per_provider" in constraints:
            units = min(units, limits.room(owner.provider) - sold.get(owner.provider, 0))
        if "balance" in constraints:
            units = min(units, budget // entry.offer.price)
            budget -= units * entry.offer.price
        if units:
            seen.add(owner.id)
            total += units
            sold[owner.provider] = sold.get(owner.provider, 0) + units
    return seen, total


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_explain__any_market__counts_like_plain_python(data):
    book = data.draw(markets(most=6))
    wanted = data.draw(demands(book))
    wanted = replace(wanted, avoid=frozenset(data.draw(st.sets(st.integers(1, 6), max_size=2))))

    excluded = explain(wanted, book).excluded

    everything = count_plainly(wanted, book, ())
    remaining = count_plainly(wanted, book, CONSTRAINTS)
    for entry in excluded:
        others = [name for name in CONSTRAINTS if name != entry.constraint]
        alone = count_plainly(wanted, book, [entry.constraint])
        without = count_plainly(wanted, book, others)
        assert entry.alone.peers == len(everything[0] - alone[0])
        assert entry.alone.units == everything[1] - alone[1] >= 0
        assert entry.last.peers == len(without[0] - remaining[0])
        assert entry.last.units == without[1] - remaining[1] >= 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_explain__short_of_units__no_smaller_set_of_limits_would_do(data):
    book = data.draw(markets(most=6))
    wanted = replace(data.draw(demands(book)), deal=7)

    explanation = explain(wanted, book)

    def count_without(names):
        kept = [name for name in CONSTRAINTS if name not in names]
        return min(wanted.want, count_plainly(wanted, book, kept)[1])

    together = explanation.together
    if not together:
        assert explanation.units in (wanted.want, count_without(CONSTRAINTS))
        return
    assert count_without(together) > explanation.units
    for smaller in combinations(CONSTRAINTS, len(together) - 1):
        assert count_without(smaller) <= explanation.units


@pytest.mark.parametrize("many_peers", [1, order_book.MANY_PEERS])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_find_opportunities__any_market__reasons_are_those_of_the_law(many_peers, data):
    book = data.draw(markets(most=6))
    wanted = data.draw(demands(book))
    provider = data.draw(st.sampled_from(PROVIDERS))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(order_book, "MANY_PEERS", many_peers)
        found = find_opportunities(provider, [Contest(wanted, 2)], book)

    asks = [
        entry
        for entry in book.asks()
        if (owner := book.get_peer(entry.offer.peer)) and owner.provider == provider
    ]
    reasons = {entry.hash: why(wanted, Fill(entry, 1), book) for entry in asks}
    priced = [entry.offer.price for entry in asks if reasons[entry.hash] in (0, 2)]
    winning = min(1, wanted.offer.max_price)
    if priced and min(priced) <= winning:
        assert not found
        return
    [lost] = found
    assert set(lost.reasons) == set(reasons.values()) - {0}
    # Nobody can ask less than one base unit.
    assert lost.price_to_win == (winning if priced and winning else None)
    assert lost.lost_by == (min(priced) - winning if priced and winning else None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_depth__any_market__counts_like_plain_python(data):
    book = data.draw(markets(most=8))
    traits = data.draw(st.sampled_from([0, 1, 2, 2**70, 2**200]))
    good = [a for a in book.asks() if a.holds and not a.cancelled and not a.offer.counter]
    book = book_of(book.peers(), [a for a in good if a.offer.valid_until >= NOW])

    found = depth(book, traits=traits)

    levels = {(d.region, x.price): [x.peers, x.units] for d in found for x in d.levels}
    assert levels == plain_depth(book, traits)
    assert all(d.units == sum(x.units for x in d.levels) for d in found)


@pytest.mark.parametrize(
    "member", [{"units": 2**16}, {"memory_mib": 2**32}, {"region": 256}, {"traits": 2**96}]
)
def test_put_peer__beyond_what_the_contract_allows__is_refused(member):
    with pytest.raises(InvalidInput):
        OrderBook().put_peer(peer(1, **member))
    with pytest.raises(InvalidInput):
        OrderBook.load(NOW, [peer(2), peer(1, **member)], {}, [])


@pytest.mark.parametrize(
    "requirement",
    [
        {"traits": 2**95},
        {"traits": 2**95 | 1},
        {"regions": 1 << 255},
        {"min_memory_mib": 2**32 - 1},
        {"deposit": 2**64 - 1, "max_price": 2**256 - 1, "units": 2**16 - 1},
    ],
)
def test_match_one__largest_numbers_of_the_law__are_kept_exactly(requirement):
    most = {"units": 2**16 - 1, "memory_mib": 2**32 - 1, "region": 255, "traits": 2**95 | 1}
    lawful, too_dear = ask(1, 2**48 - 1), ask(2, 2**48, valid_until=2**256 - 1)
    book = book_of([peer(1, provider=PROVIDERS[1], **most), peer(2)], [lawful, too_dear])
    rich = {"deposit": 2**64 - 1, "max_price": 2**200, "min_units": 1, "units": 2**16 - 1}

    match = match_one(demand(**(rich | requirement)), book)

    assert match.units == (2**64 - 1) // 2 // (2**48 - 1)
    assert match.fills[0].ask == lawful


@pytest.mark.parametrize(
    "requirement", [{"traits": 2**96}, {"traits": 2**255}, {"min_memory_mib": 2**256 - 1}]
)
def test_match_one__more_than_any_peer_can_have__nothing(requirement):
    every = peer(1, traits=2**96 - 1, memory_mib=2**32 - 1)

    assert match_one(demand(**requirement), book_of([every], [ask(1, 1)])).fills == ()


@pytest.mark.parametrize("reserved", [PROVIDERS[0], PROVIDERS[1]])
def test_get_ask__values_beyond_64_bits__come_back_exactly(reserved):
    terms = {"valid_until": 2**255, "counter": 2**254, "salt": 2**253, "developer": reserved}
    odd = ask(2**256 - 1, 2**256 - 1, sequence=1, **terms)
    book = book_of([], [odd])

    assert book.get_ask(odd.hash) == odd
    assert book.remove(odd.hash)
    book.add(ask(1, 5))
    assert list(book.asks()) == [ask(1, 5)]
