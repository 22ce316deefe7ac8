"""How providers and peers kept what they sold, from the chain alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wasmarket.client.market.amounts import FLT_DECIMALS, to_decimal
from wasmarket.client.reputation.reading import ReputationClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.units import Address

if TYPE_CHECKING:
    from wasmarket.client.reputation.comparison import FigureDifference


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Figures over the last `epochs` final epochs; ratios in parts per million, None of nothing.

    `counts`: how many events of each kind; `reasons`: how often for each (kind, reason number).
    """

    epochs: int
    active: int
    proven: int
    uptime_ppm: int | None
    in_time_ppm: int | None
    evictions: int
    faults: int
    audits_won: int
    audits_lost: int
    paid: Decimal
    refunded: Decimal
    seized: Decimal
    counts: dict[str, int]
    reasons: dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Reputation:
    """What the chain says of a provider, or of one `peer`, as of a block; `bond` in FLT."""

    provider: Address
    peer: int | None
    age_epochs: int
    bond: Decimal
    block: int
    windows: dict[int, WindowFigures]
    answer: dict[str, Any]
    """What the matcher said, with each epoch (docs/reference/reputation.md)."""


class Reputations:
    """Reads reputations from the matcher. Raises the errors of `wasmarket.errors`."""

    def __init__(self, wiring: Wiring) -> None:
        self._client = ReputationClient(wiring)

    def of_provider(self, address: str) -> Reputation:
        """Return the figures of all peers of a provider. Raises NotFound."""
        return _build(self._client.fetch(parse_address(address, field="address")))

    def of_peer(self, peer: int) -> Reputation:
        """Return the figures of one peer. Raises NotFound."""
        return _build(self._client.fetch(peer))

    def events(
        self, whose: str | int, figure: str | None = None, *, epochs: int = 90
    ) -> Iterator[dict[str, Any]]:
        """Yield the events that a figure counts, all without one, the newest first."""
        yield from self._client.events(_whose(whose), figure, epochs)

    def providers(
        self, sort: str = "uptime", *, worst: bool = False, epochs: int = 30
    ) -> Iterator[dict[str, Any]]:
        """Yield all providers in short, the best first."""
        yield from self._client.summaries("providers", sort, worst=worst, epochs=epochs)

    def peers(
        self, sort: str = "uptime", *, worst: bool = False, epochs: int = 30
    ) -> Iterator[dict[str, Any]]:
        """Yield all peers in short, the best first."""
        yield from self._client.summaries("peers", sort, worst=worst, epochs=epochs)

    def measured(self, whose: str | int) -> dict[str, Any]:
        """Return what the gateway measured of the peers: latency, failures, and who measured."""
        return self._client.measured(self._client.fetch(_whose(whose)))

    def verify(self, whose: str | int) -> "list[FigureDifference]":
        """Count all figures again from the chain's logs; return where the matcher says another."""
        return self._client.verify(_whose(whose))


def _whose(whose: str | int) -> Address | int:
    return whose if isinstance(whose, int) else parse_address(whose, field="address")


def _build(answer: dict[str, Any]) -> Reputation:
    return Reputation(
        provider=answer["provider"],
        peer=answer["peer"],
        age_epochs=answer["age_epochs"],
        bond=to_decimal(int(answer["bond"]), FLT_DECIMALS),
        block=answer["block"],
        windows={window["epochs"]: _window(window) for window in answer["windows"]},
        answer=answer,
    )


def _window(window: dict[str, Any]) -> WindowFigures:
    plain = ("epochs", "active", "proven", "uptime_ppm", "in_time_ppm", "evictions", "faults")
    return WindowFigures(
        **{name: window[name] for name in plain},
        audits_won=window["audits_won"],
        audits_lost=window["audits_lost"],
        paid=to_decimal(int(window["paid"])),
        refunded=to_decimal(int(window["refunded"])),
        seized=to_decimal(int(window["seized"]), FLT_DECIMALS),
        counts=window["counts"],
        reasons={(r["kind"], int(r["reason"])): r["count"] for r in window["reasons"]},
    )
