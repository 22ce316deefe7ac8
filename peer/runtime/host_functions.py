"""Offer guests the Marine host functions: logging and call parameters."""

from dataclasses import dataclass, field
from typing import Any, Final

from wasmtime import Caller, FuncType, Linker, Memory, ValType

from peer.runtime.call_log import CallLog
from peer.runtime.check import ModuleInfo
from peer.runtime.errors import GuestTrap
from peer.runtime.guest import U32, Guest
from peer.runtime.guest_types import ArrayType, Basic, GuestType, RecordType, Signature
from peer.runtime.host_api import CALL_PARAMETERS_FUNCTION, HOST_NAMESPACES, LOG_FUNCTION
from peer.runtime.lowering import Lower, compile_lower
from peer.runtime.service import ModuleSpec

I32: Final = ValType.i32()


@dataclass(slots=True)
class HostState:
    """What host functions need of the call that runs now."""

    log: CallLog = field(default_factory=CallLog)
    guest: Guest | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    is_answering: bool = False


def define_host_functions(
    linker: Linker, info: ModuleInfo, module: ModuleSpec, state: HostState
) -> None:
    """Define those host functions that the module imports."""
    for wanted in info.outline.imports:
        if wanted.module not in HOST_NAMESPACES:
            continue
        if wanted.name == LOG_FUNCTION:
            _define_log(linker, wanted.module, module, state)
        elif wanted.name == CALL_PARAMETERS_FUNCTION:
            signature = info.interface.imports.get((wanted.module, wanted.name))
            _define_call_parameters(linker, wanted.module, signature, state)


def _define_log(linker: Linker, namespace: str, module: ModuleSpec, state: HostState) -> None:
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
    linker: Linker, namespace: str, signature: Signature | None, state: HostState
) -> None:
    """`get_call_parameters()`: answer the record that the module itself declares."""
    lower: Lower | None = None
    record = signature.outputs[0] if signature is not None and signature.outputs else None
    if isinstance(record, RecordType):
        lower = compile_lower(record)

    def get_call_parameters(caller: Caller) -> None:
        guest = state.guest
        if guest is None or lower is None or not isinstance(record, RecordType):
            raise GuestTrap("call parameters are not available here")
        if state.is_answering:
            raise GuestTrap("the guest asks for call parameters while it receives them")
        state.is_answering = True
        try:
            values = {
                part.name: state.parameters.get(part.name, "")
                if part.type is Basic.STRING
                else _build_empty(part.type)
                for part in record.fields
            }
            (pointer,) = lower(guest, values)
            guest.call("set_result_ptr", pointer)
        finally:
            state.is_answering = False

    kind = FuncType([], [])
    linker.define_func(
        namespace, CALL_PARAMETERS_FUNCTION, kind, get_call_parameters, access_caller=True
    )


def _build_empty(guest_type: GuestType) -> Any:
    if isinstance(guest_type, RecordType):
        return {part.name: _build_empty(part.type) for part in guest_type.fields}
    if isinstance(guest_type, ArrayType):
        return []
    return {Basic.STRING: "", Basic.BYTES: b"", Basic.F32: 0.0, Basic.F64: 0.0}.get(guest_type, 0)
