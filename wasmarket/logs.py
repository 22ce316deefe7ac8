"""Log one line per fact to stderr: time, level, where, what, and the facts as key=value."""

import logging
import re
import sys
from datetime import UTC, datetime

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
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}{facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging(level: str = "INFO") -> None:
    """Send all logs of this process to stderr."""
    # What no line shows need not be found out for each: services log every answer.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _plain(value: object) -> str:
    text = str(value)
    return repr(text) if _SPACE.search(text) else text
