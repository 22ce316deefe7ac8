"""What is called to compare engines and processors: modules, components, and with what bodies."""

import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from wasmtime import Engine, FuncType, Module, wat2wasm

from peer.hosting.component_vectors import COMPONENT, FIRST_OF_COMPONENTS
from peer.hosting.fuel_vectors import FIRST, GUEST
from peer.runtime.module.service import COMPONENT_ABI, MARINE_ABI, RAW_ABI
from tests.paths import CHECKOUT
from tests.peer.runtime.components.wat_components import (
    ALL_TYPES,
    ALL_VALUES,
    DICE,
    ECHO,
    NUMBERS,
)

HERE: Final = Path(__file__).parent
WORDS: Final = "the quick brown fox jumps over the lazy dog; Straße, 名前"
JOINED: Final = ("joined", "javascript", "python")
"""Components of several parts: what lies between them is made by the engine, and counted."""
FLOATS: Final = (0.1, -2.5, 1e300, 5e-324, 3.0, -0.0, 123456789.125)


@dataclass(frozen=True, slots=True)
class Guest:
    """A module or component, and which of its functions are called with which bodies."""

    name: str
    wasm: bytes
    calls: tuple[tuple[str, bytes], ...]
    abi: str = RAW_ABI
    is_json: bool = True
    """Whether bodies are JSON, where the ABI leaves a choice."""


def read_guests() -> list[Guest]:
    """Return the schedule's guest, numbers, examples in five languages, and components."""
    schedule = [vector.function for vector in FIRST]
    numbers = bytes(wat2wasm((HERE / "numbers.wat").read_text()))
    guests = [
        Guest("schedule", bytes(wat2wasm(GUEST)), _pair(schedule, FIRST[0].body)),
        Guest("numbers", numbers, _pair(list_functions(numbers), b"")),
        Guest("greeting", _read("greeting/greeting"), (("greeting", b'["you"]'),), MARINE_ABI),
    ]
    words = WORDS.encode()
    guests += [
        Guest(name, _read(f"{name}/upper"), _pair(["upper"], b"", words, words * 100))
        for name in ("raw-c", "raw-zig", "raw-assemblyscript", "raw-go")
    ]
    return guests + _list_components()


def read_python(path: Path) -> Guest:
    """Return the component of Python that was built of `python/app.py`; 18 MB are not kept."""
    return Guest("python", path.read_bytes(), _call_language(), COMPONENT_ABI)


def list_functions(wasm: bytes) -> list[str]:
    """Return the names of what a module of the raw ABI offers."""
    exports = Module(Engine(), wasm).exports
    return [e.name for e in exports if isinstance(e.type, FuncType) and e.name != "alloc"]


def _list_components() -> list[Guest]:
    echo = _say(
        ("echo", WORDS),
        ("echo_bytes", "AAH/"),
        ("echo_numbers", FLOATS),
        ("fail",),
        ("count",),
        ("eat",),
        ("spin",),
    )
    numbers = _say(
        ("divide", 0.0, 0.0),
        ("divide", 1.0, 3.0),
        ("root", -1.0),
        ("root", 2.0),
        ("bits", 0.0, 0.0),
        ("bits", -1.0, 0.0),
        ("lanes",),
    )
    parts = tuple((vector.function, vector.body) for vector in FIRST_OF_COMPONENTS)
    javascript = lzma.decompress((HERE / "javascript" / "app.wasm.xz").read_bytes())
    return [
        Guest("echo", ECHO, echo, COMPONENT_ABI),
        Guest("types", ALL_TYPES, _say(("same", ALL_VALUES)), COMPONENT_ABI),
        Guest("lifted-numbers", NUMBERS, numbers, COMPONENT_ABI),
        Guest("dice", DICE, _say(("roll",), ("now",)), COMPONENT_ABI),
        Guest("joined", bytes(wat2wasm(COMPONENT)), parts, COMPONENT_ABI, is_json=False),
        Guest("javascript", javascript, _call_language(), COMPONENT_ABI),
    ]


def _call_language() -> tuple[tuple[str, bytes], ...]:
    """Return the calls of the apps in `javascript` and `python`, which have the same functions."""
    return _say(
        ("reckon", FLOATS),
        ("count", WORDS * 20),
        ("squares", 4_000),
        ("chance",),
        ("mistake",),
    )


def _say(*calls: tuple[object, ...]) -> tuple[tuple[str, bytes], ...]:
    return tuple((str(name), json.dumps(arguments).encode()) for name, *arguments in calls)


def _pair(functions: Iterable[str], *bodies: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple(product(functions, bodies))


def _read(name: str) -> bytes:
    return (CHECKOUT / "examples" / f"{name}.wasm").read_bytes()
