"""What a local market is made of, and the settings file that its commands read."""

import contextlib
import itertools
import json
import os
import secrets
import socket
from dataclasses import dataclass, replace

import tomli_w

from wasmarket.client.home import Home
from wasmarket.kernel.errors import Conflict, PortInUse

MARK = "# Written by `wasmarket local up`; remove this line to keep your own changes.\n"
WORK_PRICE = 300_000
"""USDC base units per 10^12 work, at which `wasmarket local up` has its peers sell it."""

GRANT_GWEI = 10**8
"""Coins that a new account of a local market is given: a tenth."""
LOOK_SECONDS = 0.1
"""How often services look at a local chain, which makes a block of each transaction at once."""
CHECK_SECONDS = 15
"""How often the matcher of a local market asks its peers."""
MEASURE_SECONDS = 2
"""How often it asks the gateway what it measured."""
EFFECTORS = ("http", "ipfs", "kv", "secret")
"""What local peers let functions use, so that every example runs."""
_FIRST_PORT, _PORTS = 20_000, 12_000
_turns = itertools.count()
POLICY = f"# What the peers of this local market allow.\neffectors = {json.dumps(EFFECTORS)}\n"


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """One peer of a local market; `price` is USDC base units per unit and epoch, `site` the data
    center that it says it stands in."""

    name: str
    provider: str
    region: str
    units: int
    memory_mib: int
    price: int
    site: str = ""


DEFAULT_PEERS = (
    PeerPlan("alpha-1", "alpha", "DE", 4, 2_048, 10_000, "hetzner-fsn1"),
    PeerPlan("alpha-2", "alpha", "FR", 4, 2_048, 12_000, "ovh-gra"),
    PeerPlan("beta-1", "beta", "US", 4, 4_096, 15_000, "equinix-dc2"),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens; 0: any free port. Peers take `peer` and those after it."""

    chain: int = 8545
    matcher: int = 8600
    gateway: int = 8601
    indexer: int = 8602
    payments: int = 8604
    sandbox: int = 8605
    peer: int = 8610


FREE_PORTS = Ports(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A local market. `block_time` in seconds, None: a block per transaction.

    `work_price`: for which all peers sell their units for metered deals too (USDC base units per
    10^12 work), None: they do not. `payments`: with a payment gateway and its sandbox of cards.
    """

    peers: tuple[PeerPlan, ...] = DEFAULT_PEERS
    ports: Ports = Ports()
    developers: tuple[str, ...] = ("developer",)
    block_time: float | None = None
    epoch_seconds: int = 60
    work_price: int | None = None
    payments: bool = False

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of the providers, each once."""
        return tuple(dict.fromkeys(peer.provider for peer in self.peers))

    @property
    def wanted_ports(self) -> tuple[int, ...]:
        """The ports that must be free: those of the services and one for each peer."""
        ports = self.ports
        peers = (self.peer_port(index) for index in range(len(self.peers)))
        cards = (ports.payments, ports.sandbox) if self.payments else ()
        named = (ports.chain, ports.matcher, ports.gateway, ports.indexer, *cards, *peers)
        return tuple(port for port in named if port)

    def peer_port(self, index: int) -> int:
        """Return the port of the peer at `index`; 0: any free one."""
        return self.ports.peer + index if self.ports.peer else 0


def settle_ports(ports: Ports) -> Ports:
    """Return the same ports with the services' zeros replaced by ports that are free now."""
    return replace(
        ports,
        matcher=ports.matcher or find_free_port(),
        gateway=ports.gateway or find_free_port(),
        indexer=ports.indexer or find_free_port(),
        payments=ports.payments or find_free_port(),
        sandbox=ports.sandbox or find_free_port(),
    )


def find_free_port() -> int:
    """Return a port that nobody listens on now, and another one each time.

    Not one that the system gives out by itself: a connection that begins before the port is used
    could have it. Raises PortInUse if all are taken.
    """
    for _ in range(_PORTS):
        # Processes that look for ports side by side begin in different places.
        port = _FIRST_PORT + (os.getpid() * 64 + next(_turns)) % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PortInUse(f"none of the ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} is free")


def is_ours(home: Home) -> bool:
    """Say whether a home's settings were written for a local market."""
    return home.config.exists() and home.config.read_text(encoding="utf-8").startswith(MARK)


def _payments_table(ports: Ports) -> dict[str, object]:
    """Return the settings of a payment gateway whose sandbox takes cards that are none.

    Its secrets are of this file alone.
    """
    return {
        "port": ports.payments,
        "processor": "sandbox",
        "processor_url": f"http://127.0.0.1:{ports.sandbox}",
        "processor_key": secrets.token_hex(16),
        "webhook_secrets": [secrets.token_hex(16)],
        "usdc_usd": "1",
        "usdc_eur": "0.92",
        "flt_usd": "0.05",
        "flt_eur": "0.046",
        "final_blocks": 3,
        "grant_gwei": GRANT_GWEI,
    }


def write_settings(home: Home, ports: Ports, rpc: str, *, has_payments: bool = False) -> None:
    """Write the home's `wasmarket.toml` for a local market. Raises Conflict if it is the user's.

    `has_payments`: a payment gateway runs, so that the explorer leads to it.
    """
    if home.config.exists() and not is_ours(home):
        raise Conflict(
            f"{home.config} is your own",
            field="home",
            remedy="choose another home: `wasmarket --home DIR local up`",
        )
    matcher, gateway = f"http://127.0.0.1:{ports.matcher}", f"http://127.0.0.1:{ports.gateway}"
    payments = f"http://127.0.0.1:{ports.payments}"
    tables = {
        "chain": {"rpc": rpc},
        "indexer": {"port": ports.indexer, "poll_seconds": LOOK_SECONDS},
        "matcher": {
            "port": ports.matcher,
            "sources": [gateway],
            "explorer_gateway": gateway,
            "explorer_payments": payments if has_payments else "",
            "measuring_gateways": [gateway],
            "measuring_seconds": MEASURE_SECONDS,
            "poll_seconds": LOOK_SECONDS,
            # What a peer says of itself is to be seen before anybody has lost patience.
            "peer_check_seconds": CHECK_SECONDS,
        },
        "gateway": {
            "port": ports.gateway,
            "explorer_matcher": matcher,
            "explorer_payments": payments if has_payments else "",
        },
        "peer": {
            "gateways": [gateway],
            "policy": str(home.local_policy),
            "poll_seconds": LOOK_SECONDS,
        },
        "payments": _payments_table(ports),
        "meter": {"poll_seconds": LOOK_SECONDS},
        # Everything of a local market is on this machine.
        "outbound": {"allow_private_addresses": True},
        "client": {
            "matcher": matcher,
            "gateway": gateway,
            "payments": payments,
            "key": "developer",
        },
    }
    if not home.local_policy.exists():
        home.local_policy.write_text(POLICY, encoding="utf-8")
    home.config.write_text(MARK + tomli_w.dumps(tables), encoding="utf-8")
