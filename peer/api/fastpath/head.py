"""What the head of a request says of a call: read once, however many calls have the same head."""

import itertools
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from peer.runtime.module.service import BodyKind
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.http1.head import ONCE, Headers
from wasmarket.serving.service import REQUEST_ID

RAW_TYPE: Final = b"application/octet-stream"
RAW_LINE: Final = b"content-type: application/octet-stream\r\n"
JSON_LINE: Final = b"content-type: application/json\r\n"
RECEIPT_PREFERENCE: Final = b"receipt"
# What is not plainly a call (a number out of range, an escaped path) is left to the framework.
# So are flows, which have a route of their own.
CALL_TARGET: Final = re.compile(rb"/v1/deals/([1-9][0-9]{0,8})/(?!flows/)([^/%?#]+)/([^/%?#]+)")
# Paths that are called again and again are taken apart once.
KNOWN_PATHS: Final = 1_024
MAX_KNOWN_PATH: Final = 256
ID_HEADER: Final = REQUEST_ID.lower().encode()
USAGE_HEADER: Final = b"wasmarket-usage"
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# Ids that we give: what tells this process from others, and a number.
_RUN: Final = secrets.token_hex(4).encode()
_numbers: Final = itertools.count(1)


Target = tuple[int, str, str]
"""Deal, service and function."""


class CallHead:
    """Which function of which deal is called, how, and by which request."""

    __slots__ = (
        "_describe",
        "asks_receipt",
        "deal",
        "function",
        "given",
        "kind",
        "kind_line",
        "request_id",
        "service",
        "usage",
    )

    def __init__(self, target: Target, headers: Headers, describe: Callable[[], Scope]) -> None:
        """`describe` returns the request as ASGI has it; few calls ask for that.

        Raises InvalidInput for a header that says two things.
        """
        given = dict(headers)
        if len(given) != len(headers):
            given = _join(headers)
        self.deal, self.service, self.function = target
        self.given = given
        self._describe = describe
        self.kind = _kind_of(given.get(b"content-type", b""))
        self.kind_line = RAW_LINE if self.kind is BodyKind.RAW else JSON_LINE
        prefer = given.get(b"prefer")
        self.asks_receipt = prefer is not None and _asks_receipt(prefer)
        self.usage = given.get(USAGE_HEADER)
        """A voucher that comes with the call."""
        self.request_id = read_id(given.get(ID_HEADER))

    @property
    def scope(self) -> Scope:
        """Return the request as ASGI describes it."""
        return self._describe()


def read_target(path: bytes) -> Target | None:
    """Return what a path calls, None if it is not plainly a call."""
    return _read_known(path) if len(path) <= MAX_KNOWN_PATH else _read(path)


def _read(path: bytes) -> Target | None:
    match = CALL_TARGET.fullmatch(path)
    if match is None or not path.isascii():
        return None
    deal, service, function = match.groups()
    return int(deal), service.decode(), function.decode()


_read_known: Final = lru_cache(KNOWN_PATHS)(_read)


def read_id(given: bytes | None) -> bytes | None:
    """Return the caller's request id if it is sane."""
    return given if given is not None and _ID.fullmatch(given) is not None else None


def make_id() -> bytes:
    """Return a request id that was never given before."""
    return b"%b%08x" % (_RUN, next(_numbers))


def _join(headers: Headers) -> dict[bytes, bytes]:
    """Return the headers with the values of lists that stand in several lines."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in joined:
            joined[name] = value
            continue
        if name in ONCE:
            shown = name.decode("ascii", "replace").title()
            raise InvalidInput(f"the header {shown} stands there twice", field=shown)
        joined[name] = b"%b, %b" % (joined[name], value)
    return joined


def _kind_of(content_type: bytes) -> BodyKind:
    if content_type == RAW_TYPE:
        return BodyKind.RAW
    given = content_type.partition(b";")[0].strip().lower()
    return BodyKind.RAW if given == RAW_TYPE else BodyKind.JSON


def _asks_receipt(prefer: bytes) -> bool:
    parts = prefer.lower().split(b",")
    return RECEIPT_PREFERENCE in (part.strip() for part in parts)
