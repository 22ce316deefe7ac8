"""Calls whose values every engine and processor must give alike, as deterministic services.

As a program: make them by whatever wasmtime and processor run this, and print what came of each as
JSON; `--own-nans` leaves NaNs as the processor makes them. `--record` compares with
`tests/vectors/calls.json` and writes into it who gave the same; it writes no other values, unless
there are none yet.
"""

import json
import platform
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from wasmtime import Engine, FuncType, Module, wat2wasm

from peer.hosting.fuel_vectors import FIRST, GUEST
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, InstancePool, build_engine
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import (
    MARINE_ABI,
    RAW_ABI,
    BodyKind,
    CallLimits,
    ModuleSpec,
    ServiceSpec,
)
from wasmarket.kernel.documents.receipts import value_digest
from wasmarket.kernel.hashing import sha256

CHECKOUT: Final = Path(__file__).parents[3]
RECORDED: Final = CHECKOUT / "tests" / "vectors" / "calls.json"
SOURCE: Final = (
    "numbers, faults and examples as deterministic services; tests/peer/engines/call_vectors.py"
)
NUMBERS: Final = Path(__file__).with_name("numbers.wat")
LIMITS: Final = CallLimits(call_ms=600_000, fuel=30_000_000)
"""Nothing here may end by the clock."""
WORDS: Final = "the quick brown fox jumps over the lazy dog; Straße, 名前".encode()


@dataclass(frozen=True, slots=True)
class Guest:
    """A module, and the functions that are called with each of the bodies."""

    name: str
    wasm: bytes
    functions: tuple[str, ...]
    bodies: tuple[bytes, ...] = (b"",)
    abi: str = RAW_ABI


def read_guests() -> list[Guest]:
    """Return what is called: the schedule's guest, numbers, and examples in five languages."""
    schedule = tuple(vector.function for vector in FIRST)
    numbers = bytes(wat2wasm(NUMBERS.read_text()))
    guests = [
        Guest("schedule", bytes(wat2wasm(GUEST)), schedule, (FIRST[0].body,)),
        Guest("numbers", numbers, list_functions(numbers)),
        Guest("greeting", _read("greeting/greeting"), ("greeting",), (b'["you"]',), MARINE_ABI),
    ]
    return guests + [
        Guest(name, _read(f"{name}/upper"), ("upper",), (b"", WORDS, WORDS * 100))
        for name in ("raw-c", "raw-zig", "raw-assemblyscript", "raw-go")
    ]


def list_functions(wasm: bytes) -> tuple[str, ...]:
    """Return the names of what a module of the raw ABI offers."""
    exports = Module(Engine(), wasm).exports
    return tuple(e.name for e in exports if isinstance(e.type, FuncType) and e.name != "alloc")


def _read(name: str) -> bytes:
    return (CHECKOUT / "examples" / f"{name}.wasm").read_bytes()


def make_calls(folder: Path, *, own_nans: bool = False) -> list[dict[str, object]]:
    """Make every call; return how each ended, and its value as a receipt has it."""
    found = []
    for guest in read_guests():
        host = _open(guest, folder, own_nans=own_nans)
        kind = BodyKind.RAW if guest.abi == RAW_ABI else BodyKind.JSON
        for function in guest.functions:
            for body in guest.bodies:
                answer = host.answer(Call(guest.name, function, body, kind, {"init_peer_id": "x"}))
                size = len(body) + len(answer.output)
                output = sha256(answer.output)
                value = value_digest(output, answer.status, answer.fuel, size)
                found.append(
                    {
                        "guest": guest.name,
                        "function": function,
                        "body": sha256(body).hex(),
                        "status": answer.status,
                        "fuel": answer.fuel,
                        "output": answer.output.hex() if size < 100 else output.hex(),
                        "value": value.hex(),
                    }
                )
    return found


def _open(guest: Guest, folder: Path, *, own_nans: bool) -> ServiceHost:
    path = folder / f"{guest.name}.wasm"
    path.write_bytes(guest.wasm)
    module = ModuleSpec(guest.name, path, sha256(guest.wasm))
    spec = ServiceSpec(guest.name, (module,), abi=guest.abi, limits=LIMITS, is_deterministic=True)
    settings = replace(EngineSettings.of([spec]), canonical_nans=not own_nans)
    # An emulator has less room for addresses than a machine.
    engine = build_engine(settings, InstancePool(instances=1))
    cache = AotCache(folder / "code", engine, settings)
    return ServiceHost(spec, read_modules(spec), engine, cache, Watchdog(engine), is_metered=True)


def describe() -> str:
    """Name the engine and the processor that this runs on."""
    machine = platform.machine()
    # Under an emulator the system tells what it has itself.
    is_emulated = machine == "aarch64" and "vendor_id" in Path("/proc/cpuinfo").read_text()
    return f"wasmtime {version('wasmtime')} on {machine}{' (emulated)' if is_emulated else ''}"


def record(calls: list[dict[str, object]]) -> None:
    """Add this engine to those that gave what is recorded. Raises SystemExit if it did not."""
    held = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else None
    told = held or {"source": SOURCE, "given_by": [], "calls": calls}
    differing = [call for call, other in zip(calls, told["calls"], strict=True) if call != other]
    if differing:
        sys.exit(f"{describe()} differs in {len(differing)} calls, first: {differing[0]}")
    told["given_by"] = sorted({*told["given_by"], describe()})
    RECORDED.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main(options: list[str]) -> None:
    """Make the calls, then print or record."""
    with tempfile.TemporaryDirectory() as room:
        calls = make_calls(Path(room), own_nans="--own-nans" in options)
    if "--record" in options:
        record(calls)
    else:
        json.dump(calls, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
