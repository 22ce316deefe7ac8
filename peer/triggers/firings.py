"""Keep what became of a deal's triggers on this peer, in memory and in one small file."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from peer.folder import write_atomically
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import MarketError

MOST_RECENT: Final = 50
FILE: Final = "triggers.json"


class FiringState(StrEnum):
    """What became of a firing on this peer."""

    WAITING = "waiting"
    """Another peer's turn is before ours."""
    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    LEFT = "left"
    """Another peer has made the call."""
    MISSED = "missed"
    """The one before still ran, or nothing served here."""


class Firing(msgspec.Struct, gc=False):
    """One firing; `receipt` is the number of its call's receipt, `assignment:sequence`.

    Fifty of each trigger are kept: the collector, which would walk them all, has no business here.
    """

    id: int
    state: FiringState
    receipt: str = ""
    detail: str = ""
    late_ms: int = 0
    """Of a clock: how long after its time a worker was given the call first."""
    argument: Any = None
    """What is given behind the trigger's own arguments: an event, as JSON values."""


@dataclass(slots=True)
class TriggerRecord:
    """What a trigger did; `passed` is the last firing that was seen to."""

    trigger: Trigger
    passed: int
    key: str = field(init=False)
    """The trigger's."""
    due: float = 0.0
    """When it fires next, jitter and all, for those that a clock fires."""
    running: int = 0
    """Calls under way."""
    open: int = 0
    """Firings that are not over."""
    problem: str = ""
    """Why a chain's events are not read now."""
    recent: deque[Firing] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    counts: dict[FiringState, int] = field(default_factory=lambda: dict.fromkeys(FiringState, 0))

    def __post_init__(self) -> None:
        self.key = self.trigger.key

    def begin(self, firing: int, state: FiringState, argument: Any = None) -> Firing:
        """Note a firing that is seen to now."""
        made = Firing(firing, state, argument=argument)
        self.recent.append(made)
        return made

    def end(self, firing: Firing, state: FiringState, detail: str = "") -> None:
        """Note how a firing ended."""
        firing.state, firing.detail = state, detail
        self.counts[state] += 1

    def find(self, firing: int) -> Firing | None:
        """Return a recent firing."""
        return next((made for made in reversed(self.recent) if made.id == firing), None)


class _Kept(msgspec.Struct):
    """What the file has: the last firing of each trigger, and the app that ran last."""

    passed: dict[str, int] = {}
    app: str = ""


class TriggerFile:
    """What must outlive the process, of one deal."""

    def __init__(self, folder: Path) -> None:
        """A file that is missing or damaged is one of a deal that begins."""
        self._path = folder / FILE
        try:
            self._kept = decode_json(self._path.read_bytes(), _Kept)
        except (OSError, msgspec.DecodeError, MarketError):
            self._kept = _Kept()

    @property
    def app(self) -> str:
        """Return the version whose triggers were seen to last, empty for none."""
        return self._kept.app

    def find_passed(self, key: str) -> int | None:
        """Return the last firing of a trigger, None for one that is new."""
        return self._kept.passed.get(key)

    def forget(self) -> None:
        """Begin anew when the deal comes back. Raises OSError."""
        self._kept = _Kept()
        self._path.unlink(missing_ok=True)

    def save(self, records: Iterable[TriggerRecord], app: str) -> None:
        """Keep what has passed, if that is not known yet. Raises OSError."""
        passed = {record.key: record.passed for record in records}
        if (passed, app) != (self._kept.passed, self._kept.app):
            self._kept = _Kept(passed, app)
            write_atomically(self._path, msgspec.json.encode(self._kept))
