"""Recognize the head of a request that came before on the same connection.

A caller sends many requests whose heads are the same, or the same but for an id, a trace or the
length. What the parser said of such a head it would say again: so it is not asked again, and none
of the objects that it led to is made again.
"""

import re
from typing import Final

from peer.api.fastpath.head import ID_HEADER, CallHead, read_id
from wasmarket.serving.http1.head import MAX_HEAD, ONCE

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length"
FIXED: Final = (ONCE - {ID_HEADER, LENGTH, b"idempotency-key", b"origin", b"range"}) | frozenset(
    {
        *(b"connection", b"content-encoding", b"forwarded", b"http2-settings", b"keep-alive"),
        *(
            b"prefer",
            b"proxy-authorization",
            b"proxy-connection",
            b"te",
            b"trailer",
            b"wasmarket-usage",
        ),
    }
)
"""Headers that say what is done with a request: with another value it is another head."""

_VALUE: Final = re.compile(rb"[ \t]*([!-~](?:[\t -~]*[!-~])?)")
"""What a header's value may be where nobody reads it; all else is for the parser."""
_DIGITS: Final = re.compile(rb" ?([0-9]{1,9})")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:")


class KnownHead:
    """A head, and what it says of a call."""

    __slots__ = ("_free", "_lines", "head", "length", "raw", "size")

    def __init__(self, head: CallHead, raw: bytes, length: int) -> None:
        """`raw` are the head's bytes, whose body has `length` bytes.

        The parser has read them; its own end must be that of `raw`.
        """
        self.head = head
        self.raw = raw
        self.length = length
        self.size = len(raw) + length
        self._lines = raw[: -len(HEAD_END)].split(b"\r\n")
        self._free = [_prefix_of(line) for line in self._lines]

    def read(self, data: bytes) -> tuple[bytes | None, bytes] | None:
        """Return the request id that a caller gave and the body, if `data` is one whole request
        whose head differs from this one only where that does not matter; else None.
        """
        end = data.find(HEAD_END, 0, MAX_HEAD)
        lines = data[:end].split(b"\r\n")
        if end < 0 or len(lines) != len(self._lines):
            return None
        length, request_id = self.length, self.head.request_id
        for line, known, prefix in zip(lines, self._lines, self._free, strict=True):
            if line == known:
                continue
            if prefix is None or not line.startswith(prefix):
                return None
            value = _VALUE.fullmatch(line, len(prefix))
            if value is None:
                return None
            name = prefix[:-1].lower()
            if name == ID_HEADER:
                request_id = read_id(value[1])
            elif name == LENGTH:
                digits = _DIGITS.fullmatch(line, len(prefix))
                if digits is None:
                    return None
                length = int(digits[1])
        body = data[end + len(HEAD_END) :]
        return (request_id, body) if len(body) == length else None


def _prefix_of(line: bytes) -> bytes | None:
    """Return the name and colon of a header that may change, None for what may not."""
    name = _NAME.match(line)
    if name is None or name[0][:-1].lower() in FIXED:
        return None
    return name[0]
