"""Power that fails: a program ends at a point of its own, and only what is on the disk stays."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

WRITES = ("fdatasync", "fsync", "replace")


class PowerCut(BaseException):
    """The program ends here, as by `kill -9`. No program catches it."""


class Power:
    """Counts what a program does to its disk and says to its node, and cuts it off at a point."""

    def __init__(self) -> None:
        self._left = 0
        self._thread = 0

    def point(self) -> None:
        """Pass a point; raises PowerCut at the chosen one. Other threads are not counted."""
        if self._left and threading.get_ident() == self._thread:
            self._left -= 1
            if not self._left:
                raise PowerCut

    @contextmanager
    def failing_at(self, point: int) -> Iterator[None]:
        """Let the power fail at that point of what this thread does, 0: never."""
        self._left, self._thread = point, threading.get_ident()
        try:
            yield
        finally:
            self._left = 0


def watch_the_disk(monkeypatch: pytest.MonkeyPatch, power: Power) -> None:
    """Make points of the moments before and after each thing is made durable."""
    for name in WRITES:
        monkeypatch.setattr(os, name, _between(getattr(os, name), power))


def _between(real: Callable[..., Any], power: Power) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        power.point()
        answer = real(*args, **options)
        power.point()
        return answer

    return watched
