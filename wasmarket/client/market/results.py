"""What the methods of the door return."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wasmarket.client.market.amounts import to_decimal
from wasmarket.kernel.units import Address, Hash


@dataclass(frozen=True, slots=True)
class PricePoint:
    """What a number of units costs per epoch now, in USDC; `dearest`: the dearest of them."""

    units: int
    total: Decimal
    dearest: Decimal


@dataclass(frozen=True, slots=True)
class LoadPrice:
    """What a month of a load costs in USDC either way; None where too few units are on offer."""

    reserved: Decimal | None
    metered: Decimal | None
    work: int


@dataclass(frozen=True, slots=True)
class PaidWork:
    """What was redeemed of an assignment of a metered deal so far, in USDC."""

    assignment: int
    peer: int
    work: int
    paid: Decimal
    owed: Decimal


@dataclass(frozen=True, slots=True)
class OfferState:
    """An offer of a developer: `deal` is None until a first match."""

    offer: Hash
    status: str
    deal: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DealAssignment:
    """Units of a deal at one peer; `price` in USDC per unit and epoch."""

    id: int
    peer: int
    units: int
    price: Decimal
    state: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class DealState:
    """A deal, settled now: `rate` in USDC per epoch, `runway` in epochs."""

    id: int
    status: str
    developer: Address
    app: Hash
    balance: Decimal
    rate: Decimal
    runway: int
    units: int
    assignments: tuple[DealAssignment, ...]


@dataclass(frozen=True, slots=True)
class CallResult:
    """A function's answer: its JSON `value`, the bytes of the answer, and who gave it."""

    value: Any
    body: bytes
    peer: str
    receipt: str


@dataclass(frozen=True, slots=True)
class ProviderBalance:
    """A provider's account: USDC that can be withdrawn, FLT staked and not bound."""

    address: Address
    free: Decimal
    stake: Decimal


@dataclass(frozen=True, slots=True)
class ClaimTotal:
    """What claims paid to the provider, and what went back to developers, in USDC."""

    assignments: tuple[int, ...]
    paid: Decimal
    refunded: Decimal


def read_offer(offer: Hash, row: Mapping[str, Any]) -> OfferState:
    """Read an offer as the matcher describes it."""
    deal = row["deal"]
    return OfferState(
        offer, str(row["status"]), None if deal is None else int(deal), tuple(row["reasons"])
    )


def read_deal(row: Mapping[str, Any]) -> DealState:
    """Read a deal as the matcher describes it."""
    return DealState(
        id=int(row["id"]),
        status=str(row["status"]),
        developer=Address(row["developer"]),
        app=Hash(row["app"]),
        balance=to_decimal(int(row["balance"])),
        rate=to_decimal(int(row["rate"])),
        runway=int(row["runway"]),
        units=int(row["units"]),
        assignments=tuple(
            DealAssignment(
                id=int(entry["id"]),
                peer=int(entry["peer"]),
                units=int(entry["units"]),
                price=to_decimal(int(entry["price"])),
                state=str(entry["state"]),
                endpoint=str(entry["endpoint"]),
            )
            for entry in row["assignments"]
        ),
    )
