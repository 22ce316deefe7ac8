"""Make the class that a component's bindings call out of a module of functions."""

import typing
from types import ModuleType
from typing import Any

from wasmarket_guest.describe import list_functions
from wasmarket_guest.kinds import Failure
from wasmarket_guest.reach import load_all
from wasmarket_guest.shapes import compile_convert


def build_world(module: ModuleType, world: Any, failed: type[Exception]) -> type:
    """Return the class `WitWorld`; `failed` is what the bindings raise for an `err`."""
    load_all()
    methods = {
        name: _build_method(function, world, failed)
        for name, function in list_functions(module).items()
    }
    return type("WitWorld", (world.WitWorld,), methods)


def _build_method(function: Any, world: Any, failed: type[Exception]) -> Any:
    hints = typing.get_type_hints(function, include_extras=True)
    output = hints.pop("return")
    takes = [compile_convert(hint, world, inward=True) for hint in hints.values()]
    give = None if output is type(None) else compile_convert(output, world, inward=False)
    may_fail = "result" in getattr(output, "__metadata__", ())

    def method(self: Any, *arguments: Any) -> Any:
        given = (
            value if take is None else take(value)
            for take, value in zip(takes, arguments, strict=True)
        )
        try:
            answer = function(*given)
        except Failure as failure:
            if not may_fail:
                raise
            raise failed(str(failure)) from None
        return answer if give is None else give(answer)

    return method
