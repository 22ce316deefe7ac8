"""Where deals run: asked from the store or from a matcher, remembered for a moment."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.units import Address, Hash

MAX_REMEMBERED = 100_000
MAX_FORMER = 100
"""Assignments of the past that are looked at for who keeps a deal's records."""


@dataclass(frozen=True, slots=True)
class PeerRoute:
    """One peer that runs units of a deal."""

    peer: int
    endpoint: str
    region: int


@dataclass(frozen=True, slots=True)
class DealRoute:
    """What the gateway must know of a deal: whose it is, what it runs, where, and if it is paid."""

    deal: int
    developer: Address
    app: Hash
    status: DealStatus
    peers: tuple[PeerRoute, ...]
    """Peers with an active assignment."""


class Directory(Protocol):
    """Says where deals run."""

    async def find(self, deal: int) -> DealRoute | None:
        """Return a deal's route; None: no such deal. Raises Unreachable."""

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return peers that ran a deal and keep its logs and receipts, those of late first.

        Raises Unreachable.
        """

    async def find_apps(self) -> frozenset[Hash]:
        """Return the apps of all deals that have not ended. Raises Unreachable."""

    async def find_developers(self) -> frozenset[Address]:
        """Return the developers of all deals that have not ended. Raises Unreachable."""


@dataclass(slots=True)
class _Entry:
    route: DealRoute | None
    until: float


class RememberingDirectory:
    """A directory that asks another at most every `seconds`, and lives on through its outages."""

    def __init__(
        self, inner: Directory, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns seconds."""
        self._inner = inner
        self._seconds = seconds
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._asking: dict[int, asyncio.Future[DealRoute | None]] = {}

    async def find(self, deal: int) -> DealRoute | None:
        """Return a deal's route, at most `seconds` old unless the inner directory is silent."""
        now = self._clock()
        entry = self._entries.get(deal)
        if entry is not None and now < entry.until:
            return entry.route
        asking = self._asking.get(deal)
        if asking is None:
            # One look-up for all who wait for it; it goes on though the first of them hangs up.
            asking = self._asking[deal] = asyncio.ensure_future(self._inner.find(deal))
            asking.add_done_callback(partial(self._asked, deal))
        try:
            route = await asyncio.shield(asking)
        except Unreachable:
            if entry is None or entry.route is None:
                raise
            return entry.route
        if len(self._entries) >= MAX_REMEMBERED:
            self._entries.clear()
        self._entries[deal] = _Entry(route, now + self._seconds)
        return route

    def _asked(self, deal: int, asking: "asyncio.Future[DealRoute | None]") -> None:
        del self._asking[deal]
        if not asking.cancelled():
            # Whoever waits hears of it; this is for when nobody does any more.
            asking.exception()

    def forget(self, deal: int) -> None:
        """Ask again at the next look-up: what was known has proved wrong."""
        entry = self._entries.get(deal)
        if entry is not None:
            entry.until = 0.0

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return the inner directory's answer."""
        return await self._inner.find_former(deal)

    async def find_apps(self) -> frozenset[Hash]:
        """Return the inner directory's answer."""
        return await self._inner.find_apps()

    async def find_developers(self) -> frozenset[Address]:
        """Return the inner directory's answer."""
        return await self._inner.find_developers()
