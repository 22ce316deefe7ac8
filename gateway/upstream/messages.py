"""HTTP messages as functions take and give them: a head as text, an empty line, the body.

A site's function gets the request as one message of bytes and answers with another (decision
0018). What concerns connections, or could deceive the function or the caller about where a
message ends or comes from, stays out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wasmarket.kernel.errors import BrokenOff
from wasmarket.serving.peer_wire.connection import Header

MAX_HEAD = 64 * 1024
MAX_HEADERS = 256
HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
        *(b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
_OURS_IN = frozenset(
    {
        *(b"content-length", b"expect", b"forwarded", b"x-forwarded-for", b"x-forwarded-host"),
        *(b"x-forwarded-proto", b"x-forwarded-prefix", b"x-real-ip", b"x-request-id"),
        b"wasmarket-peer",
    }
)
_OURS_OUT = frozenset({b"content-length", b"date", b"server", b"x-request-id"})
_OURS_PREFIX = b"wasmarket-"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?")
_END = b"\r\n\r\n"


class BadAnswer(BrokenOff):
    """Invalid response from the function"""

    slug = "bad-answer"


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who asked for what: the caller's address, scheme and host as sent, where the site begins."""

    client: str
    scheme: str
    host: str
    prefix: str
    request_id: str


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a function's answer; `size` is how many bytes it took."""

    status: int
    headers: list[Header]
    size: int


def write_request(
    method: str, target: str, headers: Iterable[Header], origin: RequestOrigin
) -> bytes:
    """Return the head of the message that the function gets; the body follows it."""
    kept = list(headers)
    dropped = HOP_BY_HOP | _OURS_IN | _named_by_connection(kept)
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    lines += [name + b": " + value for name, value in kept if name not in dropped]
    ours = {
        "x-forwarded-for": origin.client,
        "x-forwarded-host": origin.host,
        "x-forwarded-proto": origin.scheme,
        "x-forwarded-prefix": origin.prefix,
        "x-request-id": origin.request_id,
    }
    lines += [f"{name}: {value}".encode("latin-1") for name, value in ours.items() if value]
    return b"\r\n".join(lines) + _END


def find_head(data: bytes | bytearray) -> int:
    """Return where the head of a message ends, 0 if that is further on. Raises BadAnswer."""
    end = data.find(_END, 0, MAX_HEAD)
    if end < 0 and len(data) >= MAX_HEAD:
        raise BadAnswer(f"the answer's head is longer than {MAX_HEAD} bytes")
    return end + len(_END) if end >= 0 else 0


def read_response(head: bytes) -> ResponseHead:
    """Read the head of a function's answer. Raises BadAnswer that says what is wrong."""
    first, *lines = head[: -len(_END)].split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BadAnswer(
            f"the answer begins with {first[:40]!r}",
            remedy="answer `HTTP/1.1 200 OK`, header lines, an empty line and the body",
        )
    if len(lines) > MAX_HEADERS:
        raise BadAnswer(f"the answer has {len(lines)} headers")
    headers = [_read_header(line) for line in lines]
    dropped = HOP_BY_HOP | _OURS_OUT | _named_by_connection(headers)
    kept = [
        (name, value)
        for name, value in headers
        if name not in dropped and not name.startswith(_OURS_PREFIX)
    ]
    return ResponseHead(int(status[1]), kept, len(head))


def confine_cookie(value: bytes, prefix: str) -> bytes:
    """Return a `Set-Cookie` value that only comes back to the site under `prefix`."""
    first, *attributes = value.split(b";")
    path = b"/"
    kept = [first.strip()]
    for attribute in attributes:
        name, _, given = attribute.strip().partition(b"=")
        match name.strip().lower():
            case b"domain":
                continue
            case b"path":
                path = given.strip() or b"/"
            case _:
                kept.append(attribute.strip())
    below = path if path.startswith(b"/") else b"/"
    kept.append(b"Path=" + prefix.encode("ascii") + below)
    return b"; ".join(kept)


def _read_header(line: bytes) -> Header:
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise BadAnswer(f"the answer has the header line {line[:80]!r}")
    return name.lower(), value


def _named_by_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    return frozenset(
        part.strip().lower()
        for name, value in headers
        if name == b"connection"
        for part in value.split(b",")
    )
