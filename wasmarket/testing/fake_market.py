"""A market in memory for tests of programs that use one: no chain, no service, no network.

`FakeMarket` has the methods of what `wasmarket.connect` returns. Functions of an app are Python
functions, epochs pass when the test says so, and the money adds up. Simpler than the market: an
epoch is paid whole when it begins, there is one developer and one provider, and an offer is matched
at once or refused.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Unpack

from wasmarket.app.file import App, load_app
from wasmarket.app.overrides import keep_values, override_settings
from wasmarket.client.market.amounts import (
    Amountlike,
    read_usdc,
    to_decimal,
)
from wasmarket.client.market.asynchronous import AsyncView
from wasmarket.client.market.developer import DEPOSIT_EPOCHS, Names
from wasmarket.client.market.results import (
    CallResult,
    DealAssignment,
    DealState,
    LoadPrice,
    OfferState,
    PaidWork,
    PricePoint,
)
from wasmarket.client.market.wishes import WishKeywords, read_wish
from wasmarket.client.usage.loads import BYTES, Load, compare
from wasmarket.client.usage.meters import ask_for_work, check_meter
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.billing import due
from wasmarket.kernel.documents.receipts import CallStatus, call_work
from wasmarket.kernel.errors import InvalidInput, NotFound, Refused, RunwayOver
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.regions import region_mask
from wasmarket.kernel.units import FLT, USDC, Hash
from wasmarket.testing.fake_ledger import (
    DEVELOPER,
    PROVIDER,
    FakeDeal,
    FakeLedger,
    Served,
)
from wasmarket.testing.fake_provider import FakeProvider

DAY_SECONDS = 86_400
TOKENS = 10_000 * USDC
STAKE = 100_000 * FLT


class FakeDeveloper:
    """What `Developer` does, in memory."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self._ids = count(1)

    @property
    def address(self) -> str:
        """The account's address."""
        return DEVELOPER

    def quote(
        self,
        *,
        units: int = 1,
        regions: Names = (),
        traits: Names = (),
        memory_mib: int = 0,
        min_regions: int = 0,
        max_units_per_provider: int = 0,
        max_price: Amountlike | None = None,
        metered: bool = False,
        **wish: Unpack[WishKeywords],
    ) -> list[PricePoint]:
        """Return what units cost now, by time or work: one point for each peer that adds some."""
        read_wish(wish)
        _ = region_mask(regions)
        most = None if max_price is None else read_usdc(max_price, "max_price")
        points: list[PricePoint] = []
        had = total = 0
        for peer in self._ledger.asks(regions, metered=metered):
            got, price = min(units - had, peer.units - peer.used), peer.price_of(metered)
            if got > 0 and (most is None or price <= most):
                had, total = had + got, total + got * price
                points.append(PricePoint(had, to_decimal(total), to_decimal(price)))
        return points

    def compare(self, *, calls: int, ms: float, size: int = BYTES, units: int = 1) -> LoadPrice:
        """Return what a month of calls costs either way, with epochs of a day."""
        curves = [
            [
                {"units": point.units, "total": read_usdc(point.total)}
                for point in self.quote(units=units, metered=metered)
            ]
            for metered in (False, True)
        ]
        found = compare(Load(calls, round(ms * 1_000), size), units, DAY_SECONDS, *curves)
        reserved, metered = (
            None if cost is None else to_decimal(cost) for cost in (found.reserved, found.metered)
        )
        return LoadPrice(reserved, metered, found.load.work)

    def deploy(
        self,
        *,
        app: App | Path | str,
        units: int = 1,
        min_units: int | None = None,
        max_price: Amountlike | None = None,
        deposit: Amountlike | None = None,
        epochs: int = 0,
        regions: Names = (),
        traits: Names = (),
        memory_mib: int = 0,
        min_regions: int = 0,
        max_units_per_provider: int = 0,
        only: Names = (),
        exclude: Names = (),
        settings: Mapping[str, str] | None = None,
        tip: Amountlike = "0",
        metered: bool = False,
        meter: str | None = None,
        fuel: int | None = None,
        credit: Amountlike | None = None,
        wait: float = 60.0,
        **wish: Unpack[WishKeywords],
    ) -> OfferState:
        """Give an app units at once; a wish is read and has no effect.

        Raises Refused (not that many units), Unfunded.
        """
        read_wish(wish)
        built = app if isinstance(app, App) else load_app(Path(app))
        check_meter(metered, meter)
        owed = None if credit is None else read_usdc(credit, "credit")
        built = override_settings(ask_for_work(built, metered, fuel, owed), settings or {})
        curve = self.quote(units=units, regions=regions, max_price=max_price, metered=metered)
        most = curve[-1].units if curve else 0
        if most < (units if min_units is None else min_units):
            raise Refused(f"only {most} units like these are on offer", field="units")
        dearest = read_usdc(curve[-1].dearest)
        price = dearest if max_price is None else read_usdc(max_price, "max_price")
        money = DEPOSIT_EPOCHS * units * price if deposit is None else read_usdc(deposit, "deposit")
        self._ledger.pull(money + read_usdc(tip, "tip"))
        self._ledger.free[PROVIDER] += read_usdc(tip, "tip")
        number = next(self._ids)
        offer = to_hash(sha256(b"offer %d" % number))
        deal = FakeDeal(number, offer, built, money, metered=metered)
        self._ledger.fill(deal, units, price, regions)
        return OfferState(offer, deal.status, number, ())

    def usage(self, *, deal: int) -> list[PaidWork]:
        """Return what a metered deal has paid, by assignment; work is paid as an epoch begins."""
        return [
            PaidWork(
                fill.id,
                fill.peer.id,
                fill.work,
                to_decimal(fill.paid),
                to_decimal(due(fill.work, fill.price) - fill.paid),
            )
            for fill in self._ledger.deal(deal).fills
        ]

    def offer(self, *, offer: str) -> OfferState:
        """Return what has become of an offer."""
        for deal in self._ledger.deals.values():
            if deal.offer == offer:
                return OfferState(deal.offer, deal.status, deal.id, ())
        raise NotFound(f"there is no offer {offer}", field="offer")

    def deal(self, *, deal: int) -> DealState:
        """Return a deal. Raises NotFound."""
        found = self._ledger.deal(deal)
        rate = found.rate
        return DealState(
            id=found.id,
            status=found.status,
            developer=DEVELOPER,
            app=found.app.app,
            balance=to_decimal(found.balance),
            rate=to_decimal(rate),
            runway=found.balance // rate if rate else 0,
            units=found.units,
            assignments=tuple(
                DealAssignment(
                    id=fill.id,
                    peer=fill.peer.id,
                    units=fill.units,
                    price=to_decimal(fill.price),
                    state="ended" if fill.is_over else "active",
                    endpoint=fill.peer.endpoint,
                )
                for fill in found.fills
            ),
        )

    def deals(self) -> list[DealState]:
        """Return all deals."""
        return [self.deal(deal=number) for number in self._ledger.deals]

    def explain(self, *, offer: str) -> dict[str, Any]:
        """Return that nothing is missing: an offer that was not matched was refused."""
        units = self._ledger.deal(self.offer(offer=offer).deal or 0).units
        return {"want": 0, "units": units, "excluded": [], "relaxations": []}

    def call(
        self,
        *,
        deal: int,
        function: str,
        arguments: Sequence[Any] = (),
        body: bytes | None = None,
        api_key: str | None = None,
        signed: bool = False,
    ) -> CallResult:
        """Call what `FakeMarket.serve` named. Raises NotFound, RunwayOver."""
        found = self._ledger.deal(deal)
        if "." not in function:
            raise InvalidInput(f"{function!r} is not service.function", field="function")
        if found.status != "active":
            raise RunwayOver(f"deal {deal} is {found.status}", field="deal")
        if function not in self._ledger.served:
            raise NotFound(f"there is no function {function}", field="function")
        found.logs.append(function)
        answer = self._ledger.served[function](*([body] if body is not None else arguments))
        found.fills[0].work += call_work(CallStatus.ANSWERED, 0, _size(body, arguments, answer))
        peer = str(found.fills[0].peer.id)
        if isinstance(answer, bytes):
            return CallResult(None, answer, peer, "")
        return CallResult(answer, b"", peer, "")

    def logs(self, *, deal: int, follow: bool = False) -> Iterator[str]:
        """Yield the names of the functions that were called."""
        yield from self._ledger.deal(deal).logs

    def update(
        self,
        *,
        deal: int,
        app: App | Path | str,
        settings: Mapping[str, str] | None = None,
        defaults: bool = False,
    ) -> Hash:
        """Give a deal another version, with what was given for it before unless `defaults`."""
        found = self._ledger.deal(deal)
        built = app if isinstance(app, App) else load_app(Path(app))
        built = override_settings(built, settings or {})
        found.app = built if defaults else keep_values(built, found.app.manifest).app
        return to_hash(sha256(b"update %d" % deal + str(built.cid).encode()))

    def top_up(self, *, deal: int, amount: Amountlike) -> Decimal:
        """Put USDC into a deal; return its balance."""
        found, wanted = self._ledger.deal(deal), read_usdc(amount)
        self._ledger.pull(wanted)
        found.balance += wanted
        return to_decimal(found.balance)

    def take(self, *, deal: int, amount: Amountlike) -> Decimal:
        """Move USDC of a deal to the free balance; return its balance. Raises Refused."""
        found, wanted = self._ledger.deal(deal), read_usdc(amount)
        if wanted > found.balance:
            raise Refused("deals: not enough balance", field="amount")
        found.balance -= wanted
        self._ledger.free[DEVELOPER] += wanted
        return to_decimal(found.balance)

    def stop(self, *, deal: int) -> Decimal:
        """End a deal; return the USDC that went back to the free balance."""
        found = self._ledger.deal(deal)
        if found.status == "ended":
            raise Refused("deals: stopped", field="deal")
        if found.metered:
            # The rest stays in the deal, to be taken later.
            self._ledger.redeem(found)
            self._ledger.end(found, "ended")
            return to_decimal(0)
        back, found.balance = found.balance, 0
        self._ledger.free[DEVELOPER] += back
        self._ledger.end(found, "ended")
        return to_decimal(back)

    def withdraw(self, *, amount: Amountlike | None = None, to: str | None = None) -> Decimal:
        """Send free USDC to the wallet."""
        free = self._ledger.free[DEVELOPER]
        wanted = free if amount is None else read_usdc(amount)
        if not 0 < wanted <= free:
            raise InvalidInput(f"{DEVELOPER} has {to_decimal(free)} USDC free", field="amount")
        self._ledger.free[DEVELOPER] -= wanted
        self._ledger.wallets[DEVELOPER] += wanted
        return to_decimal(wanted)


