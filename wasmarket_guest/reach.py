"""Reach what the host offers a component, by the bindings that the build made for it."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
INTERFACES = ("call", "http", "ipfs", "kv", "log", "secret")


class EffectorError(Exception):
    """An effector did not do what was asked, or is not there."""


def load_all() -> None:
    """Import the bindings that there are: later, a component has no files to import from."""
    for interface in INTERFACES:
        try:
            importlib.import_module(f"wit_world.imports.{interface}")
        except ModuleNotFoundError:
            continue


def find(interface: str) -> Any:
    """Return the bindings of an interface. Raises EffectorError where there are none."""
    try:
        return importlib.import_module(f"wit_world.imports.{interface}")
    except ModuleNotFoundError:
        raise EffectorError(
            f"{interface} is not here: list [effectors.{interface}] in app.toml, and run the "
            "function with `wasmarket run` or `wasmarket test`"
        ) from None


def ask(function: Callable[..., T], *arguments: Any) -> T:
    """Return what an effector answers. Raises EffectorError with what went wrong."""
    try:
        return function(*arguments)
    except Exception as error:
        # The bindings raise their own `Err`, whose value is the text.
        if type(error).__name__ == "Err" and isinstance(getattr(error, "value", None), str):
            raise EffectorError(error.value) from None  # type: ignore[attr-defined]
        raise
