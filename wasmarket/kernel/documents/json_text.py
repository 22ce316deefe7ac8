"""Decode JSON that others wrote: whatever is wrong with it is one kind of error."""

from typing import Any, TypeVar, overload

import msgspec

from wasmarket.kernel.errors import InvalidInput

Value = TypeVar("Value")


@overload
def decode_json(data: bytes | str) -> Any: ...
@overload
def decode_json(data: bytes | str, kind: type[Value]) -> Value: ...
def decode_json(data: bytes | str, kind: Any = Any) -> Any:
    """Return the value, of type `kind`. Raises msgspec.DecodeError, also for deep nesting."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:
        raise
    except RecursionError:
        # The decoder recurses: who writes brackets chooses how deep.
        raise msgspec.DecodeError("it nests too deeply") from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8: {error}") from None
    except ValueError as error:
        # A number of thousands of digits costs its reader more than its writer.
        raise msgspec.DecodeError(str(error)) from None


@overload
def read_json(data: bytes | str, *, what: str = ...) -> Any: ...
@overload
def read_json(data: bytes | str, kind: type[Value], *, what: str = ...) -> Value: ...
def read_json(data: bytes | str, kind: Any = Any, *, what: str = "the body") -> Any:
    """Return the value, of type `kind`. Raises InvalidInput: it is the sender's input."""
    try:
        return decode_json(data, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{what} is not as it should be: {error}") from error
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{what} is not JSON: {error}", remedy="send one JSON value") from error
