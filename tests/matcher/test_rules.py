"""Why a fill is refused: the same number, in the same order, as the law's model says."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.rules import is_accepted, why
from matcher.engine.values import Fill, Live
from tests.matcher.markets import (
    NOW,
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
from tests.model import matching, terms
from wasmarket.kernel.reasons import FillReason

pytestmark = pytest.mark.unit

PEER = {"units": 4, "memory_mib": 512, "region": 3, "traits": 5}


def one_peer(**members):
    return book_of([peer(1, **(PEER | members))], [], {})


@pytest.mark.parametrize(
    ("reason", "peer_terms", "ask_terms", "offer_terms"),
    [
        (0, {}, {}, {}),
        (FillReason.NO_PEER, {}, {"number": 2}, {}),
        (FillReason.PRICE, {}, {"price": 0}, {}),
        (FillReason.PRICE, {}, {"price": 101}, {}),
        (FillReason.PRICE, {}, {"price": 2**48}, {"max_price": 2**60}),
        (FillReason.EXPIRED, {}, {"valid_until": NOW - 1}, {}),
        (0, {}, {"valid_until": NOW}, {}),
        (FillReason.COUNTER, {}, {"counter": 1}, {}),
        (FillReason.PRIVATE, {}, {"developer": account(9)}, {}),
        (FillReason.MEMORY, {}, {}, {"min_memory_mib": 513}),
        (FillReason.REGION, {}, {}, {"regions": 0b0111}),
        (FillReason.TRAITS, {}, {}, {"traits": 2}),
        (FillReason.PROVIDER_LIST, {}, {}, {"providers_mode": 1}),
        (
            FillReason.PROVIDER_LIST,
            {},
            {},
            {"providers_mode": 2, "providers": (PROVIDERS[0],)},
        ),
        (FillReason.NO_UNITS, {"used": 4}, {}, {}),
        (FillReason.NO_UNITS, {}, {}, {"deposit": 9}),
        (FillReason.CANCELLED, {}, {"cancelled": True, "holds": False}, {}),
        (FillReason.SIGNATURE, {}, {"holds": False}, {}),
    ],
)
def test_why__one_thing_wrong__names_it(reason, peer_terms, ask_terms, offer_terms):
    fill = Fill(ask(**({"number": 1, "price": 10} | ask_terms)), 1)

    assert why(demand(**offer_terms), fill, one_peer(**peer_terms)) == reason


def test_why__deal_with_64_assignments__is_full():
    full = demand(deal=1, units=99, live=[Live(n, 1, 1, 1) for n in range(1, 65)])

    assert why(full, Fill(ask(1, 10), 1), one_peer()) == FillReason.DEAL_FULL


def test_why__live_assignment_of_an_unknown_peer__counts_its_units():
    wanted = demand(deal=1, units=1, live=[Live(1, 77, 1, 1)])

    assert why(wanted, Fill(ask(1, 10), 1), one_peer()) == FillReason.NO_UNITS


class LawAsModel(matching.Matching):
    """The model's judge over a book, without a chain around it."""

    def __init__(self, wanted, book):
        self.clock = terms.Clock(book.now, 100)
        self.peers = {
            p.id: terms.Peer(
                p.provider, p.units, p.used, p.memory_mib, p.region, terms.ZERO, p.traits
            )
            for p in book.peers()
        }
        self.counter = {p.provider: book.get_counter(p.provider) for p in book.peers()}
        self.approved, self.cancelled = set(), set()
        self.key_of = lambda offer: offer
        self.deal = terms.Deal(wanted.offer.developer, wanted.balance, 0, 0, 0)
        self.count = matching.Round()
        for entry in wanted.live:
            owner = self.peers[entry.peer]
            self.count.add(owner.provider, owner.region, entry.units, entry.price)

    def reason(self, wanted, entry, units, book):
        owner = book.get_peer(entry.offer.peer)
        provider = owner.provider if owner else terms.ZERO
        if entry.cancelled:
            self.cancelled.add((provider, entry.offer))
        fill = SimpleNamespace(
            offer=entry.offer, units=units, signer=provider if entry.holds else None
        )
        return self.judge(self.deal, wanted.offer, fill, self.count)[0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_why__any_market__agrees_with_the_model_of_the_law(data):
    book = data.draw(markets())
    wanted = data.draw(demands(book))

    for entry in book.asks():
        expected = LawAsModel(wanted, book).reason(wanted, entry, 1, book)

        assert why(wanted, Fill(entry, 1), book) == expected


@pytest.mark.parametrize(
    "members", [{"min_units": 3, "units": 9}, {"min_regions": 2}, {"units": 1}]
)
def test_is_accepted__minimum_missed_or_too_many_units__no(members):
    book = simple_book((10, 9, 0, 0))
    [entry] = book.asks()

    assert not is_accepted(demand(**members), (Fill(entry, 2),), book)
    assert not is_accepted(demand(deal=1, units=1), (Fill(entry, 2),), book)
    assert not is_accepted(demand(), (), book)
