"""Collect what a guest logs during one call, up to a fixed amount."""

from collections.abc import Callable
from typing import Final

MAX_LOG_BYTES: Final = 64 << 10
MAX_LOG_LINES: Final = 1_000
LEVELS: Final = {1: "error", 2: "warn", 3: "info", 4: "debug", 5: "trace"}
STREAMS: Final = ("stdout", "stderr")
# What Rust's runtime prints to stderr before it aborts; no trap code tells the two apart.
# Interpreters inside components say it in their own words.
ALLOCATION_FAILED: Final = (
    b"memory allocation of ",
    b"MemoryError",
    b'Some("out of memory")',
)
PANICKED: Final = b"panicked at"


class CallLog:
    """Lines `level: text`; what goes over the limit is counted, not kept."""

    def __init__(self, collect: Callable[[], None] | None = None) -> None:
        """`collect` brings what was printed and is still on its way here."""
        self._collect = collect
        self._lines: list[str] = []
        self._room = MAX_LOG_BYTES
        self._dropped = 0
        # The last line of each stream while it has no end.
        self._partial: dict[str, bytes] = {}
        self._saw_allocation_failure = False
        self._saw_panic = False

    @property
    def room(self) -> int:
        """Return how many bytes more are kept."""
        return self._room

    @property
    def saw_allocation_failure(self) -> bool:
        """Tell whether the guest said that it got no memory."""
        self.collect()
        return self._saw_allocation_failure

    @property
    def saw_panic(self) -> bool:
        """Tell whether the guest said that it panicked."""
        self.collect()
        return self._saw_panic

    def collect(self) -> None:
        """Take in what was printed and has not come here yet."""
        if self._collect is not None:
            self._collect()

    def add(self, level: int, text: bytes) -> None:
        """Keep a line logged at `level`; bytes that are not UTF-8 are replaced."""
        self._append(LEVELS.get(level, "trace"), text)

    def add_output(self, stream: str, data: bytes) -> None:
        """Keep what the guest printed to `stdout` or `stderr`, line by line."""
        pending = self._partial.get(stream, b"") + data[:MAX_LOG_BYTES]
        *lines, rest = pending.split(b"\n")
        for line in lines:
            self._append(stream, line)
        self._partial[stream] = rest[:MAX_LOG_BYTES]
        if stream == "stderr":
            self._saw_allocation_failure |= any(words in pending for words in ALLOCATION_FAILED)
            self._saw_panic |= PANICKED in pending

    def take_lines(self) -> list[str]:
        """Return the lines, the last one telling how many were dropped, if any."""
        self.collect()
        for stream in STREAMS if self._partial else ():
            rest = self._partial.pop(stream, b"")
            if rest:
                self._append(stream, rest)
        if self._dropped:
            self._lines.append(f"host: {self._dropped} more lines were dropped")
        return self._lines

    def drop(self) -> None:
        """Count a line that is not kept."""
        self._dropped += 1

    def _append(self, label: str, text: bytes) -> None:
        if self._room <= 0 or len(self._lines) >= MAX_LOG_LINES:
            self.drop()
            return
        kept = text[: self._room]
        self._room -= len(kept)
        self._lines.append(f"{label}: {kept.decode(errors='replace')}")
