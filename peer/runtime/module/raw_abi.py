"""Read modules of the raw ABI: `alloc`, and functions from bytes to bytes (examples/raw-abi.md)."""

from typing import Final

from peer.runtime.abi.guest_types import Basic, FunctionSignature, Interface, NamedType
from peer.runtime.effectors.signatures import Grants
from peer.runtime.errors import ModuleError
from peer.runtime.module.check import ANYTHING, JSON_TYPE, ModuleInfo, check_imports
from peer.runtime.wasm.sections import CoreFunction, CoreType, read_outline

ALLOC: Final = "alloc"
DEALLOC: Final = "dealloc"
_I32: Final = CoreType.I32
ALLOC_TYPE: Final = CoreFunction((_I32,), (_I32,))
DEALLOC_TYPE: Final = CoreFunction((_I32, _I32), ())
FUNCTION_TYPE: Final = JSON_TYPE


def inspect_raw_module(wasm: bytes, grants: Grants = ANYTHING) -> ModuleInfo:
    """Return what a raw module offers; raise `ModuleError` when it cannot be hosted."""
    outline = read_outline(wasm)
    if "memory" not in outline.memories:
        raise ModuleError("not a raw module: it exports no memory")
    if outline.functions.get(ALLOC) != ALLOC_TYPE:
        raise ModuleError(
            "not a raw module: alloc(size: i32) -> i32 is missing or of another type",
            remedy='export it, or say abi = "marine" for a Marine module',
        )
    has_dealloc = DEALLOC in outline.functions
    if has_dealloc and outline.functions[DEALLOC] != DEALLOC_TYPE:
        raise ModuleError("not a raw module: dealloc has another type than (i32, i32)")
    functions = {
        name: FunctionSignature(name, (NamedType("body", Basic.BYTES),), (Basic.BYTES,))
        for name, core in outline.functions.items()
        if core == FUNCTION_TYPE and not name.startswith("_")
    }
    if not functions:
        raise ModuleError("not a raw module: no export has the type (i32, i32) -> i64")
    check_imports(outline, grants=grants)
    api = (ALLOC, DEALLOC) if has_dealloc else (ALLOC,)
    return ModuleInfo(Interface("raw", functions), outline, None, None, api)
