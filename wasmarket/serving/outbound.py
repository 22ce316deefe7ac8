"""Decide which endpoints named by others may be connected to.

Providers, notices and apps name URLs. Nothing may be fetched through them from this machine's own
network: a name is resolved, the addresses are checked, and the connection goes to an address that
was checked, so that a second look-up cannot change the answer.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from wasmarket.kernel.errors import Unreachable

PORTS = {"http": 80, "https": 443}
FIRST_USER_PORT = 1024
"""Below it only 80 and 443 are a peer's; the rest belongs to mail, shells and the like."""
LOOKUPS = 8
"""Names looked up at once; a slow name server must not take every thread of the process."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_PROTOCOLS = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""Set aside for protocols; Python's tables of what is global do not all know them."""
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(Unreachable):
    """Address not allowed"""

    slug = "address-refused"


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Table `[outbound]`: where processes may connect when somebody else names the endpoint."""

    allow_private_addresses: bool = False
    """Loopback, private and link-local addresses too: for markets on one machine or network."""


class Outbound:
    """Resolve names that others chose to addresses that may be connected to."""

    def __init__(self, allow_private: bool, trusted: Iterable[str] = ()) -> None:
        """`trusted` are URLs that the operator named; they may be anywhere."""
        self._allow_private = allow_private
        self._trusted = frozenset(_origin(url) for url in trusted)
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host` that may be connected to, in the resolver's order.

        Raises AddressRefused, or OSError for a name that has none.
        """
        self._check_port(host, port)
        literal = _literal(host)
        if literal is not None:
            return self._permitted(host, port, [literal])
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._lookups, _look_up, host, port)
        return self._permitted(host, port, found)

    def resolve_now(self, host: str, port: int, seconds: float | None) -> list[str]:
        """Return what `resolve` does, for threads; waits `seconds` for an answer.

        Raises as `resolve`, and TimeoutError.
        """
        self._check_port(host, port)
        literal = _literal(host)
        if literal is not None:
            return self._permitted(host, port, [literal])
        found = self._lookups.submit(_look_up, host, port).result(seconds)
        return self._permitted(host, port, found)

    def close(self) -> None:
        """Stop looking names up."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _check_port(self, host: str, port: int) -> None:
        allowed = port in PORTS.values() or FIRST_USER_PORT <= port < 2**16
        if not (allowed or self._allow_private or (host, port) in self._trusted):
            raise AddressRefused(
                f"port {port} of {host} is not one for HTTP",
                remedy="listen on 80, 443 or a port above 1023",
            )

    def _permitted(self, host: str, port: int, addresses: list[str]) -> list[str]:
        if self._allow_private or (host, port) in self._trusted:
            return addresses
        public = [address for address in addresses if is_public(address)]
        if not public:
            raise AddressRefused(
                f"{host} is at {', '.join(addresses) or 'no address'}, which is not public",
                remedy="name a public address; for a market on one network set "
                "[outbound] allow_private_addresses",
            )
        return public


def is_public(address: str) -> bool:
    """Say whether an address is one that anybody on the Internet could reach.

    An IPv6 address that carries an IPv4 one is judged by that one too.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return _is_public_v4(parsed)
    carried = _carried(parsed)
    if carried is not None:
        return _is_public_v4(carried)
    return parsed in _GLOBAL_UNICAST and parsed.is_global


def _is_public_v4(address: IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _PROTOCOLS)
    )


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a mapped, 6to4, Teredo or NAT64 address leads to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _origin(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
