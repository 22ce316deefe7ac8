"""Small markets for the engine's tests: builders, Hypothesis strategies and a brute force."""

from dataclasses import replace
from itertools import product

from hypothesis import strategies as st

from matcher.engine.index.order_book import OrderBook
from matcher.engine.rules import is_accepted
from matcher.engine.values import Ask, Demand, Fill, Live, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer

NOW = 1_000_000
LATER = NOW + 1_000


def account(number):
    return to_address(number.to_bytes(20, "big"))


DEVELOPER = account(0xD0)
PROVIDERS = tuple(account(0x100 + n) for n in range(4))


def name(*parts):
    return to_hash(keccak(repr(parts).encode()))


def developer_offer(**members):
    terms = {
        "developer": DEVELOPER,
        "app": name("app"),
        "min_units": 1,
        "units": 4,
        "max_units_per_provider": 0,
        "min_regions": 0,
        "meter": ZERO_ADDRESS,
        "max_price": 100,
        "epochs": 0,
        "deposit": 10_000,
        "min_memory_mib": 0,
        "regions": 0,
        "traits": 0,
        "providers": (),
        "providers_mode": 0,
        "matcher": ZERO_ADDRESS,
        "tip": 0,
        "valid_until": LATER,
        "counter": 0,
        "salt": 0,
    }
    return DeveloperOffer(**(terms | members))


def demand(*, sequence=0, deal=0, balance=None, live=(), avoid=(), **members):
    offer = developer_offer(**members)
    return Demand(
        hash=name("demand", offer),
        offer=offer,
        sequence=sequence,
        balance=offer.deposit if balance is None else balance,
        deal=deal,
        live=tuple(live),
        avoid=frozenset(avoid),
    )


def peer(number, **members):
    terms = {
        "provider": PROVIDERS[0],
        "units": 4,
        "used": 0,
        "memory_mib": 1_024,
        "region": 0,
        "traits": 0,
    }
    return Peer(number, **(terms | members))


def ask(number, price, *, sequence=None, salt=0, holds=True, cancelled=False, **members):
    terms = {"kind": 0, "developer": ZERO_ADDRESS, "valid_until": LATER, "counter": 0, "salt": salt}
    offer = ProviderOffer(peer=number, price=price, **(terms | members))
    return Ask(
        name("ask", offer), offer, number if sequence is None else sequence, holds, cancelled
    )


def book_of(peers, asks, counters=()):
    book = OrderBook(NOW)
    for entry in peers:
        book.put_peer(entry)
    for owner, counter in dict(counters).items():
        book.set_counter(owner, counter)
    for entry in asks:
        book.add(entry)
    return book


def simple_book(*lines):
    """One peer and one ask per line of (price, units, provider index, region)."""
    peers = [
        peer(n, units=units, provider=PROVIDERS[owner], region=region)
        for n, (_, units, owner, region) in enumerate(lines, 1)
    ]
    return book_of(peers, [ask(n, line[0]) for n, line in enumerate(lines, 1)])


small = st.integers(0, 3)
prices = st.integers(1, 6)
peer_terms = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(PROVIDERS[:3]),
        "units": st.integers(1, 4),
        "used": st.integers(0, 2),
        "memory_mib": st.sampled_from([512, 1_024]),
        "region": st.integers(0, 2),
        "traits": st.integers(0, 3),
    }
)


@st.composite
def markets(draw, most=4):
    """A book of up to `most` peers, some with two asks, some asks useless."""
    peers = [
        peer(n, **terms) for n, terms in enumerate(draw(st.lists(peer_terms, max_size=most)), 1)
    ]
    peers = [replace(p, used=min(p.used, p.units)) for p in peers]
    asks = []
    for number in [p.id for p in peers] + [99]:
        for salt in range(draw(st.integers(0, 2))):
            asks.append(
                ask(
                    number,
                    draw(prices),
                    salt=salt,
                    sequence=draw(small),
                    holds=draw(st.integers(0, 9)) > 0,
                    cancelled=draw(st.integers(0, 9)) == 0,
                    counter=int(draw(st.integers(0, 9)) == 0),
                    valid_until=NOW - (draw(st.integers(0, 9)) == 0),
                    developer=draw(st.sampled_from([ZERO_ADDRESS] * 4 + [DEVELOPER, PROVIDERS[0]])),
                )
            )
    return book_of(peers, asks)


@st.composite
def demands(draw, book, sequence=0):
    """A demand for that book, sometimes of a deal with something alive in it."""
    live = []
    peers = list(book.peers())
    if peers and draw(st.booleans()):
        some = draw(st.sampled_from(peers))
        live.append(Live(draw(st.integers(1, 5)), some.id, 1, draw(prices)))
    deal = 7 if live else draw(st.sampled_from([0, 0, 0, 7]))
    units = draw(st.integers(1, 6))
    return demand(
        sequence=sequence,
        deal=deal,
        live=live,
        balance=draw(st.integers(0, 40)) if deal else None,
        units=units,
        min_units=draw(st.integers(1, units)),
        max_units_per_provider=draw(st.sampled_from([0, 0, 1, 2, 3])),
        min_regions=draw(st.integers(0, 3)),
        max_price=draw(st.integers(0, 6)),
        deposit=draw(st.sampled_from([0, 5, 12, 20, 1_000])),
        min_memory_mib=draw(st.sampled_from([0, 0, 1_024])),
        regions=draw(st.sampled_from([0, 0, 0, 1, 3, 6])),
        traits=draw(st.sampled_from([0, 0, 0, 1, 2])),
        providers=tuple(draw(st.lists(st.sampled_from(PROVIDERS[:3]), max_size=2))),
        providers_mode=draw(st.sampled_from([0, 0, 1, 2])),
        salt=draw(small) + sequence * 10,
    )


def can_be_activated(wanted, fills):
    """Whether the balance pays two epochs of the new fills beside one of what is alive."""
    alive = sum(entry.units * entry.price for entry in wanted.live)
    return not fills or alive + 2 * sum(fill.cost for fill in fills) <= wanted.balance


def best_by_trying(wanted, book):
    """Try every choice of units of every ask; return the best (units, -total)."""
    lines = [
        (entry, book.get_peer(entry.offer.peer))
        for entry in book.asks()
        if book.get_peer(entry.offer.peer) is not None
    ]
    cheapest = {}
    for entry, owner in lines:  # a dearer ask of the same peer can be replaced by the cheapest
        if is_accepted(replace(wanted, deal=1), (Fill(entry, 1),), book):
            cheapest.setdefault(owner.id, entry)
    entries = list(cheapest.values())
    ranges = [range(book.get_peer(entry.offer.peer).free + 1) for entry in entries]
    best = (0, 0)
    for amounts in product(*ranges):
        fills = tuple(Fill(e, n) for e, n in zip(entries, amounts, strict=True) if n)
        units, total = sum(amounts), -sum(fill.cost for fill in fills)
        if (
            (units, total) > best
            and units <= wanted.want
            and is_accepted(wanted, fills, book)
            and can_be_activated(wanted, fills)
        ):
            best = (units, total)
    return best
