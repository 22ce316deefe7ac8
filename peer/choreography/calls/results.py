"""Turn answers of services into what Aqua expects: bytes as lists of numbers."""

import base64
from collections.abc import Callable
from typing import Any

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    RecordType,
    once_per_record,
)

Reshape = Callable[[Any], Any]


def compile_reshape(signature: FunctionSignature) -> Reshape | None:
    """Return a function for answers that hold bytes, None where they are right as they are."""
    return _compile(signature.outputs[0]) if signature.outputs else None


def _compile(guest_type: GuestType) -> Reshape | None:
    if guest_type is Basic.BYTES:
        return lambda text: list(base64.b64decode(text))
    if isinstance(guest_type, ArrayType):
        element = _compile(guest_type.element)
        return None if element is None else lambda values: [element(value) for value in values]
    return _compile_record(guest_type) if isinstance(guest_type, RecordType) else None


@once_per_record
def _compile_record(record: RecordType) -> Reshape | None:
    found = {part.name: _compile(part.type) for part in record.fields}
    parts = {name: reshape for name, reshape in found.items() if reshape is not None}
    if not parts:
        return None
    return lambda value: value | {name: reshape(value[name]) for name, reshape in parts.items()}
