"""Larger rounds: augmenting paths, all-or-nothing, checks that refuse, bounds that hold."""

import random
from dataclasses import replace

import pytest

from matcher.engine.auction import match as auction
from matcher.engine.auction.check import is_lawful
from matcher.engine.auction.greedy import in_order, match_greedily
from matcher.engine.auction.match import SMALL, match_round
from matcher.engine.auction.solve import Solution
from matcher.engine.values import Fill, Live, Match
from tests.matcher.markets import PROVIDERS, ask, book_of, demand, peer, simple_book

pytestmark = pytest.mark.unit


def draw_round(seed, *, peers=40, wanted=30, least=False, limits=True, private=False):
    """A market in which many want the same: seeded, so that a failure comes again."""
    draw = random.Random(seed)
    owners = [
        peer(
            number,
            provider=draw.choice(PROVIDERS),
            units=draw.randint(1, 8),
            region=draw.randint(0, 3),
            traits=draw.getrandbits(2),
        )
        for number in range(1, peers + 1)
    ]
    asks = [ask(entry.id, draw.randint(10, 60)) for entry in owners]
    demands = []
    for number in range(wanted):
        units = draw.randint(1, 12)
        demands.append(
            demand(
                sequence=number,
                salt=number,
                units=units,
                min_units=units if least else 1,
                max_price=draw.randint(20, 80),
                deposit=draw.choice([200, 1_000, 10_000]) if limits else 10_000,
                max_units_per_provider=draw.choice([0, 0, 2, 4]) if limits else 0,
                min_regions=draw.choice([0, 0, 0, 2]) if limits and units > 1 else 0,
                regions=draw.choice([0, 0, 1, 3, 6]),
                traits=draw.choice([0, 0, 1, 2]),
            )
        )
    return book_of(owners, asks), demands


@pytest.mark.parametrize("seed", range(4))
def test_match_round__units_alone_bind__saving_is_the_bound(seed):
    book, wanted = draw_round(seed, peers=SMALL + 20, wanted=SMALL + 20, limits=False)

    result = match_round(wanted, book)

    assert result.surplus == result.bound > 0
    assert result.surplus >= match_greedily(in_order(wanted), book).surplus


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("least", [False, True])
def test_match_round__all_limits__lawful_and_never_below_the_plain_way(seed, least):
    book, wanted = draw_round(seed, least=least)
    shuffled = random.Random(seed).sample(wanted, len(wanted))

    result = match_round(wanted, book)

    assert is_lawful(result.matches, book)
    assert match_greedily(in_order(wanted), book).surplus <= result.surplus <= result.bound
    assert match_round(shuffled, book) == result


def test_match_round__restricted_demand_bids_less__higher_one_moves_out_of_its_way():
    # Only peer 1 is in region 1; the higher bid takes it first, as the cheapest.
    book = simple_book((10, 2, 0, 1), (12, 2, 1, 0))
    free, bound_to = demand(units=2, max_price=50), demand(units=2, max_price=40, regions=2)

    result = match_round([free, bound_to], book)

    assert [match.surplus for match in result.matches] == [2 * 38, 2 * 30]
    assert result.gap_ppm == 0


def test_match_round__too_large_to_count__served_first_and_bounded():
    book = simple_book((10, 3, 0, 0))
    huge = demand(units=2, max_price=2**200, deposit=2**63)
    small = demand(units=3, max_price=2**40, deposit=2**46)

    result = match_round([small, huge], book)

    assert [match.units for match in result.matches] == [2, 1]
    assert result.surplus <= result.bound


def test_match_round__proposal_breaks_a_limit__plain_way_instead(monkeypatch):
    book, wanted = draw_round(1)
    greedy = match_greedily(in_order(wanted), book)

    def oversell(market, hashes):
        return Solution([[(0, 9)] for _ in hashes], [0] * len(hashes), 0)

    monkeypatch.setattr(auction, "solve", oversell)

    assert match_round(wanted, book).matches == greedy.matches


@pytest.mark.parametrize(
    ("change", "units"),
    [
        ({}, (3, 0)),
        ({"max_units_per_provider": 1}, (2, 0)),
        ({"deposit": 39}, (2, 0)),
        ({"avoid": {1}}, (1, 0)),
        ({"units": 1}, (2, 0)),
        ({"min_units": 3}, (1, 1)),
        ({"min_regions": 2}, (1, 0)),
        ({"max_price": 9}, (1, 0)),
    ],
)
def test_is_lawful__one_limit_broken__refused(change, units):
    book = simple_book((10, 2, 0, 0), (11, 2, 1, 0))
    entry = demand(**change)
    fills = [Fill(line, n) for line, n in zip(book.asks(), units, strict=True) if n]

    assert not is_lawful([Match(entry, tuple(fills), 0)], book)


def test_is_lawful__two_matches_share_units__refused():
    book = simple_book((10, 2, 0, 0))
    [line] = book.asks()
    one = Match(demand(), (Fill(line, 2),), 0)
    other = replace(one, demand=demand(salt=1))

    assert is_lawful([one], book)
    assert not is_lawful([one, other], book)
    assert not is_lawful([replace(one, fills=(Fill(line, 1), Fill(line, 1)))], book)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("least", [False, True])
def test_match_round__all_limits__no_proposal_is_ever_refused(monkeypatch, seed, least):
    book, wanted = draw_round(seed, least=least)
    verdicts = []

    def check(matches, over):
        verdicts.append(is_lawful(matches, over))
        return verdicts[-1]

    monkeypatch.setattr(auction, "is_lawful", check)
    monkeypatch.setattr(auction, "SMALL", 0)

    match_round(wanted, book)

    assert verdicts == [True]


@pytest.mark.parametrize("small", [0, SMALL])
def test_round__peer_that_is_being_replaced__gets_nothing_of_its_deal(monkeypatch, small):
    # In the plain way, too: what one of both ways does wrong, the other one hides.
    monkeypatch.setattr(auction, "SMALL", small)
    book = book_of([peer(1, units=8, used=2), peer(2)], [ask(1, price=1), ask(2, price=9)])
    going = demand(deal=7, units=4, live=[Live(1, 1, 2, 1)], salt=1, sequence=1)
    going = replace(going, replacing=frozenset({1}), hold=2)
    other = demand(units=1, salt=2, sequence=2)

    found = match_round([going, other], book)

    taken = {m.demand.hash: [f.ask.offer.peer for f in m.fills] for m in found.matches}
    assert taken == {going.hash: [2], other.hash: [1]}
    assert found.surplus <= found.bound
