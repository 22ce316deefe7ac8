"""Describe a module of functions as JSON: `python -m wasmarket_guest.describe MODULE`.

`{"functions": [{"name", "arguments": [[name, type]], "output": type}], "types": {name: …}}`, with
types as in `shapes`. What does not fit is said as `{"error": …, "line": …}`, with the exit code 1.
"""

import importlib
import inspect
import json
import sys
import traceback
import typing
from types import ModuleType
from typing import Any

from wasmarket_guest.shapes import Shapes, Unsuited, get_wit_name


class _Mistake(Exception):
    """What is wrong, and in which line."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


def list_functions(module: ModuleType) -> dict[str, Any]:
    """Return the public functions that a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def describe(module: ModuleType) -> dict[str, Any]:
    """Return the description of a module."""
    shapes, functions = Shapes(), []
    for name, function in list_functions(module).items():
        line = function.__code__.co_firstlineno
        try:
            functions.append(_describe_function(name, function, shapes))
        except (Unsuited, NameError, TypeError) as error:
            raise _Mistake(f"{name}: {error}", line) from error
    if not functions:
        raise _Mistake("there is no public function", 1)
    return {"functions": functions, "types": shapes.named}


def _describe_function(name: str, function: Any, shapes: Shapes) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    arguments = []
    for part in inspect.signature(function).parameters.values():
        if part.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise Unsuited(f"the argument {part.name} must be a plain one, without * or /")
        if part.name not in hints:
            raise Unsuited(f"the argument {part.name} has no annotation")
        arguments.append([get_wit_name(part.name), shapes.read(hints[part.name])])
    if "return" not in hints:
        raise Unsuited("it has no annotation of what it returns; write -> None for nothing")
    output = hints["return"]
    is_nothing = output is type(None)
    return {
        "name": get_wit_name(name),
        "arguments": arguments,
        "output": None if is_nothing else shapes.read(output),
    }


def main() -> int:
    """Describe the module that is named; return the exit code."""
    name = sys.argv[1]
    try:
        # What the module prints while it is imported is no part of the answer.
        answer, sys.stdout = sys.stdout, sys.stderr
        module = importlib.import_module(name)
        described = describe(module)
    except _Mistake as mistake:
        json.dump({"error": str(mistake), "line": mistake.line}, answer)
        return 1
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        line = getattr(error, "lineno", None) or last.lineno
        json.dump({"error": f"{type(error).__name__}: {error}", "line": line}, answer)
        return 1
    json.dump(described, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
