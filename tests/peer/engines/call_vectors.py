"""Calls whose values every engine and processor must give alike, as deterministic services.

As a program: make them by whatever wasmtime and processor run this, and print what came of each as
JSON; names choose guests, the path of a built component of Python is one more. `--own-nans` leaves
NaNs as the processor makes them. `--record` compares with `tests/vectors/calls.json` and writes
into it who gave the same; it writes no other values, unless there are none yet.
"""

import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Final

from peer.runtime.components.component_host import ComponentHost
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, InstancePool, build_engine
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import (
    COMPONENT_ABI,
    RAW_ABI,
    BodyKind,
    CallLimits,
    ModuleSpec,
    ServiceSpec,
)
from wasmarket.kernel.documents.receipts import value_digest
from wasmarket.kernel.hashing import sha256

CHECKOUT: Final = Path(__file__).resolve().parents[3]
TESTS = ModuleType("tests")  # another distribution has a package of that name
TESTS.__path__ = [str(CHECKOUT / "tests")]
sys.modules["tests"] = TESTS

from tests.paths import MACHINE_CODE  # noqa: E402
from tests.peer.engines.call_guests import JOINED, Guest, read_guests, read_python  # noqa: E402

RECORDED: Final = CHECKOUT / "tests" / "vectors" / "calls.json"
SOURCE: Final = (
    "numbers, faults, examples and components as deterministic services; "
    "tests/peer/engines/call_vectors.py"
)
LIMITS: Final = CallLimits(call_ms=600_000, fuel=30_000_000)
"""Nothing here may end by the clock."""


def make_calls(
    guests: Sequence[Guest], folder: Path, *, own_nans: bool = False
) -> list[dict[str, object]]:
    """Make every call; return how each ended, and its value as a receipt has it.

    Modules are laid into `folder`; machine code is kept for the next run.
    """
    found = []
    for guest in guests:
        host = _open(guest, folder, own_nans=own_nans)
        kind = BodyKind.JSON if guest.is_json and guest.abi != RAW_ABI else BodyKind.RAW
        for function, body in guest.calls:
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


def _open(guest: Guest, folder: Path, *, own_nans: bool) -> ServiceHost | ComponentHost:
    path = folder / f"{guest.name}.wasm"
    path.write_bytes(guest.wasm)
    module = ModuleSpec(guest.name, path, sha256(guest.wasm))
    spec = ServiceSpec(guest.name, (module,), abi=guest.abi, limits=LIMITS, is_deterministic=True)
    settings = replace(EngineSettings.of([spec]), canonical_nans=not own_nans)
    # An emulator has less room for addresses than a machine.
    engine = build_engine(settings, InstancePool(instances=1))
    cache = AotCache(MACHINE_CODE, engine, settings)
    wasms, watchdog = read_modules(spec), Watchdog(engine)
    if guest.abi == COMPONENT_ABI:
        return ComponentHost(spec, wasms[0], engine, cache, watchdog, is_metered=True)
    return ServiceHost(spec, wasms, engine, cache, watchdog, is_metered=True)


def describe() -> str:
    """Name the engine and the processor that this runs on."""
    machine = platform.machine()
    # Under an emulator the system tells what it has itself.
    is_emulated = machine == "aarch64" and "vendor_id" in Path("/proc/cpuinfo").read_text()
    return f"wasmtime {version('wasmtime')} on {machine}{' (emulated)' if is_emulated else ''}"


def record(calls: list[dict[str, object]]) -> None:
    """Add this engine to those that gave what is recorded. Raises SystemExit if it did not.

    Of fuel of what the engine joins of parts it may give another: then those guests are named.
    """
    held = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else None
    told = held or {"source": SOURCE, "given_by": {}, "calls": calls}
    pairs = list(zip(calls, told["calls"], strict=True))
    differing = [call for call, other in pairs if without_fuel(call) != without_fuel(other)]
    differing += [
        c for c, other in pairs if c["fuel"] != other["fuel"] and c["guest"] not in JOINED
    ]
    if differing:
        sys.exit(f"{describe()} differs in {len(differing)} calls, first: {differing[0]}")
    otherwise = sorted({str(call["guest"]) for call, other in pairs if call != other})
    told["given_by"] |= {describe(): {"counts_otherwise": otherwise}}
    RECORDED.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def without_fuel(call: dict[str, object]) -> dict[str, object]:
    """Return what is the same where fuel is counted otherwise."""
    return {name: told for name, told in call.items() if name not in ("fuel", "value")}


def main(options: Sequence[str]) -> None:
    """Make the calls, then print or record."""
    named = {option for option in options if not option.startswith("--")}
    guests = [guest for guest in read_guests() if not named or guest.name in named]
    guests += [read_python(Path(name)) for name in named if name.endswith(".wasm")]
    with tempfile.TemporaryDirectory() as room:
        calls = make_calls(guests, Path(room), own_nans="--own-nans" in options)
    if "--record" in options:
        record(calls)
    else:
        json.dump(calls, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
