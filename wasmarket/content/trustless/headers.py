"""Name an answer of the gateway: its Etag, its file, its place, and who may read it."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from wasmarket.content.trustless.negotiation import CAR_VALUES, RAW, WantedForm
from wasmarket.kernel.documents.foreign_cids import AnyCid

FOREVER: Final = "public, max-age=29030400, immutable"
CORS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match, Range, User-Agent, "
    "X-Requested-With",
    "Access-Control-Expose-Headers": "Content-Length, Content-Location, Content-Range, Etag, "
    "X-Ipfs-Path, X-Ipfs-Roots, X-Request-Id",
    "Access-Control-Max-Age": "600",
}
"""Blocks are for everybody, and who reads them checks their hashes."""
_PRINTABLE: Final = range(0x20, 0x7F)
_QUOTED: Final = frozenset('"\\')
_CAR_QUERY: Final = tuple(f"car-{name}" for name in CAR_VALUES)


def build_etag(
    cid: AnyCid,
    form: WantedForm,
    *,
    scope: str = "",
    path: str = "",
    entity_bytes: str = "",
    span: tuple[int, int] | None = None,
) -> str:
    """Return an Etag that differs wherever the bytes may differ.

    `scope` is empty where none was asked for; `span` the range that is sent of a block.
    """
    if form.media_type == RAW:
        return f'"{cid}.raw"' if span is None else f'"{cid}.raw.{span[0]}-{span[1]}"'
    parts = [scope] * bool(scope) + [str(cid)]
    if path:
        parts.append(hashlib.sha256(path.encode()).hexdigest()[:16])
    parts.append("car")
    if entity_bytes:
        parts.append(entity_bytes.replace(":", "-").replace("*", "end"))
    if form.has_duplicates:
        parts.append("dups")
    return f'W/"{".".join(parts)}"'


def matches_etag(if_none_match: Iterable[str], etag: str) -> bool:
    """Tell whether a caller has this answer already."""
    known = {tag.strip().removeprefix("W/") for tag in ",".join(if_none_match).split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def build_disposition(cid: AnyCid, form: WantedForm, filename: str | None) -> str:
    """Return a `Content-Disposition` that lets no browser show the bytes as a page."""
    if not filename:
        return f'attachment; filename="{cid}.{"bin" if form.media_type == RAW else "car"}"'
    plain = "".join(
        letter if ord(letter) in _PRINTABLE and letter not in _QUOTED else "_"
        for letter in filename
    )
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def build_location(path: str, query: bytes, form: WantedForm) -> str:
    """Return the URL that asks for the same answer without an `Accept` header."""
    kept = [
        (name, value)
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if name != "format" and name not in _CAR_QUERY
    ]
    asked = [(f"car-{name}", form.car[name]) for name in CAR_VALUES if name in form.asked]
    return f"{path}?{urlencode([*kept, ('format', form.format), *asked], safe=':*')}"
