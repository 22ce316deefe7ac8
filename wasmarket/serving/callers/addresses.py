"""Who a request comes from: the address at the other end, or what a proxy of ours says of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"
GROUP_BITS = 64
"""Of an IPv6 address: whoever has one has as many as they like with the same first bits."""


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """A caller's address and the scheme they used."""

    address: str
    scheme: str


class Clients:
    """Tell callers apart; only proxies that the operator named are believed."""

    def __init__(self, proxies: Iterable[str]) -> None:
        """`proxies` are addresses."""
        self._proxies = frozenset(map(canonical_address, proxies))

    def of(self, scope: Scope) -> ClientAddress:
        """Return who sent a request."""
        given = scope.get("client")
        address = canonical_address(str(given[0])) if given else ""
        scheme = str(scope.get("scheme", "http"))
        if address not in self._proxies:
            return ClientAddress(address, scheme)
        hops: list[str] = []
        for name, value in scope["headers"]:
            if name == FORWARDED_FOR:
                hops += [hop.strip() for hop in value.decode("latin-1").split(",")]
            elif name == FORWARDED_PROTO and value in (b"http", b"https"):
                scheme = value.decode("ascii")
        # The last hop that is no proxy of ours; those before it are whatever the caller wrote.
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            address = canonical_address(hop)
            if address not in self._proxies:
                break
        return ClientAddress(address, scheme)


def canonical_address(address: str) -> str:
    """Return the one spelling of an IP address, IPv4 also where IPv6 carries it; else the text."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def group_of(address: str) -> str:
    """Return what a limit counts: an IPv4 address, the /64 of an IPv6 address; else the text."""
    canonical = canonical_address(address)
    if ":" not in canonical or not _is_address(canonical):
        return canonical
    return str(IPv6Network((canonical, GROUP_BITS), strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
