"""Call functions of an instance through wasmtime's C interface.

The public Python binding looks up each function's type on every call (19 µs); here the argument
and result cells of a type are made once and reused, which the same C call checks just as well.
"""

from ctypes import POINTER, byref, create_string_buffer
from typing import Any, Final

from wasmtime import Instance, Trap, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime._func import maybe_raise_last_exn

from peer.runtime.wasm_sections import CoreFunction, CoreType

CELLS: Final = {
    CoreType.I32: (ffi.WASMTIME_I32, "i32"),
    CoreType.I64: (ffi.WASMTIME_I64, "i64"),
    CoreType.F32: (ffi.WASMTIME_F32, "f32"),
    CoreType.F64: (ffi.WASMTIME_F64, "f64"),
}
FUNCTION_KIND: Final = ffi.WASMTIME_EXTERN_FUNC.value
MEMORY_KIND: Final = ffi.WASMTIME_EXTERN_MEMORY.value


class CallCells:
    """The cells for arguments and results of one core function type."""

    __slots__ = ("_arguments", "_results", "_slots", "_value")

    def __init__(self, function: CoreFunction) -> None:
        self._arguments = (ffi.wasmtime_val_t * len(function.params))()
        self._results = (ffi.wasmtime_val_t * len(function.results))()
        self._slots: list[tuple[Any, str]] = []
        for cell, core in zip(self._arguments, function.params, strict=True):
            cell.kind, name = CELLS[CoreType(core)]
            self._slots.append((cell.of, name))
        self._value: tuple[Any, str] | None = None
        if function.results:
            self._value = (self._results[0].of, CELLS[CoreType(function.results[0])][1])

    def call(self, context: Any, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Call and return the one result or None; raise wasmtime's errors, or a host function's.

        Integers of any sign are cut to the width of their cell; results come back signed.
        """
        for (cell, name), value in zip(self._slots, arguments, strict=True):
            setattr(cell, name, value)
        trap = POINTER(ffi.wasm_trap_t)()
        error = ffi.wasmtime_func_call(
            context,
            byref(function),
            self._arguments,
            len(self._arguments),
            self._results,
            len(self._results),
            byref(trap),
        )
        if error:
            _raise(WasmtimeError._from_ptr(error))
        if trap:
            _raise(Trap._from_ptr(trap))
        return None if self._value is None else getattr(*self._value)


def _raise(failure: WasmtimeError | Trap) -> None:
    maybe_raise_last_exn()
    raise failure


class ExportName:
    """The name of an export, encoded once."""

    __slots__ = ("_buffer", "_length", "name")

    def __init__(self, name: str) -> None:
        encoded = name.encode()
        self.name = name
        self._buffer = create_string_buffer(encoded, len(encoded) + 1)
        self._length = len(encoded)

    def find_function(self, context: Any, instance: Instance) -> Any:
        """Return the function's handle, or None."""
        item = self._find(context, instance, FUNCTION_KIND)
        return None if item is None else item.of.func

    def find_memory(self, context: Any, instance: Instance) -> Any:
        """Return the memory's handle, or None."""
        item = self._find(context, instance, MEMORY_KIND)
        return None if item is None else item.of.memory

    def _find(self, context: Any, instance: Instance, kind: int) -> Any:
        item: Any = ffi.wasmtime_extern_t()
        found = ffi.wasmtime_instance_export_get(
            context, byref(instance._instance), self._buffer, self._length, byref(item)
        )
        return item if found and item.kind == kind else None
