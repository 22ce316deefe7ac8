"""Number what a peer can do and is: bits 0–31 effectors, 32–95 hardware and site (`traits.csv`).

The file is append only, because the chain stores the bits.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from wasmarket.kernel.errors import InvalidInput

_FILE = Path(__file__).with_name("traits.csv")

EFFECTOR_MASK = (1 << 32) - 1
"""All bits that effectors may ever take."""

TRAITS_MASK = (1 << 96) - 1
"""All bits of a peer's traits."""


@dataclass(frozen=True, slots=True)
class Trait:
    """One line of the list: a bit, its name, its kind (effector, hardware, site), its meaning."""

    bit: int
    name: str
    kind: str
    meaning: str


@cache
def traits() -> Mapping[str, Trait]:
    """Return every known trait by name, in order of bit."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = [
            Trait(int(row["bit"]), row["name"], row["kind"], row["meaning"])
            for row in csv.DictReader(file)
        ]
    return MappingProxyType({trait.name: trait for trait in rows})


def effector_names() -> tuple[str, ...]:
    """Return the names of all effectors, in order of bit."""
    return tuple(name for name, trait in traits().items() if trait.kind == "effector")


def trait_mask(names: Iterable[str], *, field: str | None = None) -> int:
    """Return the bits of trait names (`#n` for a bit without one); 0, no wish, for none.

    Raises InvalidInput.
    """
    mask = 0
    for name in names:
        mask |= 1 << _bit(name, field)
    return mask


def traits_of(mask: int) -> list[str]:
    """Return the names of a mask's bits, by bit; `#n` for a bit without a name.

    The chain accepts all 96 bits, so readers must have a word for each. Raises InvalidInput for
    bits beyond.
    """
    if not 0 <= mask <= TRAITS_MASK:
        raise InvalidInput(f"{mask} is no set of traits", field="traits")
    names = {trait.bit: name for name, trait in traits().items()}
    return [names.get(bit, f"#{bit}") for bit in range(mask.bit_length()) if mask >> bit & 1]


def _bit(name: str, field: str | None) -> int:
    trait = traits().get(name.lower())
    if trait is not None:
        return trait.bit
    if name[:1] == "#" and name[1:].isdecimal() and len(name) <= 3 and int(name[1:]) < 96:
        return int(name[1:])
    raise InvalidInput(
        f"{name!r} is no trait", field=field, remedy=f"choose from {', '.join(traits())}"
    )
