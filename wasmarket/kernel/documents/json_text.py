"""Decode JSON that others wrote: whatever is wrong with it is one kind of error."""

from typing import Any, TypeVar, overload

import msgspec

Value = TypeVar("Value")


@overload
def decode_json(data: bytes | str) -> Any: ...
@overload
def decode_json(data: bytes | str, kind: type[Value]) -> Value: ...
def decode_json(data: bytes | str, kind: Any = Any) -> Any:
    """Return the value, of type `kind`. Raises msgspec.DecodeError, also for deep nesting."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        # The decoder recurses: who writes brackets chooses how deep.
        raise msgspec.DecodeError("it nests too deeply") from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8: {error}") from None
