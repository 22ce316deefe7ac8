"""Match records as a matcher shows them (DESIGN 8.6), read with suspicion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.signing.offers import parse_uint
from wasmarket.kernel.units import Hash


@dataclass(frozen=True, slots=True)
class Line:
    """Units that a provider offer gives; `price` in USDC base units per unit and epoch."""

    offer: Hash
    units: int
    price: int


@dataclass(frozen=True, slots=True)
class Record:
    """One match as its matcher recorded it; `tx` None: never sent. Money in USDC base units."""

    id: int
    engine: str
    block: int
    block_hash: Hash
    book: Hash
    offer: Hash
    offers: tuple[Hash, ...]
    fills: tuple[Line, ...]
    total: int
    saving: int
    bound: int
    gap_ppm: int
    tx: Hash | None


def parse_record(data: Any) -> Record:
    """Read a match record. Raises BadContent."""
    try:
        return Record(
            id=_int(data, "id"),
            engine=str(data["engine"]),
            block=_int(data, "block"),
            block_hash=parse_hash(data["block_hash"]),
            book=parse_hash(data["book"]),
            offer=parse_hash(data["offer"]),
            offers=tuple(parse_hash(entry) for entry in _list(data["offers"])),
            fills=tuple(
                Line(
                    parse_hash(fill["offer"]),
                    _int(fill, "units"),
                    parse_uint(fill["price"], field="price"),
                )
                for fill in _list(data["fills"])
            ),
            total=parse_uint(data["total"], field="total"),
            saving=parse_uint(data["saving"], field="saving"),
            bound=parse_uint(data["bound"], field="bound"),
            gap_ppm=_int(data, "gap_ppm"),
            tx=None if data["tx"] is None else parse_hash(data["tx"]),
        )
    except (KeyError, TypeError, InvalidInput) as error:
        raise BadContent(f"the matcher's answer is not a match record: {error}") from error


def _int(data: Mapping[str, Any], name: str) -> int:
    value = data[name]
    if type(value) is not int:
        raise InvalidInput(f"{name} is not a whole number", field=name)
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise InvalidInput("a list was expected")
    return value
