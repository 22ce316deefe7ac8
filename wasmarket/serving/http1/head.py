"""Rules for the head of a request that the parser leaves to us (RFC 9110, 9112).

The parser (llhttp, strict) refuses what is no HTTP: folded lines, bare line feeds, lengths that
contradict each other. Here is what two readers could still understand in two ways: a header that
stands twice though one value is meant, a host that is missing, a transfer coding in front of
`chunked`. Such a request is refused, so that no proxy, gateway or peer reads it differently.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from wasmarket.kernel.errors import InvalidInput

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers."""
MAX_HEADERS: Final = 256

ONCE: Final = frozenset(
    {
        *(b"authorization", b"content-digest", b"content-length", b"content-type", b"expect"),
        *(b"host", b"idempotency-key", b"origin", b"range", b"transfer-encoding", b"upgrade"),
        *(b"wasmarket-peer", b"wasmarket-site", b"x-request-id"),
    }
)
"""Headers that have one value: a second one is a contradiction, even if it is the same."""

_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_PATH: Final = re.compile(rb"/[!\x22\x24-\x7e]*")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]+)(/[^?]*)?(\?.*)?", re.IGNORECASE)
_REQUEST_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ \r\n]+ HTTP/([0-9])\.[0-9]\r\n")

Headers = list[tuple[bytes, bytes]]


class HeadRefused(ValueError):
    """A request whose head is not acceptable; it is answered with `status`."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    @property
    def slug(self) -> str:
        """Return the end of the problem's type."""
        return self.status.phrase.lower().replace(" ", "-")


def check_head(method: bytes, target: bytes, version: str, headers: Headers) -> bytes:
    """Return the target as path and query (`*` stays). Raises HeadRefused.

    `headers` have lower-case names. A target that names a host itself replaces `Host` in them.
    """
    names = [name for name, _ in headers]
    given = dict(headers)
    if len(given) != len(names):
        _check_once(names)
    if version not in ("1.0", "1.1"):
        raise HeadRefused(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version:.8} is not spoken here"
        )
    host = given.get(b"host")
    if host is None:
        if version != "1.0":
            raise _bad("the request has no Host header")
    elif _HOST.fullmatch(host) is None:
        raise _bad("the Host header is not a host name with a port or without")
    if b"transfer-encoding" in given:
        _check_coding(given[b"transfer-encoding"], version)
    expected = given.get(b"expect")
    if expected is not None and expected.lower() != b"100-continue" and version != "1.0":
        raise HeadRefused(HTTPStatus.EXPECTATION_FAILED, "only 100-continue can be expected")
    if method == b"CONNECT":
        raise HeadRefused(HTTPStatus.NOT_IMPLEMENTED, "this is no proxy for connections")
    if _PATH.fullmatch(target) is not None:
        return target
    return _read_other_form(method, target, headers)


def explain_unreadable(data: bytes, why: str) -> HeadRefused:
    """Return how to answer bytes that the parser refused with the words `why`."""
    line = _REQUEST_LINE.match(data)
    if line is not None and line[1] != b"1":
        detail = f"HTTP/{line[1].decode()} is not spoken here"
        return HeadRefused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail)
    if line is not None and why.startswith("Invalid HTTP version"):
        return HeadRefused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here")
    if line is not None and "method" in why:
        return HeadRefused(HTTPStatus.NOT_IMPLEMENTED, "there is no such method")
    return _bad(f"this is not HTTP/1.1: {why}")


def too_many_headers() -> HeadRefused:
    """Return the refusal of a head with more headers than are read."""
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HeadRefused(status, f"the request has more than {MAX_HEADERS} headers")


def head_too_large() -> HeadRefused:
    """Return the refusal of a head with more bytes than are read."""
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HeadRefused(status, f"the request's head has more than {MAX_HEAD} bytes")


def find_single(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the one value of a header, None without it. Raises InvalidInput for several.

    For servers of others in front of us; ours refuse such requests at the door.
    """
    found = [value for given, value in headers if given == name]
    if len(found) > 1:
        shown = name.decode("ascii").title()
        raise InvalidInput(f"the request has {len(found)} {shown} headers", field=shown)
    return found[0] if found else None


def without_upgrade(headers: Headers) -> Headers:
    """Return the headers of a request that asked for another protocol, without that question."""
    kept: Headers = []
    for name, value in headers:
        if name in (b"upgrade", b"http2-settings"):
            continue
        if name == b"connection":
            dropped = (b"upgrade", b"http2-settings")
            parts = [part.strip() for part in value.split(b",")]
            left = b", ".join(part for part in parts if part.lower() not in dropped)
            if left:
                kept.append((name, left))
            continue
        kept.append((name, value))
    return kept


def _check_once(names: list[bytes]) -> None:
    seen: set[bytes] = set()
    for name in names:
        if name in seen and name in ONCE:
            raise _bad(f"the header {name.decode('ascii').title()} stands there twice")
        seen.add(name)


def _check_coding(coding: bytes, version: str) -> None:
    if version == "1.0":
        raise _bad("HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() != b"chunked":
        raise HeadRefused(
            HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding read here is chunked"
        )


def _read_other_form(method: bytes, target: bytes, headers: Headers) -> bytes:
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or _HOST.fullmatch(absolute[1]) is None:
        raise _bad("the request's target is not a path")
    origin_form = (absolute[2] or b"/") + (absolute[3] or b"")
    if _PATH.fullmatch(origin_form) is None:
        raise _bad("the request's target has characters that a URL does not have")
    others = [(name, value) for name, value in headers if name != b"host"]
    headers[:] = [(b"host", absolute[1]), *others]
    return origin_form


def _bad(detail: str) -> HeadRefused:
    return HeadRefused(HTTPStatus.BAD_REQUEST, detail)
