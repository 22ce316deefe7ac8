"""What a provider asks for the units of a peer, and when: the `[offers]` table of a policy. Pure.

Prices are USDC base units per unit and epoch, or per 10^12 work; times are chain seconds, in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.traits import traits_of
from wasmarket.kernel.units import Address

DAY = 86_400
FIRST_WEEKDAY = 3
"""The first day of the chain's clock was a Thursday."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which units are offered: on `days` (0 = Monday), seconds after midnight, UTC.

    With `end` at or before `start` it lasts into the next day. `price` None: the usual one.
    """

    days: tuple[int, ...]
    start: int
    end: int
    price: int | None = None

    def covers(self, at: int) -> bool:
        """Say whether the window is open at a time."""
        day, second = weekday(at), at % DAY
        if self.start < self.end:
            return day in self.days and self.start <= second < self.end
        after_midnight = (day - 1) % 7 in self.days and second < self.end
        return after_midnight or (day in self.days and second >= self.start)


@dataclass(frozen=True, slots=True)
class Pricing:
    """What is asked: `price`, more for each of `traits` and `regions` that a peer has; and from the
    same units `work_price`, if metered deals are to be had too.

    `developers` are private prices, in place of all that. Without `schedule` units are always
    offered; with one, only in its windows, the first that is open deciding. An offer holds for
    `valid_seconds` at most, and never beyond the window that it was made in.
    """

    price: int
    work_price: int | None = None
    traits: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)
    developers: Mapping[Address, int] = field(default_factory=dict)
    schedule: tuple[Window, ...] = ()
    valid_seconds: int = DAY
    withdraw: str = "matcher"
    matchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What the chain says of a peer that is for sale; `traits` is a mask."""

    peer: int
    units: int
    region: int
    traits: int


@dataclass(frozen=True, slots=True)
class PricedAsk:
    """An offer that is to stand now; ZERO_ADDRESS: for anybody. It may be filled
    up to and including `until`.
    """

    peer: int
    kind: PriceKind
    developer: Address
    price: int
    until: int


def find_asks(
    pricing: Pricing, machine: Machine, only: Sequence[Address], at: int
) -> tuple[PricedAsk, ...]:
    """Return the offers of a machine that are to stand at a time.

    `only`: the developers whom the peer takes, if not all; then nobody else is offered anything.
    """
    window = open_window(pricing, at)
    if machine.units == 0 or (pricing.schedule and window is None):
        return ()
    change = next_change(pricing, at)
    until = at + pricing.valid_seconds
    if change is not None:
        until = min(until, change - 1)
    usual = price_of(pricing, machine, window)
    prices = dict.fromkeys(only or (ZERO_ADDRESS,), usual)
    for developer, price in pricing.developers.items():
        if not only or developer in only:
            prices[developer] = price
    asks = [
        PricedAsk(machine.peer, PriceKind.RESERVED, developer, price, until)
        for developer, price in sorted(prices.items())
    ]
    if pricing.work_price is not None:
        asks += [
            PricedAsk(machine.peer, PriceKind.METERED, developer, pricing.work_price, until)
            for developer in sorted(only or (ZERO_ADDRESS,))
        ]
    return tuple(asks)


def price_of(pricing: Pricing, machine: Machine, window: Window | None) -> int:
    """Return the public price of a machine in a window: base and surcharges."""
    base = pricing.price if window is None or window.price is None else window.price
    names = traits_of(machine.traits)
    surcharges = sum(pricing.traits.get(name, 0) for name in names)
    return base + surcharges + pricing.regions.get(region_code(machine.region), 0)


def open_window(pricing: Pricing, at: int) -> Window | None:
    """Return the window that decides at a time, None if none is open."""
    return next((window for window in pricing.schedule if window.covers(at)), None)


def next_change(pricing: Pricing, at: int) -> int | None:
    """Return when another window decides than at a time; None if that never happens."""
    midnight = at - at % DAY
    edges = {
        midnight + day * DAY + second
        for window in pricing.schedule
        for second in (window.start, window.end)
        for day in range(9)
    }
    now = open_window(pricing, at)
    for edge in sorted(edge for edge in edges if edge > at):
        if open_window(pricing, edge) != now:
            return edge
    return None


def weekday(at: int) -> int:
    """Return the day of the week of a time, 0 = Monday."""
    return (at // DAY + FIRST_WEEKDAY) % 7
