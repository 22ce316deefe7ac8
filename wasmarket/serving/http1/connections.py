"""How many connections a server keeps: from one address and in all."""

import resource
from collections import Counter
from dataclasses import dataclass
from typing import Final

from wasmarket.serving.callers.addresses import canonical_address, group_of

PER_ADDRESS: Final = 512
"""More than a gateway opens to one peer, far less than a server can keep."""
FILES_KEPT: Final = 0.75
"""The share of the files a process may open that connections can take."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Most connections of one address (an IPv6 /64 is one) and of all together."""

    per_address: int = PER_ADDRESS
    total: int = 0
    """0: as many as leave the process a quarter of the files that it may open."""
    trusted: frozenset[str] = frozenset()
    """Addresses of proxies in front, which bring the connections of many."""


class ConnectionCounts:
    """The connections of a server now. For one event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._total = limits.total or max(64, int(_files() * FILES_KEPT))
        self._trusted = frozenset(map(canonical_address, limits.trusted))
        self._by_group: Counter[str] = Counter()
        self._open = 0

    def enter(self, address: str) -> str | None:
        """Count a connection of an address; return what `leave` is to be given, None: too many."""
        group = group_of(address)
        is_over = self._by_group[group] >= self._limits.per_address
        if is_over and canonical_address(address) not in self._trusted:
            return None
        if self._open >= self._total:
            return None
        self._by_group[group] += 1
        self._open += 1
        return group

    def leave(self, group: str) -> None:
        """Count a connection no more."""
        self._open -= 1
        self._by_group[group] -= 1
        if not self._by_group[group]:
            del self._by_group[group]


def _files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65_536 if soft == resource.RLIM_INFINITY else soft
