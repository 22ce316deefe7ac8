"""Read an object of a JSON document field by field, with the path in every complaint."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.shown import shown


class JsonFields:
    """One object of a document: each field is taken once, checked, and none may be left over."""

    def __init__(self, value: Any, path: str = "") -> None:
        """Wrap `value`, which stands at `path`. Raises InvalidInput unless it is an object."""
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{path or 'the document'} is not an object", field=path or None)
        self._left = dict(value)
        self._path = path

    def path(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Say whether the field is there, not yet taken, and not null."""
        return self._left.get(name) is not None

    def take(self, name: str, *default: Any) -> Any:
        """Take a field as it is, or the default. Raises InvalidInput if it is missing."""
        if name in self._left:
            return self._left.pop(name)
        if default:
            return default[0]
        raise InvalidInput(f"{self.path(name)} is missing", field=self.path(name))

    def text(self, name: str, pattern: re.Pattern[str], what: str, *default: str) -> str:
        """Take a string that matches `pattern` whole; `what` says what it should be."""
        return check_text(self.take(name, *default), pattern, what, self.path(name))

    def choice(self, name: str, choices: tuple[str, ...], *default: str) -> str:
        """Take one of some strings."""
        value = self.take(name, *default)
        if value not in choices:
            raise InvalidInput(
                f"{self.path(name)} is {shown(value)}",
                field=self.path(name),
                remedy=f"choose from {', '.join(choices)}",
            )
        return str(value)

    def integer(self, name: str, low: int, high: int, *default: int) -> int:
        """Take an integer from `low` to `high`, both included."""
        value = self.take(name, *default)
        # bool is an int in Python, and no number in JSON.
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidInput(
                f"{self.path(name)} is {shown(value)}",
                field=self.path(name),
                remedy=f"give an integer from {low} to {high}",
            )
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """Take an integer from `low` to `high`, None if it is missing or null."""
        return self.integer(name, low, high) if self.has(name) else self.take(name, None)

    def boolean(self, name: str, *default: bool) -> bool:
        """Take true or false."""
        value = self.take(name, *default)
        if not isinstance(value, bool):
            raise InvalidInput(
                f"{self.path(name)} is {shown(value)}",
                field=self.path(name),
                remedy="give true or false",
            )
        return value

    def items(self, name: str, low: int, high: int, *default: list[Any]) -> list[Any]:
        """Take a list of `low` to `high` items."""
        value = self.take(name, *default)
        if not isinstance(value, list):
            raise InvalidInput(f"{self.path(name)} is not a list", field=self.path(name))
        if not low <= len(value) <= high:
            raise InvalidInput(
                f"{self.path(name)} has {len(value)} items",
                field=self.path(name),
                remedy=f"give {low} to {high}",
            )
        return value

    def objects(
        self, name: str, low: int, high: int, *default: list[Any]
    ) -> Iterator["JsonFields"]:
        """Take a list of `low` to `high` objects."""
        for index, value in enumerate(self.items(name, low, high, *default)):
            yield JsonFields(value, f"{self.path(name)}[{index}]")

    def texts(
        self, name: str, key: tuple[re.Pattern[str], str], value: tuple[re.Pattern[str], str]
    ) -> dict[str, str]:
        """Take an object from strings to strings, {} if missing.

        `key` and `value` are a pattern that each must match whole, and what it should be.
        """
        found = self.take(name, {})
        JsonFields(found, self.path(name))
        for left, right in found.items():
            check_text(left, *key, self.path(name))
            check_text(right, *value, f"{self.path(name)}.{left}")
        return dict(found)

    def finish(self) -> None:
        """Raise InvalidInput if a field was not taken."""
        for name in sorted(self._left):
            raise InvalidInput(
                f"{self.path(name)} is not known", field=self.path(name), remedy="remove it"
            )


def check_text(value: Any, pattern: re.Pattern[str], what: str, path: str) -> str:
    """Return `value` if it is a string that matches `pattern` whole. Raises InvalidInput."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidInput(f"{path} is {shown(value)}", field=path, remedy=f"give {what}")
    return value
