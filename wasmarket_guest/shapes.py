"""Read annotations as types of WIT, and move values between those and Python's own.

A type is JSON: a name such as "u32", or an object with one key: `list`, `option`, `tuple`,
`result`, or `named`, whose name is described apart.
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any

from wasmarket_guest.messages import SiteRequest, SiteResponse

Convert = Callable[[Any], Any]
BASIC = {str: "string", bool: "bool", int: "s64", float: "f64"}
BYTES = {"list": "u8"}


class Unsuited(Exception):
    """An annotation that no caller's JSON can fill."""


def get_wit_name(name: str) -> str:
    """Return a name as WIT writes it. Raises Unsuited for one that it cannot have."""
    words = _split_words(name)
    if not words or not all(word[0].isalpha() and word.isascii() for word in words):
        raise Unsuited(f"the name {name!r} cannot be used: words must begin with a letter")
    return "-".join(words)


def _split_words(name: str) -> list[str]:
    spaced = ""
    for index, letter in enumerate(name):
        before = name[index - 1] if index else ""
        if letter.isupper() and before.isalnum() and not before.isupper():
            spaced += "_"
        spaced += letter.lower()
    return [word for word in spaced.split("_") if word]


class Shapes:
    """The named types of a module, by the names that WIT gives them."""

    def __init__(self) -> None:
        self.named: dict[str, dict[str, Any]] = {}
        self._classes: dict[str, type] = {}

    def read(self, hint: Any) -> Any:
        """Return an annotation's type. Raises Unsuited."""
        if hint in BASIC:
            return BASIC[hint]
        if hint in (bytes, SiteRequest, SiteResponse):
            return BYTES
        if typing.get_origin(hint) is typing.Annotated:
            inner, *marks = typing.get_args(hint)
            if "result" in marks:
                ok = None if inner in (None, type(None)) else self.read(inner)
                return {"result": [ok, "string"]}
            named = [mark for mark in marks if isinstance(mark, str)]
            return named[0] if inner in (int, float) and named else self.read(inner)
        if isinstance(hint, type) and not typing.get_args(hint):
            return self._read_class(hint)
        return self._read_generic(hint)

    def _read_generic(self, hint: Any) -> Any:
        origin, parts = typing.get_origin(hint), typing.get_args(hint)
        if origin is list and len(parts) == 1:
            return {"list": self.read(parts[0])}
        if origin is tuple and parts and Ellipsis not in parts:
            return {"tuple": [self.read(part) for part in parts]}
        if origin in (typing.Union, types.UnionType):
            others = [part for part in parts if part is not type(None)]
            if len(others) == 1 and len(parts) == 2:
                inner = self.read(others[0])
                if isinstance(inner, dict) and "option" in inner:
                    raise Unsuited("an option of an option")
                return {"option": inner}
        raise Unsuited(
            f"{hint} has no type in WIT; there are str, bytes, bool, int, float, u8 to s64, f32, "
            "list[T], tuple[A, B], T | None, dataclasses and enums"
        )

    def _read_class(self, hint: type) -> Any:
        is_record = dataclasses.is_dataclass(hint)
        if not is_record and not issubclass(hint, enum.Enum):
            raise Unsuited(f"{hint.__name__} is neither a dataclass nor an enum")
        name = get_wit_name(hint.__name__)
        if self._classes.setdefault(name, hint) is not hint:
            raise Unsuited(f"two types are called {name}")
        if name not in self.named:
            # NOTE: set before its fields are read, so that one which contains itself is seen.
            self.named[name] = {}
            self.named[name] = (
                {"record": self._read_fields(hint)} if is_record else {"enum": _list_cases(hint)}
            )
        elif not self.named[name]:
            raise Unsuited(f"{hint.__name__} contains itself")
        return {"named": name}

    def _read_fields(self, hint: type) -> list[list[Any]]:
        hints = typing.get_type_hints(hint, include_extras=True)
        fields = dataclasses.fields(hint)
        if not fields:
            raise Unsuited(f"{hint.__name__} has no fields")
        return [[get_wit_name(part.name), self.read(hints[part.name])] for part in fields]


def _list_cases(hint: Any) -> list[str]:
    cases = [get_wit_name(case.name.lower()) for case in hint]
    if not cases:
        raise Unsuited(f"{hint.__name__} has no cases")
    return cases


def compile_convert(hint: Any, world: Any, *, inward: bool) -> Convert | None:
    """Return what turns a value of the bindings (`world`) into the module's own, or back.

    None where they are the same.
    """
    if typing.get_origin(hint) is typing.Annotated:
        return compile_convert(typing.get_args(hint)[0], world, inward=inward)
    if hint is SiteRequest:
        return SiteRequest.parse
    if hint is SiteResponse:
        return SiteResponse.write
    if isinstance(hint, type) and not typing.get_args(hint):
        return _compile_class(hint, world, inward=inward)
    return _compile_generic(hint, world, inward=inward)


def _compile_generic(hint: Any, world: Any, *, inward: bool) -> Convert | None:
    parts = [
        compile_convert(part, world, inward=inward)
        for part in typing.get_args(hint)
        if part is not type(None)
    ]
    if not any(parts):
        return None
    origin = typing.get_origin(hint)
    if origin is list:
        (each,) = parts
        return lambda value: [each(item) for item in value]  # type: ignore[misc]
    if origin is tuple:
        return lambda value: tuple(
            item if convert is None else convert(item)
            for convert, item in zip(parts, value, strict=True)
        )
    (inner,) = parts
    return lambda value: None if value is None else inner(value)  # type: ignore[misc]


def _compile_class(hint: type, world: Any, *, inward: bool) -> Convert | None:
    if dataclasses.is_dataclass(hint):
        bound = getattr(world, _get_bound_name(hint))
        hints = typing.get_type_hints(hint, include_extras=True)
        made = hint if inward else bound
        parts = [
            (
                part.name if not inward else _get_bound_field(part.name),
                part.name if inward else _get_bound_field(part.name),
                compile_convert(hints[part.name], world, inward=inward),
            )
            for part in dataclasses.fields(hint)
        ]

        def convert(value: Any) -> Any:
            return made(
                **{
                    to: getattr(value, at) if inner is None else inner(getattr(value, at))
                    for at, to, inner in parts
                }
            )

        return convert
    if issubclass(hint, enum.Enum):
        ours, theirs = list(hint), list(getattr(world, _get_bound_name(hint)))
        pairs = zip(theirs, ours, strict=True) if inward else zip(ours, theirs, strict=True)
        return dict(pairs).__getitem__
    return None


def _get_bound_name(hint: type) -> str:
    return "".join(word.capitalize() for word in _split_words(hint.__name__))


def _get_bound_field(name: str) -> str:
    return "_".join(_split_words(name))
