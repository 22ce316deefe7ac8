"""Types that Python has no word for: integers of a width, and functions that may fail."""

from typing import Annotated, TypeVar

T = TypeVar("T")

u8 = Annotated[int, "u8"]
u16 = Annotated[int, "u16"]
u32 = Annotated[int, "u32"]
u64 = Annotated[int, "u64"]
s8 = Annotated[int, "s8"]
s16 = Annotated[int, "s16"]
s32 = Annotated[int, "s32"]
s64 = Annotated[int, "s64"]
f32 = Annotated[float, "f32"]
f64 = Annotated[float, "f64"]
Result = Annotated[T, "result"]
"""What a function gives that may fail: callers get `{"ok": value}` or `{"err": "why"}`."""


class Failure(Exception):
    """Raised by a function that gives a `Result`: its text is what the caller gets as `err`."""
