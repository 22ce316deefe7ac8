"""Show a value from outside in an error, whatever it is."""

from typing import Any, Final

LETTERS: Final = 80


def shown(value: Any) -> str:
    """Return the start of the value's `repr`; a value that has none is named by its type."""
    try:
        return f"{value!r:.{LETTERS}}"
    except (ValueError, RecursionError):
        # Python writes no number of more than 4,300 digits, and nothing that nests too deeply.
        return f"a {type(value).__name__} too large to show"
