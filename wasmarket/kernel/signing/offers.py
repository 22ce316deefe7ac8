"""The two signed offers (CONTRACTS section 3), as values and as JSON.

In JSON every uint256 is a decimal string; whole numbers are read too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import IntEnum
from typing import Any, TypeVar

from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_address, parse_hash
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Address, Hash

MAX_PROVIDERS = 16
UINT256 = 2**256
DECIMAL = 10


class PriceKind(IntEnum):
    """What a price is for: an epoch of one unit, or 10^12 work."""

    RESERVED = 0
    METERED = 1


class ProvidersMode(IntEnum):
    """How `providers` of a developer offer is meant."""

    ANY = 0
    ONLY = 1
    EXCEPT = 2


@dataclass(frozen=True, slots=True)
class ProviderOffer:
    """The ask: "this peer sells units at `price`" (USDC base units).

    The price is per unit and epoch, or per 10^12 work where `kind` is METERED.

    Standing: it fills any number of times until `valid_until` (chain time, seconds), until it is
    cancelled, or until the account's counter moves on. `developer` zero: for anybody.
    """

    peer: int
    kind: int
    price: int
    developer: Address
    valid_until: int
    counter: int
    salt: int


@dataclass(frozen=True, slots=True)
class DeveloperOffer:
    """The bid: "this app wants `units`, at most at `max_price`" (USDC base units).

    `meter` zero makes a reserved deal, priced per unit and epoch; else a metered one, priced per
    10^12 work that this address signs for.

    `deposit` and `tip` are USDC base units, `min_memory_mib` MiB per unit, `regions` a mask of
    which any bit will do (0: anywhere), `traits` a mask of which all bits are needed. `epochs` 0:
    until stopped.
    """

    developer: Address
    app: Hash
    min_units: int
    units: int
    max_units_per_provider: int
    min_regions: int
    meter: Address
    max_price: int
    epochs: int
    deposit: int
    min_memory_mib: int
    regions: int
    traits: int
    providers: tuple[Address, ...]
    providers_mode: int
    matcher: Address
    tip: int
    valid_until: int
    counter: int
    salt: int

    @property
    def kind(self) -> PriceKind:
        """Which provider offers may fill it."""
        return PriceKind.RESERVED if self.meter == ZERO_ADDRESS else PriceKind.METERED


Offer = ProviderOffer | DeveloperOffer
AnyOffer = TypeVar("AnyOffer", ProviderOffer, DeveloperOffer)

_ADDRESSES = {"developer", "matcher", "meter"}


def parse_uint(value: object, *, field: str, below: int = UINT256) -> int:
    """Read a whole number (JSON number or decimal string) in 0 … below − 1. Raises InvalidInput."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        number = int(value)
    if number is None or not 0 <= number < below:
        raise InvalidInput(
            f"{field} is not a whole number from 0 to {below - 1}",
            field=field,
            remedy='give a decimal string such as "1000000"',
        )
    return number


def parse_offer(kind: type[AnyOffer], data: Mapping[str, Any]) -> AnyOffer:
    """Read an offer from JSON. Every member must be there and no other. Raises InvalidInput."""
    if not isinstance(data, Mapping):
        raise InvalidInput("the offer is not an object", field="offer")
    names = [f.name for f in fields(kind)]
    for name in names:
        if name not in data:
            raise InvalidInput(f"the offer has no {name}", field=name, remedy="give every member")
    for name in data:
        if name not in names:
            raise InvalidInput(f"an offer has no member {name!r}", field=str(name))
    members: dict[str, Any] = {name: _parse_member(name, data[name]) for name in names}
    return kind(**members)


def dump_offer(offer: Offer) -> dict[str, Any]:
    """Write an offer as JSON values."""
    return {
        name: list(value)
        if isinstance(value, tuple)
        else str(value)
        if isinstance(value, int)
        else value
        for name, value in asdict(offer).items()
    }


def validate_terms(offer: DeveloperOffer) -> None:
    """Check the ranges that Market demands of a first match (CONTRACTS section 6, step 2).

    Raises InvalidInput that names the member. Time, counter and signature are not looked at.
    """
    limits = {"units": 2**16, "deposit": 2**64, "tip": 2**64, "epochs": 2**31}
    for name, below in limits.items():
        parse_uint(getattr(offer, name), field=name, below=below)
    if not 1 <= offer.min_units <= offer.units:
        raise InvalidInput(
            "min_units is not between 1 and units", field="min_units", remedy="ask for at least 1"
        )
    if offer.providers_mode not in tuple(ProvidersMode):
        raise InvalidInput(
            "providers_mode is 0 (any), 1 (only) or 2 (except)", field="providers_mode"
        )
    if offer.developer == ZERO_ADDRESS:
        raise InvalidInput("developer is the zero address", field="developer")


def with_salt(offer: AnyOffer, salt: int) -> AnyOffer:
    """Return the same offer under another salt, and so another hash."""
    return replace(offer, salt=salt)


def _parse_member(name: str, value: object) -> object:
    if name in _ADDRESSES:
        return parse_address(value, field=name)  # type: ignore[arg-type]
    if name == "app":
        return parse_hash(value, field=name)  # type: ignore[arg-type]
    if name == "providers":
        if not isinstance(value, list | tuple) or len(value) > MAX_PROVIDERS:
            raise InvalidInput(
                f"providers is not a list of at most {MAX_PROVIDERS} addresses", field=name
            )
        return tuple(parse_address(entry, field=name) for entry in value)
    return parse_uint(value, field=name)
