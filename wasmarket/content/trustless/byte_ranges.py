"""Read which bytes of a file are wanted: `entity-bytes` of a CAR, `Range` of a block."""

import re
from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.errors import InvalidInput

ENTITY_BYTES: Final = r"^(-?[0-9]{1,19}):(\*|-?[0-9]{1,19})$"
_ENTITY: Final = re.compile(ENTITY_BYTES)
_RANGE: Final = re.compile(r"[ \t]*bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EntityBytes:
    """`from:to`, both inclusive, from the end if negative; `last` None: to the end of the file."""

    first: int
    last: int | None

    def __str__(self) -> str:
        """Return it in the one form that stands in Etags."""
        return f"{self.first}:{'*' if self.last is None else self.last}"

    def resolve(self, size: int) -> tuple[int, int] | None:
        """Return first and last offset in a file of `size` bytes, None where there is no byte.

        Raises InvalidInput for a range that begins after the end of the file.
        """
        first = max(size + self.first, 0) if self.first < 0 else self.first
        last = size - 1 if self.last is None else self.last
        if last < 0:
            last += size if self.last is not None else 0
        if size and first >= size:
            raise InvalidInput(
                f"entity-bytes={self} begins after the {size} bytes of the file",
                field="entity-bytes",
                remedy=f"begin before {size}",
            )
        last = min(last, size - 1)
        return (first, last) if first <= last else None


def parse_entity_bytes(text: str) -> EntityBytes:
    """Read the parameter `entity-bytes`. Raises InvalidInput."""
    match = _ENTITY.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"entity-bytes is {text!r:.80}",
            field="entity-bytes",
            remedy="give the first and the last byte, such as 0:1023, 1024:* or -1024:*",
        )
    return EntityBytes(int(match[1]), None if match[2] == "*" else int(match[2]))


def resolve_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte that a `Range` header wants of `size` bytes.

    None: all of it, since the header asks for several ranges or is none. Raises IndexError when it
    asks for none of the bytes there are.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        count = int(match[2])
        first, last = max(size - count, 0), size - 1
        if count == 0 or size == 0:
            raise IndexError(header)
        return first, last
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    if first >= size:
        raise IndexError(header)
    return first, min(last, size - 1)
