"""Bounds on how often one client may ask."""

import math
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


class TokenBucket:
    """At most so many per second for each key, and `burst` at once after a rest.

    For one event loop. A key that is forgotten because there are too many starts afresh.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        """`per_second` 0: no limit. `clock` returns seconds and never runs backwards."""
        self._per_second = per_second
        self._burst = max(1.0, float(burst))
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def is_on(self) -> bool:
        """Whether there is a limit."""
        return self._per_second > 0

    def take(self, key: str, what: str) -> None:
        """Count one of `what`. Raises RateLimited."""
        if not self.is_on:
            return
        now = self._clock()
        left, since = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        taken = left >= 1
        self._left[key] = (left - taken, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        if not taken:
            wait = math.ceil((1 - left) / self._per_second)
            raise RateLimited(f"more than {self._per_second:g} requests a second {what}", wait)
