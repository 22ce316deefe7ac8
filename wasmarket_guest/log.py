"""Lines for the developer: `wasmarket logs DEAL`. What is printed is logged as well."""

import sys

from wasmarket_guest.reach import EffectorError, find


def _write(level: str, text: str) -> None:
    try:
        bound = find("log")
    except EffectorError:
        # No component: on a desk, the terminal is where a developer looks.
        print(f"{level.lower()}: {text}", file=sys.stderr)
        return
    bound.write(getattr(bound.Level, level), text)


def error(text: str) -> None:
    """Log an error."""
    _write("ERROR", text)


def warn(text: str) -> None:
    """Log a warning."""
    _write("WARN", text)


def info(text: str) -> None:
    """Log what happened."""
    _write("INFO", text)


def debug(text: str) -> None:
    """Log what helps to find a mistake."""
    _write("DEBUG", text)
