"""Look after peers between calls: is one that failed back, and how far away are the others."""

import asyncio
import logging
from collections.abc import Callable

from gateway.upstream.choice import Breaker, Choice, PeerState
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.peer_wire.connection import Outgoing
from wasmarket.serving.peer_wire.wire import Wire

logger = logging.getLogger(__name__)

PROBE = Outgoing("GET", "/v1/health/live", (), b"", True)
FORGET_SECONDS = 60.0
"""Seconds without a call after which a peer is no longer looked after."""
AT_ONCE = 16


class Prober:
    """Asks the peers in use whether they live."""

    def __init__(
        self, wire: Wire, choice: Choice, seconds: float, clock: Callable[[], float]
    ) -> None:
        """Ask each healthy peer every `seconds` (0: only failed ones), by `clock`."""
        self._wire = wire
        self._choice = choice
        self._seconds = seconds
        self._clock = clock

    async def probe_due(self) -> None:
        """Ask every peer whose time has come."""
        due = [state for state in self._choice.known() if self._due_at(state) <= self._clock()]
        gate = asyncio.Semaphore(AT_ONCE)

        async def probe(state: PeerState) -> None:
            async with gate:
                await self._probe(state)

        await asyncio.gather(*map(probe, due))

    def pause(self) -> float | None:
        """Return the seconds until the next probe is due, None if none is."""
        due = [at for state in self._choice.known() if (at := self._due_at(state)) < float("inf")]
        return max(0.01, min(due) - self._clock()) if due else self._seconds or None

    def _due_at(self, state: PeerState) -> float:
        now = self._clock()
        if now - state.used_at > FORGET_SECONDS or state.is_on_trial:
            return float("inf")
        if state.breaker(now) is not Breaker.CLOSED:
            return state.opened_until
        return state.measured_at + self._seconds if self._seconds else float("inf")

    async def _probe(self, state: PeerState) -> None:
        route = state.route
        began = self._choice.begin(route, is_probe=True)
        try:
            answer = await self._wire.open(route.endpoint, PROBE)
        except MarketError as error:
            self._choice.failed(route, is_down=True)
            logger.info("peer still away", extra={"peer": route.peer, "why": error.detail})
            return
        except BaseException:
            self._choice.left(route, began)
            raise
        answer.close()
        if answer.status == 200:
            self._choice.answered(route, began)
        else:
            self._choice.failed(route, is_down=True)
