"""A store for this service at this peer, kept across calls, restarts and updates.

Every function raises `EffectorError` when the store cannot be used.
"""

from wasmarket_guest.reach import ask, find


def get(key: str) -> bytes | None:
    """Return a value, None if there is none."""
    value: bytes | None = ask(find("kv").get, key)
    return value


def put(key: str, value: bytes) -> None:
    """Keep a value of at most 1 MiB."""
    ask(find("kv").put, key, value)


def delete(key: str) -> None:
    """Let go of a value, if there is one."""
    ask(find("kv").delete, key)


def swap(key: str, expected: bytes | None, value: bytes) -> bool:
    """Set a value if it is `expected` now (None: if there is none); tell whether it was set."""
    swapped: bool = ask(find("kv").swap, key, expected, value)
    return swapped


def add(key: str, by: int = 1) -> int:
    """Add to a number, which begins at 0, in one step; return the sum."""
    number: int = ask(find("kv").add, key, by)
    return number


def keys(prefix: str = "", after: str = "", limit: int = 1_000) -> list[str]:
    """Return keys in order that begin with `prefix` and come after `after`."""
    found: list[str] = ask(find("kv").keys, prefix, after, limit)
    return found
