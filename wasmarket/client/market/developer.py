"""What a program that rents machines does: quote, deploy, call, pay, stop."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Unpack, cast

from wasmarket.app.file import App, load_app
from wasmarket.app.overrides import override_settings
from wasmarket.client.developer import RUNNING, DeveloperClient
from wasmarket.client.developer_offers import Requirement
from wasmarket.client.documents.deal_values import keep_deal_values
from wasmarket.client.market.amounts import Amountlike, read_usdc, to_decimal
from wasmarket.client.market.results import (
    CallResult,
    DealState,
    LoadPrice,
    OfferState,
    PaidWork,
    PricePoint,
    read_deal,
    read_offer,
)
from wasmarket.client.market.wishes import WishKeywords, load_wish, read_wish
from wasmarket.client.usage.loads import BYTES, Load, compare
from wasmarket.client.usage.meters import ask_for_work, find_meter
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_address, parse_hash
from wasmarket.kernel.billing import due
from wasmarket.kernel.errors import InvalidInput, Refused
from wasmarket.kernel.regions import region_mask
from wasmarket.kernel.selection.wishes import NO_WISH, dump_wish
from wasmarket.kernel.signing.offers import PriceKind, ProvidersMode
from wasmarket.kernel.traits import trait_mask
from wasmarket.kernel.units import Hash

DEPOSIT_EPOCHS: Final = 10
Names = Sequence[str]


class Developer:
    """A developer's account on the market. Raises the errors of `wasmarket.errors`."""

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account; it is loaded when something must be signed."""
        self._wiring = wiring
        self._client = DeveloperClient(wiring, key)

    @property
    def address(self) -> str:
        """The account's address."""
        return self._client.address

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
        """Return what 1, 2, … units like these cost per epoch now; creates nothing.

        `metered`: per 10^12 work instead. `wish`: what is asked of the matcher alone.
        """
        requirement: dict[str, Any] = {
            "units": units,
            "kind": int(PriceKind.METERED if metered else PriceKind.RESERVED),
            "regions": str(region_mask(regions)),
            "traits": str(trait_mask(traits)),
            "min_memory_mib": memory_mib,
            "min_regions": min_regions,
            "max_units_per_provider": max_units_per_provider,
        }
        if max_price is not None:
            requirement["max_price"] = str(read_usdc(max_price, "max_price"))
        asked = read_wish(wish)
        if asked != NO_WISH:
            requirement["wish"] = dump_wish(asked)
        return [
            PricePoint(
                int(row["units"]), to_decimal(int(row["total"])), to_decimal(int(row["price_max"]))
            )
            for row in self._client.quote(requirement)
        ]

    def compare(self, *, calls: int, ms: float, size: int = BYTES, units: int = 1) -> LoadPrice:
        """Return what `calls` in 30 days cost either way, each of `ms` of a core and `size` bytes.

        They are spread over `units`.
        """
        load = Load(calls, round(ms * 1_000), size)
        curves = [self._client.quote({"units": units, "kind": int(kind)}) for kind in PriceKind]
        seconds = self._wiring.deployment.parameters.epoch_seconds
        found = compare(load, units, seconds, *curves)
        reserved, metered = (
            None if cost is None else to_decimal(cost) for cost in (found.reserved, found.metered)
        )
        return LoadPrice(reserved, metered, load.work)

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
        """Publish an app (its folder, its `app.toml`, or an App), offer, wait until it runs.

        `max_price` per unit and epoch: the quote's, if none is given. `deposit`: ten epochs.
        `metered`: work is paid instead, per 10^12, as `meter` signs for it [the account itself];
        its app needs a limit of `fuel` [the app's], and `credit` is what it may owe each peer [as
        peers grant]. `settings`: other values of some, which the deal's next versions keep. `wait`
        0 returns at once. `wish`: what is asked of the matcher beside the offer, signed with it,
        instead of the members of `[wish]` in the app's file. Raises Refused (not that many units),
        TimedOut (the offer stands).
        """
        if only and exclude:
            raise InvalidInput("give `only` or `exclude`, not both", field="exclude")
        built = app if isinstance(app, App) else load_app(Path(app))
        owed = None if credit is None else read_usdc(credit, "credit")
        built = override_settings(ask_for_work(built, metered, fuel, owed), settings or {})
        signer = find_meter(metered, meter, self.address, built)
        table = {} if isinstance(app, App) else load_wish(Path(app))
        asked = {**table, **wish}
        wanted = [*traits, *(n for n in built.manifest.effectors.names if n not in traits)]
        if max_price is None:
            curve = self.quote(
                units=units,
                regions=regions,
                traits=wanted,
                memory_mib=memory_mib,
                min_regions=min_regions,
                max_units_per_provider=max_units_per_provider,
                metered=signer != ZERO_ADDRESS,
                **cast("WishKeywords", asked),
            )
            price = _quoted(curve, units)
        else:
            price = read_usdc(max_price, "max_price")
        providers = tuple(parse_address(text) for text in (only or exclude))
        requirement = Requirement(
            units=units,
            max_price=price,
            deposit=DEPOSIT_EPOCHS * units * price
            if deposit is None
            else read_usdc(deposit, "deposit"),
            min_units=units if min_units is None else min_units,
            max_units_per_provider=max_units_per_provider,
            min_regions=min_regions,
            meter=signer,
            epochs=epochs,
            min_memory_mib=memory_mib,
            regions=region_mask(regions),
            traits=trait_mask(wanted),
            providers=providers,
            providers_mode=_mode(only, exclude),
            tip=read_usdc(tip, "tip"),
            wish=read_wish(asked),
        )
        self._client.publish(built)
        bid = self._client.offer(requirement, built.app)
        if not wait:
            return read_offer(bid.hash, self._client.offer_state(bid.hash))
        *_, last = self._client.watch_offer(bid, wait)
        state = read_offer(bid.hash, last)
        if state.status not in RUNNING:
            raise Refused(f"the offer is {state.status}: {'; '.join(state.reasons) or 'no reason'}")
        if state.deal is not None:
            # An active deal answers once a peer of it has seen that too.
            self._client.wait_for_interface(state.deal, wait)
        return state

    def usage(self, *, deal: int) -> list[PaidWork]:
        """Return what was redeemed of a metered deal so far, by assignment."""
        return [
            PaidWork(
                int(row["id"]),
                int(row["peer"]),
                int(row["work"]),
                to_decimal(int(row["paid"])),
                to_decimal(due(int(row["work"]), int(row["price"])) - int(row["paid"])),
            )
            for row in self._client.assignments(deal)
            if row["start"] is not None
        ]

    def offer(self, *, offer: str) -> OfferState:
        """Return what has become of an offer."""
        hash_ = parse_hash(offer, field="offer")
        return read_offer(hash_, self._client.offer_state(hash_))

    def deal(self, *, deal: int) -> DealState:
        """Return a deal, settled now. Raises NotFound."""
        return read_deal(self._client.deal(deal))

    def deals(self) -> list[DealState]:
        """Return the account's deals."""
        return [read_deal(row) for row in self._client.deals()]

    def explain(self, *, offer: str) -> dict[str, Any]:
        """Return why an offer has fewer units than it wants, and what would help."""
        return self._client.explain(parse_hash(offer, field="offer"))

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
        """Call `service.function` of a deal with JSON `arguments`, or with a `body` of bytes.

        `api_key` or `signed` for deals that do not let in everybody.
        """
        service, dot, name = function.partition(".")
        if not (service and dot and name):
            raise InvalidInput(f"{function!r} is not service.function", field="function")
        answer = self._client.call(
            deal,
            service,
            name,
            list(arguments),
            raw=body,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            signed=signed,
        )
        return CallResult(answer.value, answer.body, answer.peer, answer.receipt)

    def logs(self, *, deal: int, follow: bool = False) -> Iterator[str]:
        """Yield the log lines of a deal's functions at one of its peers."""
        yield from self._client.logs(deal, follow=follow)

    def update(
        self,
        *,
        deal: int,
        app: App | Path | str,
        settings: Mapping[str, str] | None = None,
        defaults: bool = False,
    ) -> Hash:
        """Publish a new version and name it on chain; return the transaction's hash.

        What was given for the deal before (`settings`, `fuel`, `credit`) stays, unless it is given
        anew or `defaults` drops it. Raises ContentNotFound where that cannot be read any more.
        """
        built = app if isinstance(app, App) else load_app(Path(app))
        built = override_settings(built, settings or {})
        if not defaults:
            before = Hash(str(self._client.deal(deal)["app"]))
            remedy = "`defaults=True` takes all values from app.toml"
            built = keep_deal_values(self._client.gateway, before, built, remedy).app
        return self._client.update(deal, built).tx_hash

    def top_up(self, *, deal: int, amount: Amountlike) -> Decimal:
        """Put USDC into a deal, from the free balance first; return the deal's balance."""
        return to_decimal(self._client.top_up(deal, read_usdc(amount)))

    def take(self, *, deal: int, amount: Amountlike) -> Decimal:
        """Move USDC of a deal to the free balance; return the deal's balance."""
        return to_decimal(self._client.take(deal, read_usdc(amount)))

    def stop(self, *, deal: int) -> Decimal:
        """End a deal; return the USDC that went back to the free balance."""
        return to_decimal(self._client.stop(deal))

    def withdraw(self, *, amount: Amountlike | None = None, to: str | None = None) -> Decimal:
        """Send free USDC (all of it, if no amount is given) to an address [the account's]."""
        wanted = None if amount is None else read_usdc(amount)
        return to_decimal(self._client.withdraw(wanted, parse_address(to or self.address)))


def _quoted(curve: Sequence[PricePoint], units: int) -> int:
    """Return the price of the dearest unit that `units` need. Raises Refused."""
    for point in curve:
        if point.units >= units:
            return read_usdc(point.dearest)
    most = max((point.units for point in curve), default=0)
    raise Refused(
        f"only {most} units like these are on offer, you want {units}",
        field="units",
        remedy="ask for fewer or relax the wishes, or give max_price and wait for offers",
    )


def _mode(only: Names, exclude: Names) -> ProvidersMode:
    if only:
        return ProvidersMode.ONLY
    return ProvidersMode.EXCEPT if exclude else ProvidersMode.ANY
