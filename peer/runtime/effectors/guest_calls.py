"""The guest's side of effectors: lift what a module asks, hand it on, lower the answer."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from wasmtime import FuncType, Linker, ValType

from peer.runtime.abi.guest_types import BYTE_TAG, SCALARS
from peer.runtime.abi.json_values import compile_arguments, compile_result
from peer.runtime.effectors.signatures import LOG
from peer.runtime.errors import CallRefused, GuestOutput, GuestTrap
from peer.runtime.execution.call_parameters import compile_fill
from peer.runtime.execution.function_code import compile_take
from peer.runtime.execution.guest import U32, Guest
from peer.runtime.execution.host_functions import CallState
from peer.runtime.execution.linked_calls import VALUE_TYPES, compile_give
from peer.runtime.module.links import EffectLink, get_core_type
from peer.runtime.wasm.sections import CoreType

MAX_ARGUMENT_BYTES: Final = 16 << 20

AskHost = Callable[[str, str, list[Any]], Any]
"""From effector, function and arguments to the answer; raises `GuestFault`."""


Effect = Callable[[list[Any]], Any]


def refuse_all(effector: str, function: str, arguments: list[Any]) -> Any:
    """Be the host of a worker that has none."""
    raise GuestTrap(f"the effector {effector} is not available here")


def define_effects(
    linker: Linker, effects: Sequence[EffectLink], state: CallState, ask: AskHost, *, logs: bool
) -> None:
    """Define what a module imports from effectors; `logs` tells whether its log is kept."""
    for link in effects:
        do = _choose(link, state, ask, logs)
        build = _build_json if link.is_json else _build_typed
        call = build(link, state, do)
        linker.define_func(link.namespace, link.name, _get_type(link), call)


def _get_type(link: EffectLink) -> FuncType:
    if link.is_json:
        return FuncType([ValType.i32(), ValType.i32()], [ValType.i64()])
    core = get_core_type(link.signature)
    return FuncType(
        [VALUE_TYPES[CoreType(part)]() for part in core.params],
        [VALUE_TYPES[CoreType(part)]() for part in core.results],
    )


def _build_typed(link: EffectLink, state: CallState, do: Effect) -> Callable[..., Any]:
    takes = [compile_take(part.type) for part in link.signature.parameters]
    # As the modules' own adapters have it: what is given to an import may go once it was read, but
    # not what is given to the host itself.
    releases = not link.is_mounted and any(
        part.type not in SCALARS for part in link.signature.parameters
    )
    give = compile_give(link.signature)
    fill = compile_fill(link.signature.outputs[0]) if link.is_mounted else None

    def call(*core: Any) -> Any:
        guest = _get_caller(link, state)
        rest = iter(core)
        arguments = _limited(
            guest, link, lambda: [take(guest, *islice(rest, width)) for width, take in takes]
        )
        if releases:
            guest.call("release_objects")
        answer = do(arguments)
        return give(guest, answer if fill is None else fill(answer))

    return call


def _build_json(link: EffectLink, state: CallState, do: Effect) -> Callable[..., int]:
    read, write = compile_arguments(link.signature), compile_result(link.signature)

    def call(pointer: int, size: int) -> int:
        guest = _get_caller(link, state)
        body = _limited(guest, link, lambda: guest.read(pointer & U32, size & U32))
        try:
            arguments = read(body)
        except CallRefused as refused:
            raise GuestTrap(f"{_name(link)}: {refused.detail}") from refused
        answer = write(do(arguments))
        placed: list[int] = []
        guest.receive(lambda: placed.append(guest.place(answer, BYTE_TAG)))
        # The guest sees 64 bits; wasmtime takes them signed.
        packed = placed[0] << 32 | len(answer)
        return packed - (1 << 64) if packed >> 63 else packed

    return call


def _choose(link: EffectLink, state: CallState, ask: AskHost, logs: bool) -> Effect:
    """Return what does the effect: log lines stay in the worker, all else goes to the host."""
    if link.effector == LOG:

        def write(arguments: list[Any]) -> None:
            if logs:
                state.log.add(arguments[0], arguments[1].encode())

        return write
    function = link.signature.name
    return lambda arguments: ask(link.effector, function, arguments)


def _get_caller(link: EffectLink, state: CallState) -> Guest:
    if state.group is None or (state.is_starting and link.effector != LOG):
        raise GuestTrap(f"{_name(link)} is not available while the module starts")
    guest = state.group.guests[link.caller]
    if guest.is_receiving:
        raise GuestTrap(f"the guest calls {_name(link)} while it receives an answer")
    return guest


def _limited(guest: Guest, link: EffectLink, work: Callable[[], Any]) -> Any:
    """Run `work`, which may read no more of the guest's memory than one request may have."""
    kept, guest.budget = guest.budget, MAX_ARGUMENT_BYTES
    try:
        return work()
    except GuestOutput as error:
        raise GuestTrap(f"{_name(link)} was given more than {MAX_ARGUMENT_BYTES} bytes") from error
    finally:
        guest.budget = kept


def _name(link: EffectLink) -> str:
    return f"{link.namespace}.{link.name}"
