"""Give a guest the deal's secrets that its app lists."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wasmarket.kernel.errors import MarketError

SHOWN: Final = 64

ReadSecret = Callable[[str], bytes]
"""From a name to its value. Raises MarketError."""


class SecretEffect:
    """The secrets of one service."""

    def __init__(self, names: tuple[str, ...], read: ReadSecret) -> None:
        """`names` are those that the app lists."""
        self._names = names
        self._read = read

    def do(self, function: str, arguments: list[Any]) -> Any:
        """Return the answer of a function, as the guest's value.

        Raises ValidationError, LookupError for what no worker asks.
        """
        if function != "get":
            raise LookupError(function)
        (name,) = msgspec.convert(arguments, tuple[str])
        if name not in self._names:
            return _fail(f"the app does not list the secret {name!r:.{SHOWN}}")
        try:
            return {"error": "", "value": self._read(name)}
        except MarketError as error:
            return _fail(error.detail)


def _fail(error: str) -> dict[str, Any]:
    return {"error": error, "value": b""}
