"""Number the regions of peers: ISO 3166-1 country codes in a frozen order (`regions.csv`).

The file is append only, because the chain stores the numbers.
"""

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from wasmarket.kernel.errors import InvalidInput

MAX_REGION = 255
"""Largest number a region can have on chain."""

_FILE = Path(__file__).with_name("regions.csv")

_BENELUX = ("BE", "LU", "NL")
_DACH = ("AT", "CH", "DE")
_NORDICS = ("DK", "FI", "IS", "NO", "SE")
# fmt: off
_EU = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)
# fmt: on

SHORTHANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BENELUX": _BENELUX,
        "DACH": _DACH,
        "EEA": (*_EU, "IS", "LI", "NO"),
        "EU": _EU,
        "NORDICS": _NORDICS,
    }
)
"""Names for several countries, as people write them in wishes; never stored."""


@cache
def region_codes() -> tuple[str, ...]:
    """Return all country codes; the place of each is its number."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(row["code"] for row in csv.DictReader(file))


@cache
def _numbers() -> Mapping[str, int]:
    return MappingProxyType({code: index for index, code in enumerate(region_codes())})


def region_index(code: str, *, field: str | None = None) -> int:
    """Return the number of a country code, or of `#n` for a number without one.

    Raises InvalidInput.
    """
    number = _numbers().get(code.upper())
    if number is None and code[:1] == "#" and code[1:].isdecimal() and len(code) <= 4:
        number = int(code[1:])
    if number is None or number > MAX_REGION:
        raise InvalidInput(
            f"{code!r} is no region", field=field, remedy="give an ISO country code such as DE"
        )
    return number


def region_code(index: int) -> str:
    """Return the country code of a number, `#n` for a number without one.

    The chain accepts every number to 255, so readers must have a word for each. Raises
    InvalidInput for a number beyond.
    """
    if not 0 <= index <= MAX_REGION:
        raise InvalidInput(f"{index} is no region", field="region")
    codes = region_codes()
    return codes[index] if index < len(codes) else f"#{index}"


def region_mask(names: Iterable[str], *, field: str | None = None) -> int:
    """Return the bits of country codes and shorthands; 0, no wish, for none.

    Raises InvalidInput.
    """
    mask = 0
    for name in names:
        for code in SHORTHANDS.get(name.upper(), (name,)):
            mask |= 1 << region_index(code, field=field)
    return mask


def regions_of(mask: int) -> list[str]:
    """Return the country codes of a mask, by number. Raises InvalidInput for a mask too wide."""
    if not 0 <= mask < 1 << (MAX_REGION + 1):
        raise InvalidInput(f"{mask} is no set of regions", field="regions")
    return [region_code(bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
