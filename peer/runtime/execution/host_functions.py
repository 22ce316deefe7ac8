"""Offer guests the Marine host functions: logging and call parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from wasmtime import Caller, FuncType, Linker, Memory, Trap, ValType, WasmtimeError

from peer.runtime.abi.guest_types import RecordType
from peer.runtime.abi.lowering import compile_lower
from peer.runtime.errors import GuestFault, GuestTrap
from peer.runtime.execution.call_log import CallLog
from peer.runtime.execution.call_parameters import compile_parameters, complete_parameters
from peer.runtime.execution.guest import U32, Guest
from peer.runtime.module.check import ModuleInfo
from peer.runtime.module.host_api import CALL_PARAMETERS_FUNCTION, HOST_NAMESPACES, LOG_FUNCTION
from peer.runtime.module.host_records import find_call_parameters
from peer.runtime.module.service import ModuleSpec

I32: Final = ValType.i32()


class RunningGroup(Protocol):
    """What host functions need of the instances that run."""

    guests: dict[str, Guest]

    def switch(self, name: str) -> Guest:
        """Let a module run: hand it the fuel that is left, and the memory that is free."""

    def build_fault(self, name: str, failure: Trap | WasmtimeError, log: CallLog) -> GuestFault:
        """Return the fault of a module, with its name where it is one of several."""

    def name_fault(self, name: str, fault: GuestFault) -> GuestFault:
        """Say which module a fault is of, where it is one of several."""


@dataclass(slots=True)
class CallState:
    """What host functions need of the call that runs now."""

    log: CallLog = field(default_factory=CallLog)
    group: RunningGroup | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    argument_count: int = 0
    is_starting: bool = False

    def add_output(self, stream: str, data: bytes) -> None:
        """Log what a guest printed."""
        self.log.add_output(stream, data)


def define_host_functions(
    linker: Linker, info: ModuleInfo, module: ModuleSpec, state: CallState
) -> None:
    """Define those host functions that the module imports."""
    for wanted in info.outline.imports:
        if wanted.module not in HOST_NAMESPACES:
            continue
        if wanted.name == LOG_FUNCTION:
            _define_log(linker, wanted.module, module, state)
        elif wanted.name == CALL_PARAMETERS_FUNCTION:
            record = find_call_parameters(info.interface, wanted.module)
            _define_call_parameters(linker, wanted.module, module.name, record, state)


def _define_log(linker: Linker, namespace: str, module: ModuleSpec, state: CallState) -> None:
    """`log_utf8_string(level, target, ptr, len)`: target 0 always logs, others if in the mask."""

    def log(caller: Caller, level: int, target: int, pointer: int, size: int) -> None:
        memory = caller.get("memory")
        if not isinstance(memory, Memory):
            raise GuestTrap("the module logs before it has a memory")
        start, length = pointer & U32, size & U32
        if start + length > memory.data_len(caller):
            raise GuestTrap(f"the guest logs memory {start}+{length}, which is out of bounds")
        if not module.logger_enabled or (target and not target & module.logging_mask):
            return
        kept = min(length, state.log.room)
        if kept < length and kept == 0:
            state.log.drop()
            return
        state.log.add(level, bytes(memory.read(caller, start, start + kept)))

    kind = FuncType([I32, I32, I32, I32], [])
    linker.define_func(namespace, LOG_FUNCTION, kind, log, access_caller=True)


def _define_call_parameters(
    linker: Linker, namespace: str, module: str, record: RecordType, state: CallState
) -> None:
    """`get_call_parameters()`: answer in the record that the module expects."""
    build, lower = compile_parameters(record), compile_lower(record)

    def get_call_parameters() -> None:
        if state.group is None or state.is_starting:
            raise GuestTrap("call parameters are not available here")
        given = complete_parameters(state.parameters, state.argument_count)
        guest, value = state.group.guests[module], build(given)

        def put() -> None:
            guest.call("set_result_ptr", *lower(guest, value))

        guest.receive(put)

    linker.define_func(namespace, CALL_PARAMETERS_FUNCTION, FuncType([], []), get_call_parameters)
