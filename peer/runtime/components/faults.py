"""Turn what wasmtime reports of a component into the fault that a caller and a receipt see."""

import re
from typing import Final

from wasmtime import ExitTrap, WasmtimeError

from peer.runtime.errors import GuestFault, GuestMemory, GuestTimeout, GuestTrap
from peer.runtime.execution.call_log import CallLog
from peer.runtime.module.service import CallLimits

TRAP: Final = re.compile(r"wasm trap: (.*)")
EXPLANATIONS: Final = {
    "wasm `unreachable` instruction executed": "it aborted (unreachable)",
    "call stack exhausted": "its stack overflowed",
    "out of bounds memory access": "it touched memory out of bounds",
    "integer divide by zero": "it divided by zero",
}
NO_ROOM: Final = ("exceeds memory limits", "memory minimum size")


def build_component_fault(
    failure: WasmtimeError, limits: CallLimits, memory_limit: int, log: CallLog
) -> GuestFault:
    """Return the fault for a trap, an exit or a refused instantiation; `memory_limit` in bytes.

    wasmtime names the trap of a component in its message alone.
    """
    if isinstance(failure, ExitTrap):
        return GuestTrap(f"the function exited the program with code {failure.code}")
    message = str(failure)
    found = TRAP.search(message)
    cause = found[1] if found else ""
    if cause == "interrupt":
        return GuestTimeout(f"the call took more than its {limits.call_ms} ms")
    if cause.startswith("all fuel consumed"):
        return GuestTimeout(f"the call used up its fuel of {limits.fuel}")
    if log.saw_allocation_failure:
        return GuestMemory(f"the call needs more than its {memory_limit} bytes of memory")
    return _build_other(message, cause)


def _build_other(message: str, cause: str) -> GuestFault:
    if any(words in message for words in NO_ROOM):
        line = message.splitlines()[-1].strip()
        return GuestMemory(f"the component's memory does not fit its limit: {line}")
    if cause:
        return GuestTrap(f"the function trapped: {EXPLANATIONS.get(cause, cause)}")
    return GuestTrap(f"the component does not start: {message.splitlines()[0]}")
