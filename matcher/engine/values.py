"""What the engine reads and answers. Money is USDC base units.

Prices are per unit and epoch, or per 10^12 work: a book and its demands are of one kind. What is
said of "an epoch" is then said of 10^12 work for each unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wasmarket.kernel.selection.wishes import NO_WISH, PPM, Wish
from wasmarket.kernel.signing.offers import DeveloperOffer, PriceKind, ProviderOffer
from wasmarket.kernel.units import Address, Hash

ENGINE = "cheapest-feasible/8"
"""Names these rules in match records; whoever replays a match needs the same."""

MAX_FILLS = 32
MAX_LIVE = 64
NO_CAP = 2**16
PRICE_BELOW = 2**48


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as the chain has it; `used` units are in assignments, dead ones included."""

    id: int
    provider: Address
    units: int
    used: int
    memory_mib: int
    region: int
    traits: int

    @property
    def free(self) -> int:
        """How many units are for sale now."""
        return max(0, self.units - self.used)


@dataclass(frozen=True, slots=True)
class Ask:
    """A provider offer in the book.

    `sequence` says how early it came (ties go to the earlier), `holds` that the peer's provider
    signed it or approved it on chain, `cancelled` that the provider cancelled it.
    """

    hash: Hash
    offer: ProviderOffer
    sequence: int
    holds: bool = True
    cancelled: bool = False

    @property
    def order(self) -> tuple[int, int, Hash]:
        """Where it stands in the book: cheapest first, then earlier, then by hash."""
        return self.offer.price, self.sequence, self.hash


@dataclass(frozen=True, slots=True)
class Live:
    """An assignment that is alive in a demand's deal."""

    id: int
    peer: int
    units: int
    price: int


ACTIVATION_EPOCHS = 2
"""So many epochs must a balance pay of a fill for it to be activated at any moment."""