def _size(body: bytes | None, arguments: Sequence[Any], answer: Any) -> int:
    """Return how many bytes went in and out."""
    sent = json.dumps(list(arguments)).encode() if body is None else body
    return len(sent) + len(answer if isinstance(answer, bytes) else json.dumps(answer).encode())


class FakeMarket:
    """A market with one developer, who has 10,000 USDC, and one provider."""

    def __init__(self, *, units: int = 4, price: Amountlike = "0.01") -> None:
        """It begins with one peer that has `units` on offer at `price`; none if `units` is 0."""
        self._ledger = FakeLedger(TOKENS)
        self._ledger.stake = STAKE
        self.developer = FakeDeveloper(self._ledger)
        self.provider = FakeProvider(self._ledger)
        if units:
            self.add_peer(units=units, price=price)

    def add_peer(self, *, units: int, price: Amountlike, region: str = "DE") -> int:
        """Add a peer with units on offer; return its number."""
        endpoint = f"http://peer{len(self._ledger.peers) + 1}.invalid"
        peer = self.provider.register(
            key="", wallet="", units=units, memory_mib=2_048, region=region, endpoint=endpoint
        )
        self.provider.offer(peer=peer, price=price)
        return peer

    def serve(self, function: str, answer: Served) -> None:
        """Have calls of `service.function` answered by a Python function."""
        self._ledger.served[function] = answer

    def next_epoch(self, count: int = 1) -> None:
        """Let epochs begin: deals pay, or lapse."""
        for _ in range(count):
            for deal in self._ledger.deals.values():
                self._ledger.begin_epoch(deal)

    @property
    def total(self) -> Decimal:
        """All USDC there is, wherever it is; always what it was at the beginning."""
        return to_decimal(self._ledger.total)

    @cached_property
    def aio(self) -> Any:
        """The same for `async` code."""
        return AsyncView(self)

    def close(self) -> None:
        """There is nothing to close."""

    def __enter__(self) -> "FakeMarket":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()
