"""Generate, per exported function, the way from a request's body to its answer's body."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from peer.runtime.abi.guest_types import (
    BYTE_TAG,
    INTEGER_RANGES,
    SCALARS,
    Basic,
    FunctionSignature,
    GuestType,
    RecordType,
    describe_type,
)
from peer.runtime.abi.json_values import compile_arguments, compile_result
from peer.runtime.abi.lowering import compile_lower, compile_read_record, compile_read_sequence
from peer.runtime.errors import CallRefused, GuestTrap
from peer.runtime.execution.guest import U32, Guest
from peer.runtime.module.raw_abi import DEALLOC
from peer.runtime.module.service import MARINE_ABI, RAW_ABI, BodyKind

Invoke = Callable[[Guest, list[Any]], Any]
RAW_TYPES: Final = (Basic.STRING, Basic.BYTES)
_VALUES: Final = msgspec.msgpack.Decoder(list[Any])


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """The compiled ways in and out of one function."""

    read_json: Callable[[bytes], list[Any]]
    write_json: Callable[[Any], bytes]
    invoke: Invoke
    raw_input: Basic | None

    def read_body(self, body: bytes, kind: BodyKind) -> list[Any]:
        """Return the arguments; raise `CallRefused` when the body does not fit the signature."""
        if kind is BodyKind.JSON:
            return self.read_json(body)
        if kind is BodyKind.VALUES:
            return _VALUES.decode(body)
        if self.raw_input is None:
            raise CallRefused(
                "the function does not take a raw body: it needs one string or byte array "
                "as argument and one as result",
                remedy="send JSON",
            )
        if self.raw_input is Basic.BYTES:
            return [body]
        try:
            return [body.decode()]
        except UnicodeDecodeError as error:
            raise CallRefused("the body must be UTF-8: the function takes a string") from error

    def write_body(self, value: Any, kind: BodyKind) -> bytes:
        """Return the answer's body."""
        if kind is BodyKind.JSON:
            return self.write_json(value)
        if kind is BodyKind.VALUES:
            return msgspec.msgpack.encode(value)
        return value.encode() if isinstance(value, str) else bytes(value)


def compile_function(signature: FunctionSignature, abi: str = MARINE_ABI) -> FunctionCode:
    """Generate the code for one signature."""
    code = compile_codec(signature)
    invoke = _compile_raw_invoke(signature.name) if abi == RAW_ABI else compile_invoke(signature)
    return replace(code, invoke=invoke)


def compile_codec(signature: FunctionSignature) -> FunctionCode:
    """Generate what reads and writes bodies, without what calls the function."""
    inputs = [part.type for part in signature.parameters]
    is_raw = (
        len(inputs) == 1
        and inputs[0] in RAW_TYPES
        and signature.outputs[:1]
        in (
            (Basic.STRING,),
            (Basic.BYTES,),
        )
    )
    return FunctionCode(
        compile_arguments(signature),
        compile_result(signature),
        _refuse_invoke,
        Basic(describe_type(inputs[0])) if is_raw else None,
    )


def _refuse_invoke(guest: Guest, arguments: list[Any]) -> Any:
    raise GuestTrap("the function is not called this way")


def compile_invoke(signature: FunctionSignature) -> Invoke:
    """Generate a call of a Marine function: arguments lowered, the answer lifted and released.

    Only an answer that lies in memory is released. A function that answers a number may have kept
    what it was given: a database keeps the text that is bound to a statement.
    """
    name = signature.name
    lowers = [compile_lower(part.type) for part in signature.parameters]
    lift = _compile_lift(signature)
    gives_memory = bool(signature.outputs) and signature.outputs[0] not in SCALARS

    def invoke(guest: Guest, arguments: list[Any]) -> Any:
        lowered: list[Any] = []
        for lower, value in zip(lowers, arguments, strict=True):
            lowered += lower(guest, value)
        result = lift(guest, guest.call(name, *lowered))
        # An instance that ends with this call takes all of its memory with it.
        if gives_memory and not guest.is_for_one_call:
            guest.call("release_objects")
        return result

    return invoke


def _compile_raw_invoke(name: str) -> Invoke:
    def invoke(guest: Guest, arguments: list[Any]) -> Any:
        (body,) = arguments
        pointer = guest.place(body, BYTE_TAG) if body else 0
        packed = guest.call(name, pointer, len(body))
        start, size = packed >> 32 & U32, packed & U32
        answer = guest.read(start, size)
        if size and not guest.is_for_one_call and guest.has_export(DEALLOC):
            guest.call(DEALLOC, start, size)
        return answer

    return invoke


def compile_take(guest_type: GuestType) -> tuple[int, Callable[..., Any]]:
    """Return how many core values carry a value, and a function that lifts it out of them."""
    if isinstance(guest_type, RecordType):
        read_record = compile_read_record(guest_type)
        return 1, lambda guest, pointer: read_record(guest, pointer & U32)
    if guest_type in SCALARS:
        return 1, _compile_lift_scalar(Basic(describe_type(guest_type)))
    read = compile_read_sequence(guest_type)
    return 2, lambda guest, pointer, size: read(guest, pointer & U32, size & U32)


def _compile_lift(signature: FunctionSignature) -> Callable[[Guest, Any], Any]:
    if not signature.outputs:
        return lambda guest, value: None
    output = signature.outputs[0]
    if isinstance(output, RecordType):
        read_record = compile_read_record(output)
        return lambda guest, value: read_record(guest, guest.call("get_result_ptr") & U32)
    if output in SCALARS:
        return _compile_lift_scalar(Basic(describe_type(output)))
    read = compile_read_sequence(output)
    return lambda guest, value: read(guest, *guest.get_result_pair())


def _compile_lift_scalar(output: Basic) -> Callable[[Guest, Any], Any]:
    if output is Basic.BOOL:
        return lambda guest, value: value != 0
    if output not in INTEGER_RANGES:
        return lambda guest, value: value
    least, most = INTEGER_RANGES[output]
    # The core value may carry junk above the type's width: cut it, then restore the sign.
    return lambda guest, value: ((value - least) & (most - least)) + least
