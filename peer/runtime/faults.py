"""Turn what wasmtime reports into the fault that a caller and a receipt see."""

from typing import Final

from wasmtime import ExitTrap, Trap, TrapCode, WasmtimeError

from peer.runtime.call_log import CallLog
from peer.runtime.errors import GuestFault, GuestMemory, GuestTimeout, GuestTrap
from peer.runtime.service import ServiceSpec
from peer.runtime.wasm_sections import PAGE

EXPLANATIONS: Final = {
    TrapCode.UNREACHABLE: "it aborted (unreachable)",
    TrapCode.STACK_OVERFLOW: "its stack overflowed",
    TrapCode.MEMORY_OUT_OF_BOUNDS: "it touched memory out of bounds",
    TrapCode.INTEGER_DIVISION_BY_ZERO: "it divided by zero",
}


def build_fault(
    failure: Trap | WasmtimeError, spec: ServiceSpec, log: CallLog, memory_used: int
) -> GuestFault:
    """Return the fault for a trap, an exit or a refused instantiation; sizes in bytes."""
    code = failure.trap_code if isinstance(failure, Trap) else None
    if code is TrapCode.INTERRUPT:
        return GuestTimeout(f"the call took more than its {spec.limits.call_ms} ms")
    if code is TrapCode.OUT_OF_FUEL:
        return GuestTimeout(f"the call used up its fuel of {spec.limits.fuel}")
    limit = spec.memory_limit
    if code is TrapCode.ALLOCATION_TOO_LARGE or _is_starved(log, memory_used, limit):
        return GuestMemory(f"the call needs more than its {limit} bytes of memory")
    return _build_trap(failure, code)


def _build_trap(failure: Trap | WasmtimeError, code: TrapCode | None) -> GuestFault:
    if isinstance(failure, ExitTrap):
        return GuestTrap(f"the function exited the program with code {failure.code}")
    if isinstance(failure, Trap):
        cause = EXPLANATIONS.get(code) if code is not None else None
        return GuestTrap(f"the function trapped: {cause or _name_code(code, failure)}")
    message = str(failure)
    first_line = message.splitlines()[0]
    if "exceeds memory limits" in message:
        return GuestMemory(f"the module's memory does not fit its limit: {first_line}")
    return GuestTrap(f"the module does not start: {first_line}")


def _is_starved(log: CallLog, memory_used: int, limit: int) -> bool:
    # A refused memory.grow is no trap: a guest aborts after it, having said so or being full.
    return log.saw_allocation_failure or memory_used + max(limit // 16, PAGE) > limit


def _name_code(code: TrapCode | None, trap: Trap) -> str:
    if code is not None:
        return code.name.lower().replace("_", " ")
    return trap.message.splitlines()[0]
