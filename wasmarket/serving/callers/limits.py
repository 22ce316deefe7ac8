"""Bounds on how often one client may ask."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from wasmarket.kernel.errors import LimitReached

REMEMBERED = 100_000


class RateLimited(LimitReached):
    """Too many requests"""

    slug = "rate-limited"

    def __init__(self, detail: str, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, remedy=f"wait {retry_after} s and send fewer at once")
        self.retry_after = retry_after


class RateLimit:
    """A token bucket for each key: so many in a span of time, and `burst` at once after a rest.

    Safe to share between threads. A key that is forgotten because there are too many starts with
    a full bucket.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float],
        what: str,
        *,
        seconds: float = 60.0,
        burst: float | None = None,
    ) -> None:
        """At most `rate` of `what` (for the error) in `seconds`; 0: no limit.

        `burst` is `rate` unless it is given. `clock` returns seconds and never runs backwards.
        """
        self._rate = rate
        self._per_second = rate / seconds
        self._burst = max(1.0, float(rate if burst is None else burst))
        self._clock = clock
        self._what = f"{what} per {'minute' if seconds == 60 else 'second'}"
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def is_on(self) -> bool:
        """Whether there is a limit."""
        return self._rate > 0

    def check(self, key: str) -> None:
        """Count one. Raises RateLimited."""
        if not self.is_on:
            return
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._per_second)
            # What rounding takes from a whole token must not cost a client a turn.
            is_within = left >= 1 - 1e-9
            self._left[key] = (left - is_within, now)
            if len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        if not is_within:
            wait = math.ceil(round((1 - left) / self._per_second, 6))
            raise RateLimited(f"more than {self._rate:g} {self._what}", wait)
