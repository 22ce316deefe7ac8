"""Try duties one by one: what fails pauses by itself and keeps nothing else from being sent."""

import logging
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peer.receipts.heads import ReceiptsBehind
from wasmarket.kernel.errors import MarketError, NotFound, Reverted
from wasmarket.serving.daemon import Pace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception
    count: int
    again_at: float


class DutyAttempts:
    """Failures of duties by what they are; a duty that is no longer owed is forgotten.

    The chain's refusals, evidence that is not here and files that cannot be written are a duty's
    own failures; other errors concern all duties and are passed on.
    """

    def __init__(self, pace: Pace, read_clock: Callable[[], float] = time.monotonic) -> None:
        """`pace` says how long a duty pauses after failures; `read_clock` returns seconds."""
        self._pace = pace
        self._read_clock = read_clock
        self._failures: dict[Hashable, _Failure] = {}

    @property
    def problems(self) -> list[Exception]:
        """What each failing duty last failed of; any thread."""
        return [failure.error for failure in tuple(self._failures.values())]

    @contextmanager
    def turn(self) -> Iterator["DutyTurn"]:
        """Begin to go through all that is owed now; what was not owed in it is forgotten."""
        turn = DutyTurn(self)
        yield turn
        self._failures = {k: v for k, v in self._failures.items() if k in turn.owed}

    def pause(self) -> float | None:
        """Return the seconds until a failed duty is due again; None: nothing has failed."""
        if not self._failures:
            return None
        first = min(failure.again_at for failure in self._failures.values())
        # Never at once: a turn in which the standing is behind tries nothing.
        return max(self._pace.first_pause, first - self._read_clock())

    def attempt(self, key: Hashable, duty: Callable[[], object]) -> None:
        """Do a duty, unless it failed and its pause is not over. Raises what concerns all."""
        before = self._failures.get(key)
        if before is not None and self._read_clock() < before.again_at:
            return
        try:
            duty()
        except (Reverted, NotFound, ReceiptsBehind, OSError) as error:
            self._fail(key, error, 1 if before is None else before.count + 1)
        else:
            self._failures.pop(key, None)

    def _fail(self, key: Hashable, error: MarketError | OSError, count: int) -> None:
        before = self._failures.get(key)
        if before is None or str(before.error) != str(error):
            logger.warning("a duty failed", extra={"duty": str(key), "why": str(error)})
        again_at = self._read_clock() + self._pace.after_failures(count)
        self._failures[key] = _Failure(error, count, again_at)


class DutyTurn:
    """One time through all duties."""

    def __init__(self, attempts: DutyAttempts) -> None:
        self._attempts = attempts
        self.owed: set[Hashable] = set()

    def attempt(self, key: Hashable, duty: Callable[[], object]) -> None:
        """Do a duty as `DutyAttempts.attempt`; it is owed, done or not."""
        self.owed.add(key)
        self._attempts.attempt(key, duty)
