"""Whose invoke is next: initiators take turns, and one whose scripts are slow has one at a time.

Two scripts that take all the time that they may would otherwise hold every worker, and those of
others would wait behind them.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final

SLOW_US: Final = 100_000
SLOW_SECONDS: Final = 60.0
"""How long an initiator counts as slow after an invoke that was."""
MOST_KNOWN: Final = 10_000
FAST: Final = 0.0


class Turns:
    """Event loop only. Every `begin` is followed by an `end`."""

    def __init__(
        self, has_room: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`has_room` says whether another invoke would run at once."""
        self._has_room = has_room
        self._clock = clock
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        # Until when those that are known count as slow; the one seen last is the last.
        self._slow_until: OrderedDict[str, float] = OrderedDict()

    async def begin(self, initiator: str) -> None:
        """Wait for the turn of an invoke of this initiator."""
        if not self._waiting and self._may_run(initiator) and self._is_room():
            self._running[initiator] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(initiator, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(initiator, turn)
            else:
                self._stop(initiator)
            raise
        # The next one only when this one has taken its place.
        asyncio.get_running_loop().call_soon(self._give)

    def end(self, initiator: str, took_us: int) -> None:
        """Say how long an invoke took, and let the next run."""
        known, now = self._slow_until, self._clock()
        if took_us >= SLOW_US:
            known[initiator] = now + SLOW_SECONDS
        elif known.get(initiator, FAST) <= now:
            known[initiator] = FAST
        if initiator in known:
            known.move_to_end(initiator)
        if len(known) > MOST_KNOWN:
            known.popitem(last=False)
        self._stop(initiator)

    def _stop(self, initiator: str) -> None:
        self._running[initiator] -= 1
        if not self._running[initiator]:
            del self._running[initiator]
        self._give()

    def _is_room(self) -> bool:
        return not self._running or self._has_room()

    def _may_run(self, initiator: str) -> bool:
        """Say whether one more may run: of those that were never seen, or are slow, only one."""
        if not self._running[initiator]:
            return True
        until = self._slow_until.get(initiator)
        return until is not None and until <= self._clock()

    def _give(self) -> None:
        """Let the first run that may, if there is room."""
        if not self._waiting or not self._is_room():
            return
        initiator = next(filter(self._may_run, self._waiting), None)
        if initiator is None:
            return
        turn = self._waiting[initiator].popleft()
        self._running[initiator] += 1
        turn.set_result(None)
        if self._waiting[initiator]:
            self._waiting.move_to_end(initiator)
        else:
            del self._waiting[initiator]

    def _forget(self, initiator: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting[initiator]
        waiting.remove(turn)
        if not waiting:
            del self._waiting[initiator]
