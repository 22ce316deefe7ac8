"""What a quote is asked for, read the quick way, and the demand that it stands for."""

from typing import Annotated, Any, Protocol

import msgspec

from matcher.engine.values import Demand
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.wishes import NO_WISH, check_wish, parse_wish
from wasmarket.kernel.signing.offers import MAX_PROVIDERS, DeveloperOffer, PriceKind, parse_uint
from wasmarket.kernel.units import Address

FOREVER = 2**64
SOMEBODY = Address("0x" + "0" * 39 + "1")
"""Stands for whoever would sign the usage of a metered deal: no ask looks at it."""
UNITS_BELOW = 2**16

Number = int | str
"""A uint256 as it comes: a whole number or its decimal digits."""


class Wanted(Protocol):
    """Members as in a developer offer."""

    @property
    def kind(self) -> int: ...
    @property
    def units(self) -> int: ...
    @property
    def min_units(self) -> int: ...
    @property
    def max_units_per_provider(self) -> Number: ...
    @property
    def min_regions(self) -> int: ...
    @property
    def max_price(self) -> Number: ...
    @property
    def deposit(self) -> Number: ...
    @property
    def min_memory_mib(self) -> Number: ...
    @property
    def regions(self) -> Number: ...
    @property
    def traits(self) -> Number: ...
    @property
    def providers(self) -> list[str]: ...
    @property
    def providers_mode(self) -> int: ...
    @property
    def developer(self) -> str | None: ...
    @property
    def wish(self) -> dict[str, Any] | None: ...


Units = Annotated[int, msgspec.Meta(ge=1, lt=UNITS_BELOW)]


class QuickRequirement(msgspec.Struct, forbid_unknown_fields=True):
    """As `views.offers.RequirementJson`, which a test holds it to; decoded in a microsecond."""

    units: Units
    kind: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    min_units: Units = 1
    max_units_per_provider: Number = 0
    min_regions: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    max_price: Number = 2**48 - 1
    deposit: Number = 2**64 - 1
    min_memory_mib: Number = 0
    regions: Number = 0
    traits: Number = 0
    providers: Annotated[list[str], msgspec.Meta(max_length=MAX_PROVIDERS)] = []
    providers_mode: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    developer: str | None = None
    wish: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(QuickRequirement)


def read_quickly(body: bytes) -> Demand | None:
    """Return the demand of a plain requirement; None for whatever needs a closer look."""
    try:
        wanted = _DECODER.decode(body)
        # What a budget comes to depends on the epoch, which the route knows.
        return None if wanted.wish else to_demand(wanted, 0)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidInput):
        return None


def to_demand(body: Wanted, epoch_seconds: int) -> Demand:
    """Return the demand that an offer like this would make. Raises InvalidInput."""
    wish = NO_WISH if body.wish is None else parse_wish(body.wish)
    offer = DeveloperOffer(
        developer=ZERO_ADDRESS if body.developer is None else parse_address(body.developer),
        app=ZERO_HASH,
        min_units=body.min_units,
        units=body.units,
        max_units_per_provider=_uint(body.max_units_per_provider),
        min_regions=body.min_regions,
        meter=SOMEBODY if body.kind == PriceKind.METERED else ZERO_ADDRESS,
        max_price=_uint(body.max_price),
        epochs=0,
        deposit=_uint(body.deposit),
        min_memory_mib=_uint(body.min_memory_mib),
        regions=_uint(body.regions),
        traits=_uint(body.traits),
        providers=tuple(parse_address(entry, field="providers") for entry in body.providers),
        providers_mode=body.providers_mode,
        matcher=ZERO_ADDRESS,
        tip=0,
        valid_until=FOREVER,
        counter=0,
        salt=0,
    )
    check_wish(wish, offer.kind)
    return Demand(
        ZERO_HASH,
        offer,
        sequence=0,
        balance=offer.deposit,
        wish=wish,
        epoch_seconds=epoch_seconds,
    )


def _uint(value: Number) -> int:
    return parse_uint(value, field="amount")