FUNDED_EPOCHS = 10
"""For so many epochs must a balance pay all units at the bid for the bid to count in full."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A developer offer that wants units.

    `deal` is 0 before the first match; `balance` is then the offer's deposit, afterwards the
    deal's settled balance. `live` has every alive assignment of the deal, by id. `avoid`: peers
    that gave the deal up or were dropped from it, and do not get it again so soon; the contract
    would allow it. At the developer's word, `hold` units are kept back, and those of the
    assignments `replacing` are wanted elsewhere too, as far as the offer allows. `wish` says which
    peers they may come from beside, and what they may cost in a month of epochs of
    `epoch_seconds`.
    """

    hash: Hash
    offer: DeveloperOffer
    sequence: int
    balance: int
    deal: int = 0
    live: tuple[Live, ...] = ()
    avoid: frozenset[int] = frozenset()
    hold: int = 0
    replacing: frozenset[int] = frozenset()
    wish: Wish = NO_WISH
    epoch_seconds: int = 0

    @property
    def want(self) -> int:
        """How many units are still missing."""
        have = sum(entry.units for entry in self.live)
        going = sum(entry.units for entry in self.live if entry.id in self.replacing)
        return max(0, self.offer.units - have - max(0, self.hold - going))

    @property
    def passed_over(self) -> frozenset[int]:
        """Peers that get none of its units: those to avoid, and those to be replaced."""
        if not self.replacing:
            return self.avoid
        return self.avoid | {entry.peer for entry in self.live if entry.id in self.replacing}

    def rank_price(self, provider: Address, price: int) -> int:
        """Return what a price counts for where providers are compared, rounded up."""
        weight = dict(self.wish.provider_weights).get(provider, PPM)
        return -(-price * weight // PPM)

    @property
    def kind(self) -> PriceKind:
        """Which asks may fill it."""
        return self.offer.kind

    @property
    def reserve(self) -> int:
        """How many times the price of its units the balance must hold for them to start.

        A metered deal is activated without a look at its money.
        """
        return ACTIVATION_EPOCHS if self.kind is PriceKind.RESERVED else 1

    @property
    def weight(self) -> int:
        """What one of its units counts for in a round: no more than its money would pay.

        A bid costs nothing until units are had, and then only their ask. So a bid counts as far as
        the balance would pay all units at that price for some epochs; of a metered one, once.
        """
        times = FUNDED_EPOCHS if self.kind is PriceKind.RESERVED else 1
        most = self.balance // (max(1, self.offer.units) * times)
        return min(self.offer.max_price, most)

    @property
    def spent(self) -> int:
        """What its live units cost in an epoch."""
        return sum(entry.units * entry.price for entry in self.live)

    @property
    def ceiling(self) -> int | None:
        """What all its units may cost in an epoch at its developer's wish; None: whatever."""
        return self.wish.most_per_epoch(self.epoch_seconds)

    @property
    def is_first(self) -> bool:
        """Whether no deal was made of the offer yet, so that the minimums count."""
        return self.deal == 0

    @property
    def budget(self) -> int:
        """What new fills may cost in one epoch and still be activated.

        The contract matches what one epoch more can pay for, but activation needs the share of
        the epoch that has begun and a whole one after it. Rounds down: half, so it always can.
        """
        budget = (self.balance - self.spent) // self.reserve
        ceiling = self.ceiling
        return max(0, budget if ceiling is None else min(budget, ceiling - self.spent))


@dataclass(frozen=True, slots=True)
class DemandLimits:
    """What all fills together must keep to.

    `want` units, `budget` per epoch, `fills` lines, at least `regions` distinct regions, and per
    provider `cap` less what it has `sold` to the deal already.
    """

    want: int
    budget: int
    fills: int
    regions: int
    cap: int
    sold: Mapping[Address, int]

    def room(self, provider: Address) -> int:
        """Return how many units may still come from a provider."""
        return max(0, self.cap - self.sold.get(provider, 0))


@dataclass(frozen=True, slots=True)
class Fill:
    """Units that an ask gives to a demand."""

    ask: Ask
    units: int

    @property
    def cost(self) -> int:
        """What it costs in a whole epoch."""
        return self.units * self.ask.offer.price


@dataclass(frozen=True, slots=True)
class Match:
    """The fills for one demand, cheapest first; none at all when the offer cannot be matched.

    `bound` is a proven upper bound of `surplus`; `is_exact` says that nothing better exists.
    """

    demand: Demand
    fills: tuple[Fill, ...]
    bound: int
    is_exact: bool = True

    @property
    def units(self) -> int:
        """How many units it adds."""
        return sum(fill.units for fill in self.fills)

    @property
    def total(self) -> int:
        """What the fills cost in a whole epoch."""
        return sum(fill.cost for fill in self.fills)

    @property
    def surplus(self) -> int:
        """How much more its units count for than they cost in a whole epoch.

        A unit that costs more than it counts for adds nothing and takes nothing away.
        """
        weight = self.demand.weight
        return sum(max(0, weight - fill.ask.offer.price) * fill.units for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Round:
    """Matches of several demands over one book, in the order in which they were solved."""

    matches: tuple[Match, ...]
    bound: int

    @property
    def surplus(self) -> int:
        """The surplus of all matches."""
        return sum(match.surplus for match in self.matches)

    @property
    def units(self) -> int:
        """How many units all matches add."""
        return sum(match.units for match in self.matches)

    @property
    def total(self) -> int:
        """What all fills cost in a whole epoch."""
        return sum(match.total for match in self.matches)

    @property
    def gap_ppm(self) -> int:
        """How far the surplus may be from the best possible one, rounded up."""
        return gap_ppm(self.surplus, self.bound)


def gap_ppm(value: int, bound: int) -> int:
    """Return the distance of `value` from its upper bound in parts per million, rounded up."""
    return -((value - bound) * 1_000_000 // bound) if bound else 0
