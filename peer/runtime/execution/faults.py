"""Turn what wasmtime reports into the fault that a caller and a receipt see."""

from typing import Final

from wasmtime import ExitTrap, Trap, TrapCode, WasmtimeError

from peer.runtime.errors import GuestFault, GuestMemory, GuestTimeout, GuestTrap
from peer.runtime.execution.call_log import CallLog
from peer.runtime.module.service import CallLimits

EXPLANATIONS: Final = {
    TrapCode.UNREACHABLE: "it aborted (unreachable)",
    TrapCode.STACK_OVERFLOW: "its stack overflowed",
    TrapCode.MEMORY_OUT_OF_BOUNDS: "it touched memory out of bounds",
    TrapCode.INTEGER_DIVISION_BY_ZERO: "it divided by zero",
}


def build_fault(
    failure: Trap | WasmtimeError,
    limits: CallLimits,
    memory_limit: int,
    log: CallLog,
    memory_used: int,
) -> GuestFault:
    """Return the fault for a trap, an exit or a refused instantiation; sizes in bytes."""
    code = failure.trap_code if isinstance(failure, Trap) else None
    if code is TrapCode.INTERRUPT:
        return GuestTimeout(f"the call took more than its {limits.call_ms} ms")
    if code is TrapCode.OUT_OF_FUEL:
        return GuestTimeout(f"the call used up its fuel of {limits.fuel}")
    limit = memory_limit
    if code is TrapCode.ALLOCATION_TOO_LARGE or log.saw_allocation_failure:
        return GuestMemory(f"the call needs more than its {limit} bytes of memory")
    # A refused memory.grow is no trap and leaves no trace: a guest without Rust's messages is taken
    # to have run out of memory when it gives up with more than half of it in use.
    has_given_up = code is TrapCode.UNREACHABLE or isinstance(failure, ExitTrap)
    if has_given_up and not log.saw_panic and memory_used > limit // 2:
        return GuestMemory(f"the function gave up with {memory_used} of {limit} bytes in use")
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


def _name_code(code: TrapCode | None, trap: Trap) -> str:
    if code is not None:
        return code.name.lower().replace("_", " ")
    return trap.message.splitlines()[0]
