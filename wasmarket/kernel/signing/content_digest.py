"""The hash of a body in the head of its request: `Content-Digest` (RFC 9530).

A signature covers the hash of the body. With the hash in the head, the signature can be checked
before a long body is read; whoever sends a body has then to be somebody.
"""

import base64
import binascii
import re
from typing import Final

from wasmarket.kernel.errors import InvalidInput

HEADER: Final = "Content-Digest"
_SHA256: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


def write_content_digest(body_sha256: bytes) -> str:
    """Return the value of the header for a body with this SHA-256."""
    return f"sha-256=:{base64.b64encode(body_sha256).decode('ascii')}:"


def parse_content_digest(header: str | None) -> bytes:
    """Return the SHA-256 that the header names. Raises InvalidInput."""
    found = _SHA256.search(header or "")
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise InvalidInput(
            "the request does not say what its body hashes to",
            field=HEADER,
            remedy=f"send `{HEADER}: sha-256=:<base64 of the body's SHA-256>:`",
        )
    return digest
