"""Log one line per fact to stderr: time, level, where, what, and the facts as key=value."""

import logging
import re
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TextIO

from wasmarket.kernel.terminal_text import clean_for_terminal, clean_lines_for_terminal

ACCESS = "wasmarket.access"
BATCH_SECONDS = 0.1
"""How long a line of the access log may wait."""
MOST_WAITING = 500

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SPACE = re.compile(r"\s")


class FactFormatter(logging.Formatter):
    """Writes what `extra` carries behind the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and a traceback below it if it has one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        given = vars(record)
        facts = "".join(
            [f" {name}={_plain(given[name])}" for name in given if name not in _STANDARD]
        )
        # Paths, names and messages are often what strangers wrote.
        line = clean_for_terminal(
            f"{moment} {record.levelname} {record.name}: {record.getMessage()}{facts}"
        )
        if record.exc_info:
            line += "\n" + clean_lines_for_terminal(self.formatException(record.exc_info))
        return line


class BatchingHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of the access log some at a time: a write for each answer would cost more
    than the rest of a gateway's work on it. All other lines are written at once, in order.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        super().__init__(stream)
        self._waiting: list[str] = []
        self._has_waiting = threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the access log for a moment, write any other."""
        if record.name != ACCESS or record.levelno > logging.INFO:
            self._write_waiting()
            super().emit(record)
            return
        self._waiting.append(self.format(record))
        if len(self._waiting) >= MOST_WAITING:
            self._write_waiting()
        elif not self._has_waiting.is_set():
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_often, daemon=True, name="log")
                self._writer.start()
            self._has_waiting.set()

    def flush(self) -> None:
        """Write what waits."""
        with self.lock:  # type: ignore[union-attr]
            self._write_waiting()
            super().flush()

    def _write_waiting(self) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            self.stream.write("\n".join(lines) + "\n")
            self.stream.flush()

    def _write_often(self) -> None:
        while self._has_waiting.wait():
            time.sleep(BATCH_SECONDS)
            self._has_waiting.clear()
            self.flush()


def configure_logging(level: str = "INFO") -> None:
    """Send all logs of this process to stderr."""
    # What no line shows need not be found out for each: services log every answer.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = BatchingHandler(sys.stderr)
    handler.setFormatter(FactFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _plain(value: object) -> str:
    text = str(value)
    return repr(text) if _SPACE.search(text) else text
