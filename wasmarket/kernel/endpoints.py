"""URLs under which peers are reached: what may be registered, and when two are the same."""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from wasmarket.kernel.errors import InvalidInput

MAX_ENDPOINT = 128
"""Bytes that the contract keeps."""

PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_REMEDY = "give scheme, host and, where it is not the scheme's own, port: https://peer.example:8610"


def parse_endpoint(text: str, *, field: str = "endpoint") -> str:
    """Return an endpoint in its one spelling. Raises InvalidInput.

    It is an http or https URL of a host, with a port and a path if need be, and nothing else.
    """
    try:
        if not (_PLAIN.fullmatch(text) and len(text) <= MAX_ENDPOINT):
            raise ValueError(f"it must be 1 to {MAX_ENDPOINT} printable ASCII characters")
        return _spell(urlsplit(text), text)
    except ValueError as error:
        raise InvalidInput(
            f"{text[:MAX_ENDPOINT]!r} is not a peer's endpoint: {error}",
            field=field,
            remedy=_REMEDY,
        ) from error


def same_endpoint(one: str, other: str) -> bool:
    """Whether two registered endpoints lead to the same place; strange ones only to themselves."""
    try:
        return parse_endpoint(one) == parse_endpoint(other)
    except InvalidInput:
        return one == other


def _spell(parts: SplitResult, text: str) -> str:
    """Write the parts of a URL in one way; raises ValueError for what an endpoint may not have."""
    if parts.scheme not in PORTS:
        raise ValueError("it does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("it names a user")
    if "?" in text or "#" in text:
        raise ValueError("it has a query or a fragment")
    if parts.port == 0:
        raise ValueError("port 0 is nobody's")
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{_host(parts)}{port}{parts.path.rstrip('/')}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        return f"[{IPv6Address(host)}]"
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("it has no host")
    return ".".join(labels)
