"""Lists in pages (DESIGN 8.1): `{"items": […], "next": cursor|null, "block": N}`."""

import base64
import binascii
import json
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, WithJsonSchema

from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.errors import InvalidInput

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_NUMBER = 2**63 - 1
"""What a database's integer holds; a cursor of ours has no larger number."""

MAX_CURSOR = 512
"""Characters of a cursor; ours are far shorter."""

Item = TypeVar("Item")

CURSOR_SCHEMA = {"type": "string", "format": "cursor", "examples": ["WzEwMF0"]}

Cursor = Annotated[
    Annotated[str, WithJsonSchema(CURSOR_SCHEMA)] | None,
    Query(description="`next` of the page before"),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="most items of a page")]


class Page(BaseModel, Generic[Item]):
    """One page of a list as of `block`; `next` is null on the last."""

    items: list[Item]
    next: str | None
    block: int


def encode_cursor(*key: int | str) -> str:
    """Write the sort key of a page's last item as an opaque cursor."""
    text = json.dumps(key, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type[int] | type[str]) -> tuple[Any, ...] | None:
    """Read a cursor whose key has parts of these kinds; None stays None. Raises InvalidInput."""
    if cursor is None:
        return None
    key: Any = None
    if len(cursor) <= MAX_CURSOR:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            key = read_json(base64.urlsafe_b64decode(padded.encode("ascii")))
        except (InvalidInput, ValueError, binascii.Error):
            key = None
    if (
        not isinstance(key, list)
        or [type(part) for part in key] != list(kinds)
        or not all(_is_storable(part) for part in key)
    ):
        raise InvalidInput(
            "the cursor is not one of ours",
            field="cursor",
            remedy="take `next` of the page before, unchanged",
        )
    return tuple(key)


def _is_storable(part: int | str) -> bool:
    """Say whether a database can compare with it; PostgreSQL has no text with NUL."""
    return abs(part) <= MAX_NUMBER if isinstance(part, int) else "\0" not in part
