"""Bounds on what one client can ask of the matcher."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from wasmarket.serving.limits import RateLimited

REMEMBERED = 10_000


class RateLimit:
    """At most so many per minute for each key, in bursts of up to a minute's worth.

    Safe to share between threads. `clock` returns seconds and never runs backwards.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float], what: str) -> None:
        """`per_minute` 0: no limit. `what` names the things counted, for the error."""
        self._per_minute = per_minute
        self._clock = clock
        self._what = what
        self._lock = threading.Lock()
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Count one. Raises RateLimited."""
        if not self._per_minute:
            return
        with self._lock:
            now = self._clock()
            spent, since = self._spent.pop(key, (0.0, now))
            spent = max(0.0, spent - (now - since) * self._per_minute / 60)
            within = spent + 1 <= self._per_minute
            self._spent[key] = (spent + within, now)
            while len(self._spent) > REMEMBERED:
                self._spent.popitem(last=False)
        if not within:
            wait = math.ceil(round((spent + 1 - self._per_minute) * 60 / self._per_minute, 6))
            raise RateLimited(f"more than {self._per_minute} {self._what} per minute", wait)
