"""End calls that run too long: a thread that moves the engine's epoch once a deadline is over."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from wasmtime import Engine

from peer.runtime.execution.wasmtime_cffi import Store

TICK_SECONDS: Final = 0.01
IDLE_SECONDS: Final = 1.0


class Watchdog:
    """Watch one call at a time; sleep without ticking while nothing runs."""

    def __init__(
        self,
        engine: Engine,
        *,
        idle_seconds: float = IDLE_SECONDS,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_tick` is called on this thread at every tick while a call runs."""
        self._engine = engine
        self._on_tick = on_tick
        self._idle_seconds = idle_seconds
        self._deadline = math.inf
        self._epoch = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._asleep = False
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    @property
    def is_asleep(self) -> bool:
        """Tell whether it has stopped ticking, since nothing runs."""
        return self._asleep

    def arm(self, stores: Iterable[Store], seconds: float) -> None:
        """Interrupt the guests in `stores` when `seconds` have passed."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
            for store in stores:
                # NOTE: a deadline is an epoch: it holds until the engine's epoch moves.
                if store.epoch != self._epoch:
                    store.set_epoch_deadline(1)
                    store.epoch = self._epoch
        if self._asleep:
            self._wake.set()

    def disarm(self) -> None:
        """Say that the call is over."""
        with self._lock:
            self._deadline = math.inf

    def _run(self) -> None:
        quiet_since = time.monotonic()
        while True:
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            with self._lock:
                if now >= self._deadline:
                    self._engine.increment_epoch()
                    self._epoch += 1
                    self._deadline = math.inf
                is_busy = self._deadline != math.inf
            if is_busy:
                quiet_since = now
                self._on_tick()
            elif now - quiet_since > self._idle_seconds:
                self._sleep()
                quiet_since = time.monotonic()

    def _sleep(self) -> None:
        # NOTE: `_asleep` is set before the deadline is looked at, and `arm` sets the deadline
        # before it looks at `_asleep`, so one of the two always sees the other.
        self._wake.clear()
        self._asleep = True
        with self._lock:
            is_busy = self._deadline != math.inf
        if not is_busy:
            self._wake.wait()
        self._asleep = False
