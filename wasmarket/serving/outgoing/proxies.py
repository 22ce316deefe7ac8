"""Which proxy of the environment a URL is asked through, in one place for the whole project.

Loopback addresses never go through one: a proxy's loopback is another machine's.
"""

import importlib.util
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from wasmarket.kernel.errors import ConfigError

HTTP_PROXIES = ("http", "https")
SOCKS_PROXIES = ("socks5", "socks5h")
LOOPBACK = "localhost,127.0.0.1,::1"
"""What `NO_PROXY` must list so that other programs leave loopback alone as well."""


def is_loopback(host: str) -> bool:
    """Say whether a host's name or address is this machine's own."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _parse_address(name)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and (address.is_loopback or address.is_unspecified)


def choose_proxy(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's URL, None for a direct connection.

    Reads `<scheme>_proxy`, `all_proxy` and `no_proxy`; names in lower case win. Raises
    ConfigError for a proxy that cannot be used.
    """
    if is_loopback(host):
        return None
    excluded = _read(environ, "no_proxy")[1]
    for variable in (f"{scheme}_proxy", "all_proxy"):
        name, value = _read(environ, variable)
        if value:
            return None if _is_excluded(host, port, excluded) else _check(name, value)
    return None


def without_loopback_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for another program whose loopback connections stay direct."""
    listed = _read(environ, "no_proxy")[1]
    everything = ",".join(part for part in (listed, LOOPBACK) if part)
    return {**environ, "no_proxy": everything, "NO_PROXY": everything}


def _read(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable's name as it is written, and its value."""
    for spelling in (name, name.upper()):
        if value := environ.get(spelling, "").strip():
            return spelling, value
    return name, ""


def _check(name: str, value: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    # The value itself may hold a password: messages name the variable only.
    if host is None:
        raise ConfigError(f"the environment's {name} is not a URL", remedy=_remedy(name))
    if parts.scheme in HTTP_PROXIES:
        return url
    if parts.scheme not in SOCKS_PROXIES:
        raise ConfigError(
            f"the environment's {name} names a proxy of kind {parts.scheme!r}, which is unknown",
            remedy=_remedy(name),
        )
    if importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"the environment's {name} names a SOCKS proxy, for which a package is missing",
            remedy=f"install `socksio`, or: {_remedy(name)}",
        )
    return url


def _remedy(name: str) -> str:
    return f"set {name} to an http:// proxy, unset it, or list the host in NO_PROXY"


def _is_excluded(host: str, port: int, excluded: str) -> bool:
    """Say whether `no_proxy` lists a host: by name, as part of a domain, by address or network."""
    name = host.strip("[]").rstrip(".").lower()
    address = _parse_address(name)
    for entry in (part.strip().lower() for part in excluded.split(",")):
        if entry == "*" or entry in (name, f"{name}:{port}", f"[{name}]:{port}"):
            return True
        domain = entry.removeprefix("*").removeprefix(".")
        if domain and (name == domain or name.endswith(f".{domain}")):
            return True
        if address is not None and _holds(entry, address):
            return True
    return False


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _parse_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        pass
    try:
        # The resolver also takes shortened addresses such as 127.1.
        return IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None
