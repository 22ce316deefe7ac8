"""Name the kinds of wasmtime's cells, and how numbers lie in them."""

import struct
from typing import Final

from wasmtime import _ffi as public

from peer.runtime.abi.guest_types import SCALARS, Basic, GuestType
from peer.runtime.components.component_cffi import VAL_BYTES
from peer.runtime.execution.wasmtime_cffi import ffi

UNION_AT: Final = ffi.offsetof("wm_val_t", "of")
FIELDS: Final = {
    Basic.BOOL: "boolean",
    Basic.I32: "s32",
    Basic.I64: "s64",
} | {basic: basic.value for basic in SCALARS if basic not in (Basic.BOOL, Basic.I32, Basic.I64)}


def _kind(name: str) -> int:
    value: int = getattr(public, f"WASMTIME_COMPONENT_{name}").value
    return value


KINDS: Final = {basic: _kind(FIELDS[basic].upper().replace("BOOLEAN", "BOOL")) for basic in SCALARS}
STRING, LIST, RECORD, TUPLE = _kind("STRING"), _kind("LIST"), _kind("RECORD"), _kind("TUPLE")
VARIANT, ENUM, OPTION = _kind("VARIANT"), _kind("ENUM"), _kind("OPTION")
RESULT, FLAGS, CHAR = _kind("RESULT"), _kind("FLAGS"), _kind("CHAR")
U8: Final = KINDS[Basic.U8]


def get_wit_name(name: str) -> str:
    """Return a name as WIT writes it, where words are joined by hyphens alone."""
    return name.replace("_", "-")


def get_cell_format(kind: GuestType) -> struct.Struct | None:
    """Return how a cell of a number looks: its kind, then its value. None for other types."""
    if not isinstance(kind, Basic) or kind not in SCALARS:
        return None
    code, size = SCALARS[kind].code, SCALARS[kind].size
    return struct.Struct(f"=B{UNION_AT - 1}x{code}{VAL_BYTES - UNION_AT - size}x")
