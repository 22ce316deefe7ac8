"""Wishes: they exclude whom they say, change who is chosen, and never what is paid."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.answers.explain import Supply, explain
from matcher.engine.answers.opportunities import Contest, find_opportunities
from matcher.engine.answers.quotes import quote
from matcher.engine.auction.match import match_round
from matcher.engine.auction.preferences import match_alone
from matcher.engine.facts import Latency, PeerFacts, PeerHistory, judge_peer
from matcher.engine.rules import is_accepted
from matcher.engine.single.solve import match_one
from matcher.engine.values import Fill
from tests.matcher.markets import (
    PROVIDERS,
    ask,
    best_by_trying,
    book_of,
    can_be_activated,
    demand,
    demands,
    markets,
    peer,
    simple_book,
)
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import MONTH_SECONDS, NO_WISH, PPM, Wish

pytestmark = pytest.mark.unit

SITES = ("alpha-1", "beta-1", "gamma-1")
EPOCH = MONTH_SECONDS // 10

histories = st.builds(
    PeerHistory, st.sampled_from([None, 0, 500_000, PPM]), st.integers(0, 2), st.integers(0, 3)
)
known = st.builds(
    PeerFacts,
    site=st.sampled_from(("", *SITES)),
    speed=st.integers(0, 3),
    claims=st.sampled_from([(), ("iso",), ("iso", "renewable")]),
    history=st.none() | histories,
    latencies=st.sampled_from(
        [
            (),
            (Latency("gw", 5),),
            (Latency("other", 5), Latency("gw", 50)),
            (Latency("other", 50),),
        ]
    ),
)
limits = st.builds(
    Wish,
    min_uptime_ppm=st.sampled_from([0, 0, 0, 1, 500_000, PPM]),
    max_evictions=st.sampled_from([ANY, ANY, ANY, 0, 1]),
    min_age_epochs=st.sampled_from([0, 0, 0, 2]),
    max_latency_ms=st.sampled_from([0, 0, 10]),
    gateway=st.just("gw"),
    min_speed=st.sampled_from([0, 0, 0, 2]),
    data_centers=st.sampled_from([(), (), SITES[:1], SITES[:2]]),
    claims=st.sampled_from([(), (), ("iso",), ("iso", "renewable")]),
)
budgets = st.sampled_from([0, 0, 30, 100, 500])
weights = st.dictionaries(
    st.sampled_from(PROVIDERS[:3]), st.sampled_from([100_000, 500_000, 2 * PPM, 10 * PPM])
).map(lambda found: tuple(sorted(found.items())))


def fits(wish, facts):
    """What a wish means, once more and plainly."""
    history = facts.history
    return all(
        (
            not wish.data_centers or facts.site in wish.data_centers,
            facts.speed >= wish.min_speed,
            set(wish.claims) <= set(facts.claims),
            not wish.min_uptime_ppm
            or (
                history is not None
                and history.uptime_ppm is not None
                and history.uptime_ppm >= wish.min_uptime_ppm
            ),
            wish.max_evictions == ANY
            or (history is not None and history.evictions <= wish.max_evictions),
            not wish.min_age_epochs
            or (history is not None and history.age_epochs >= wish.min_age_epochs),
            not wish.max_latency_ms
            or all(m.ms <= wish.max_latency_ms for m in facts.latencies if m.gateway == "gw"),
        )
    )


def with_facts(data, book):
    book.storage.facts.put({peer.id: data.draw(known) for peer in book.peers()})
    return book


def asking(wanted, wish):
    return replace(wanted, wish=wish, epoch_seconds=EPOCH)


def only_fit(wanted, book):
    """The same demand without its wish, over peers that it excludes named one by one."""
    unfit = {
        peer.id for peer in book.peers() if not fits(wanted.wish, book.storage.facts.get(peer.id))
    }
    return replace(wanted, wish=NO_WISH, avoid=wanted.avoid | unfit)


def is_within(wanted, fills):
    ceiling = wanted.ceiling
    return not fills or ceiling is None or wanted.spent + sum(f.cost for f in fills) <= ceiling


def choices(wanted, book):
    """Every choice of units that both sides allow, but for the money."""
    cheapest = {}
    for entry in book.asks():
        owner = book.get_peer(entry.offer.peer)
        rich = replace(wanted, deal=1, balance=10**9)
        if owner is None or owner.id in wanted.avoid or owner.id in cheapest:
            continue
        if is_accepted(rich, (Fill(entry, 1),), book):
            cheapest[owner.id] = entry
    entries = list(cheapest.values())
    for amounts in product(*(range(book.get_peer(e.offer.peer).free + 1) for e in entries)):
        fills = tuple(Fill(e, n) for e, n in zip(entries, amounts, strict=True) if n)
        rich = replace(wanted, balance=10**9)
        if sum(amounts) <= wanted.want and (not fills or is_accepted(rich, fills, book)):
            yield fills


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_match_one__any_wish__is_the_best_of_the_peers_that_it_lets_in(data):
    book = with_facts(data, data.draw(markets()))
    wanted = asking(data.draw(demands(book)), data.draw(limits))

    match = match_one(wanted, book)

    plain = only_fit(wanted, book)
    fills = [f for f in choices(plain, book) if can_be_activated(plain, f) or not f]
    best = max((sum(f.units for f in fill), -sum(f.cost for f in fill)) for fill in fills)
    assert (match.units, -match.total) == best
    assert match.is_exact
    for fill in match.fills:
        facts = book.storage.facts.get(fill.ask.offer.peer)
        assert fits(wanted.wish, facts)
        assert not judge_peer(wanted.wish, facts)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_match_one__budget_of_a_month__is_the_best_that_it_pays(data):
    book = data.draw(markets())
    wanted = asking(data.draw(demands(book)), Wish(budget_per_month=data.draw(budgets)))

    match = match_one(wanted, book)

    paid = [
        fills
        for fills in choices(wanted, book)
        if can_be_activated(wanted, fills) and is_within(wanted, fills)
    ]
    best = max((sum(f.units for f in fill), -sum(f.cost for f in fill)) for fill in [(), *paid])
    assert (match.units, -match.total) == best


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_match_alone__any_weights__is_the_best_by_weighted_cost_that_the_money_pays(data):
    book = data.draw(markets())
    wanted = asking(data.draw(demands(book)), Wish(provider_weights=data.draw(weights)))

    def worth(fills):
        ranked = sum(
            fill.units
            * wanted.rank_price(book.get_peer(fill.ask.offer.peer).provider, fill.ask.offer.price)
            for fill in fills
        )
        return sum(fill.units for fill in fills), -ranked

    match, plain = match_alone(wanted, book), match_one(wanted, book)

    assert match.units == plain.units == best_by_trying(replace(wanted, wish=NO_WISH), book)[0]
    best = max(map(worth, choices(wanted, book)))
    affordable = [f for f in choices(wanted, book) if worth(f) == best]
    if any(can_be_activated(wanted, f) for f in affordable) and worth(match.fills) != best:
        # Of choices that are equally good the earliest counts, and that one costs too much.
        assert not all(can_be_activated(wanted, f) for f in affordable)
    if all(can_be_activated(wanted, f) for f in affordable):
        assert worth(match.fills) == best
    if not any(can_be_activated(wanted, f) for f in affordable):
        assert match.fills == plain.fills
    assert is_accepted(wanted, match.fills, book) or not match.fills
    assert all(fill.ask.offer.price <= wanted.offer.max_price for fill in match.fills)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_match_round__several_wishes__none_is_broken_and_nobody_oversold(data):
    book = with_facts(data, data.draw(markets(most=6)))
    wanted = [
        asking(
            data.draw(demands(book, n)),
            replace(
                data.draw(limits),
                budget_per_month=data.draw(budgets),
                provider_weights=data.draw(weights),
            ),
        )
        for n in range(data.draw(st.integers(2, 4)))
    ]

    result = match_round(wanted, book)

    sold = {}
    for match in result.matches:
        entry = match.demand
        assert is_within(entry, match.fills)
        assert can_be_activated(entry, match.fills)
        assert not match.fills or is_accepted(entry, match.fills, book)
        for fill in match.fills:
            peer = fill.ask.offer.peer
            sold[peer] = sold.get(peer, 0) + fill.units
            assert fits(entry.wish, book.storage.facts.get(peer))
    assert all(units <= book.get_peer(peer).free for peer, units in sold.items())
    assert result.surplus <= result.bound


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_match_round__weights__take_no_unit_from_anybody(data):
    book = data.draw(markets(most=6))
    plain = [data.draw(demands(book, n)) for n in range(3)]
    first = asking(plain[0], Wish(provider_weights=data.draw(weights)))

    with_weights = match_round([first, *plain[1:]], book)
    without = match_round(plain, book)

    units = {match.demand.hash: match.units for match in without.matches}
    for match in with_weights.matches:
        assert match.units >= units[match.demand.hash]
    kept = {m.demand.hash: m.fills for m in without.matches}
    assert all(m.fills == kept[m.demand.hash] for m in with_weights.matches if m.demand != first)


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_explain__any_wish__every_suggestion_really_gives_what_it_says(data):
    book = with_facts(data, data.draw(markets(most=5)))
    wish = replace(data.draw(limits), budget_per_month=data.draw(budgets))
    wanted = asking(data.draw(demands(book)), wish)

    explanation = explain(wanted, book)

    assert explanation.units == match_one(wanted, book).units
    for relaxation in explanation.relaxations:
        if relaxation.peers is None:
            continue
        wider = replace(wish, **{relaxation.field: relaxation.after})
        assert match_one(replace(wanted, wish=wider), book).units == relaxation.units
        assert relaxation.units > explanation.units

        def count(asked):
            peers = [peer.id for peer in book.peers()]
            return sum(fits(asked, book.storage.facts.get(peer)) for peer in peers)

        assert relaxation.peers == count(wider) - count(wish)


def test_explain__evictions_exclude__names_whom_how_many_and_the_smallest_change():
    book = simple_book((10, 2, 0, 0), (20, 3, 1, 0), (30, 4, 2, 0))
    book.storage.facts.put(
        {
            n: PeerFacts(history=PeerHistory(PPM, evictions, 9))
            for n, evictions in enumerate((0, 1, 2), 1)
        }
    )
    wanted = asking(demand(units=5), Wish(max_evictions=0))

    found = explain(wanted, book)

    excluded = {entry.constraint: entry for entry in found.excluded}
    assert found.units == 2
    assert excluded["max_evictions"].alone == Supply(2, 7)
    assert excluded["gave_up"].alone == Supply(0, 0)
    assert found.together == ("max_evictions",)
    [least] = [entry for entry in found.relaxations if entry.field == "max_evictions"]
    assert (least.before, least.after, least.units, least.peers) == (0, 1, 5, 1)


def test_explain__ask_of_a_peer_that_is_gone__is_not_counted_among_peers():
    book = book_of([peer(1, units=1), peer(2, units=1)], [ask(n, 10) for n in (1, 2, 99)])

    found = explain(asking(demand(units=2), Wish(min_speed=2)), book)

    [change] = [entry for entry in found.relaxations if entry.field == "min_speed"]
    assert (change.after, change.units, change.peers) == (0, 2, 2)


def test_explain__budget_excludes__names_the_month_that_would_do():
    book = simple_book((10, 2, 0, 0), (20, 2, 1, 0))
    wanted = asking(demand(units=4), Wish(budget_per_month=200))

    found = explain(wanted, book)

    assert found.units == 2
    assert {e.constraint: e for e in found.excluded}["budget_per_month"].last.units == 2
    [change] = [entry for entry in found.relaxations if entry.field == "budget_per_month"]
    assert (change.after, change.units) == (600, 4)


def test_explain__no_wish__constraints_are_those_of_the_offer_alone():
    names = {entry.constraint for entry in explain(demand(), simple_book((1, 1, 0, 0))).excluded}

    assert names.isdisjoint({"data_centers", "max_evictions", "budget_per_month"})


def test_match_alone__preferred_provider_a_little_dearer__is_chosen_and_paid_its_ask():
    book = simple_book((1_000, 2, 0, 0), (1_100, 2, 1, 0))
    wanted = demand(units=2, max_price=2_000)
    liked = asking(wanted, Wish(provider_weights=((PROVIDERS[1], 900_000),)))

    assert [fill.ask.offer.price for fill in match_one(wanted, book).fills] == [1_000]
    match = match_alone(liked, book)

    assert [(fill.ask.offer.price, fill.units) for fill in match.fills] == [(1_100, 2)]
    assert match.total == 2_200


def test_match_alone__preferred_provider_above_the_ceiling__is_not_chosen():
    book = simple_book((10, 2, 0, 0), (101, 2, 1, 0))
    liked = asking(demand(units=2), Wish(provider_weights=((PROVIDERS[1], 100_000),)))

    assert [fill.ask.offer.price for fill in match_alone(liked, book).fills] == [10]


def test_match_alone__money_does_not_reach_for_the_preferred__takes_the_cheapest():
    book = simple_book((10, 2, 0, 0), (19, 2, 1, 0))
    liked = asking(demand(units=2, deposit=50), Wish(provider_weights=((PROVIDERS[1], 100_000),)))

    assert [fill.ask.offer.price for fill in match_alone(liked, book).fills] == [10]


def test_quote__weights__shows_the_price_of_what_would_be_chosen():
    book = simple_book((10, 2, 0, 0), (11, 4, 1, 0))
    liked = asking(demand(units=4), Wish(provider_weights=((PROVIDERS[1], 500_000),)))

    assert [(point.units, point.total) for point in quote(liked, book)][-1] == (4, 44)


def test_judge_peer__nothing_known_of_it__fails_what_must_be_known_and_no_latency():
    wish = Wish(max_latency_ms=1, gateway="gw", max_evictions=0, data_centers=SITES)

    assert judge_peer(wish, PeerFacts()) == ("data_centers", "max_evictions")
    assert judge_peer(NO_WISH, PeerFacts()) == ()


def test_opportunities__wish_excludes_all_peers_of_a_provider__is_told_and_no_price_helps():
    book = simple_book((10, 2, 0, 0), (20, 3, 1, 0), (30, 4, 1, 0))
    book.storage.facts.put({1: PeerFacts(site=SITES[0]), 2: PeerFacts(site=SITES[1])})
    contest = Contest(asking(demand(units=2), Wish(data_centers=SITES[:1])), 10)

    [lost] = find_opportunities(PROVIDERS[1], [contest], book)
    fitting = replace(contest, demand=asking(demand(units=2), Wish(data_centers=SITES[:2])))
    [dear] = find_opportunities(PROVIDERS[1], [fitting], book)

    assert (lost.wishes, lost.price_to_win, lost.lost_by) == (("data_centers",), None, None)
    assert (dear.wishes, dear.price_to_win) == ((), 9)
