"""Let a module call the functions of another one: out of one memory, into the other.

Modules share nothing. Arguments are lifted out of the caller's memory and lowered into the
callee's; the answer goes the other way, into room that the caller's own allocator gives.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from wasmtime import FuncType, Linker, Trap, ValType, WasmtimeError

from peer.runtime.abi.guest_types import SCALARS, FunctionSignature, RecordType
from peer.runtime.abi.lowering import compile_lower
from peer.runtime.errors import GuestFault, GuestOutput, GuestTrap
from peer.runtime.execution.function_code import compile_invoke, compile_take
from peer.runtime.execution.guest import Guest
from peer.runtime.execution.host_functions import CallState
from peer.runtime.module.links import ModuleLink, get_core_type
from peer.runtime.wasm.sections import CoreType

# What one call may move between two modules, each way.
MAX_TRANSFER_BYTES: Final = 64 << 20
VALUE_TYPES: Final = {
    CoreType.I32: ValType.i32,
    CoreType.I64: ValType.i64,
    CoreType.F32: ValType.f32,
    CoreType.F64: ValType.f64,
}


def define_links(linker: Linker, links: Sequence[ModuleLink], state: CallState) -> None:
    """Define what a module imports from other modules of its service."""
    for link in links:
        core = get_core_type(link.signature)
        kind = FuncType(
            [VALUE_TYPES[CoreType(part)]() for part in core.params],
            [VALUE_TYPES[CoreType(part)]() for part in core.results],
        )
        linker.define_func(link.callee, link.signature.name, kind, _build_call(link, state))


def _build_call(link: ModuleLink, state: CallState) -> Callable[..., Any]:
    signature = link.signature
    takes = [compile_take(part.type) for part in signature.parameters]
    takes_memory = any(part.type not in SCALARS for part in signature.parameters)
    invoke = compile_invoke(signature)
    give = compile_give(signature)

    def call(*core: Any) -> Any:
        group = state.group
        if group is None:
            raise GuestTrap("other modules are not available here")
        caller = group.guests[link.caller]
        if caller.is_receiving:
            raise GuestTrap(f"module {link.caller} calls {link.callee} while it receives an answer")
        rest = iter(core)
        arguments = _limited(
            caller, link, lambda: [take(caller, *islice(rest, width)) for width, take in takes]
        )
        if takes_memory:
            caller.call("release_objects")
        callee = group.switch(link.callee)
        try:
            answer = _limited(callee, link, lambda: invoke(callee, arguments))
        except (Trap, WasmtimeError) as failure:
            raise group.build_fault(link.callee, failure, state.log) from failure
        except GuestFault as fault:
            raise group.name_fault(link.callee, fault) from fault
        group.switch(link.caller)
        return give(caller, answer)

    return call


def _limited(guest: Guest, link: ModuleLink, work: Callable[[], Any]) -> Any:
    """Run `work`, which may read no more of the guest's memory than one transfer may move."""
    kept, guest.budget = guest.budget, MAX_TRANSFER_BYTES
    try:
        return work()
    except GuestOutput as error:
        raise GuestTrap(
            f"modules {link.caller} and {link.callee} exchange more than "
            f"{MAX_TRANSFER_BYTES} bytes in one call of {link.signature.name}"
        ) from error
    finally:
        guest.budget = kept


def compile_give(signature: FunctionSignature) -> Callable[[Guest, Any], Any]:
    """Return a function that hands the answer of an import to its caller."""
    if not signature.outputs:
        return lambda caller, answer: None
    output = signature.outputs[0]
    if output in SCALARS:
        return lambda caller, answer: answer
    lower = compile_lower(output)
    setters = ("set_result_ptr", "set_result_size")
    names = setters[:1] if isinstance(output, RecordType) else setters

    def give(caller: Guest, answer: Any) -> None:
        def put() -> None:
            for name, value in zip(names, lower(caller, answer), strict=True):
                caller.call(name, value)

        caller.receive(put)

    return give
