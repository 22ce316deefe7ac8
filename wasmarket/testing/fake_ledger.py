"""The money and units of a fake market: who has what, and what an epoch moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from wasmarket.app.file import App
from wasmarket.client.market.amounts import to_decimal
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.billing import due
from wasmarket.kernel.errors import NotFound, Unfunded
from wasmarket.kernel.units import Address, Hash

Served = Callable[..., Any]

DEVELOPER = to_address(b"\x0d" * 20)
PROVIDER = to_address(b"\x0e" * 20)


@dataclass(slots=True)
class FakePeer:
    """A machine on offer: `price` in USDC base units per unit and epoch, `work_price` per 10^12
    work, 0: not offered."""

    id: int
    units: int
    region: str
    endpoint: str
    price: int = 0
    work_price: int = 0
    used: int = 0

    def price_of(self, metered: bool) -> int:
        """Return for how much it sells time, or work."""
        return self.work_price if metered else self.price


@dataclass(slots=True)
class FakeFill:
    """Units of a deal at a peer; `earned` is not claimed yet, `paid` was redeemed for `work`."""

    id: int
    peer: FakePeer
    units: int
    price: int
    earned: int = 0
    work: int = 0
    paid: int = 0
    is_over: bool = False


@dataclass(slots=True)
class FakeDeal:
    """A deal: its money and its fills."""

    id: int
    offer: Hash
    app: App
    balance: int
    metered: bool = False
    status: str = "active"
    fills: list[FakeFill] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    @property
    def rate(self) -> int:
        """USDC base units of an epoch."""
        if self.metered:
            return 0
        return sum(fill.units * fill.price for fill in self.fills if not fill.is_over)

    @property
    def units(self) -> int:
        """Units that serve it."""
        return sum(fill.units for fill in self.fills if not fill.is_over)


class FakeLedger:
    """Who has which money and units; what both sides of a fake market share."""

    def __init__(self, tokens: int) -> None:
        self.wallets: dict[Address, int] = {DEVELOPER: tokens, PROVIDER: 0}
        self.free: dict[Address, int] = {DEVELOPER: 0, PROVIDER: 0}
        self.stake = 0
        self.peers: dict[int, FakePeer] = {}
        self.deals: dict[int, FakeDeal] = {}
        self.served: dict[str, Served] = {}
        self._ids = count(1)

    def asks(self, regions: Sequence[str], *, metered: bool = False) -> list[FakePeer]:
        """Return the peers with free units on offer, the cheapest first."""
        fitting = (
            peer
            for peer in self.peers.values()
            if peer.price_of(metered)
            and peer.used < peer.units
            and (not regions or peer.region in regions)
        )
        return sorted(fitting, key=lambda peer: (peer.price_of(metered), peer.id))

    def pull(self, amount: int) -> None:
        """Take money of the developer, the free balance first. Raises Unfunded."""
        held = self.free[DEVELOPER] + self.wallets[DEVELOPER]
        if held < amount:
            raise Unfunded(f"the account has {to_decimal(held)} USDC, not {to_decimal(amount)}")
        from_free = min(self.free[DEVELOPER], amount)
        self.free[DEVELOPER] -= from_free
        self.wallets[DEVELOPER] -= amount - from_free

    def fill(self, deal: FakeDeal, units: int, max_price: int, regions: Sequence[str]) -> None:
        """Give a deal units of the cheapest peers and let its first epoch begin."""
        for peer in self.asks(regions, metered=deal.metered):
            got, price = min(units, peer.units - peer.used), peer.price_of(deal.metered)
            if got and price <= max_price:
                peer.used += got
                units -= got
                deal.fills.append(FakeFill(next(self._ids), peer, got, price))
        self.deals[deal.id] = deal
        self.begin_epoch(deal)

    def begin_epoch(self, deal: FakeDeal) -> None:
        """Have an active deal pay its peers for an epoch, or lapse; a metered one for its work."""
        if deal.status != "active":
            return
        if deal.metered:
            self.redeem(deal)
            return
        if deal.balance < deal.rate:
            self.end(deal, "lapsed")
            return
        deal.balance -= deal.rate
        for fill in deal.fills:
            fill.earned += fill.units * fill.price

    def redeem(self, deal: FakeDeal) -> None:
        """Pay the work of a metered deal as far as its balance goes; what is left stays owed."""
        for fill in deal.fills:
            pay = min(due(fill.work, fill.price) - fill.paid, deal.balance)
            deal.balance -= pay
            fill.paid += pay
            self.free[PROVIDER] += pay

    def end(self, deal: FakeDeal, status: str) -> None:
        """End a deal: its peers have their units back."""
        deal.status = status
        for fill in deal.fills:
            if not fill.is_over:
                fill.peer.used -= fill.units
                fill.is_over = True

    def deal(self, number: int) -> FakeDeal:
        """Return a deal. Raises NotFound."""
        if number not in self.deals:
            raise NotFound(f"there is no deal {number}", field="deal")
        return self.deals[number]

    @property
    def total(self) -> int:
        """All USDC base units, wherever they are: no method changes it."""
        deals = self.deals.values()
        return (
            sum(self.wallets.values())
            + sum(self.free.values())
            + sum(deal.balance for deal in deals)
            + sum(fill.earned for deal in deals for fill in deal.fills)
        )
