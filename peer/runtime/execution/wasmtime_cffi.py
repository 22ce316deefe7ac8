"""wasmtime's C functions that stand on the path of every call, without the cost of ctypes.

The public binding looks up each function's type on every call (19 µs) and makes objects for all it
touches. Here cffi calls the same library: cells for arguments and results are made once for each
type and reused. What is not on the path of a call stays with the public binding.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

from cffi import FFI  # type: ignore[import-untyped]
from wasmtime import FuncType as PublicFunction
from wasmtime import Module, Trap, WasmtimeError
from wasmtime import _ffi as public
from wasmtime._func import maybe_raise_last_exn

from peer.runtime.errors import GuestTrap, ModuleError
from peer.runtime.wasm.sections import CoreFunction, CoreType

ffi: Final[Any] = FFI()
ffi.cdef(
    """
    typedef struct { uint64_t store; void *private; } wasmtime_func_t;
    typedef struct { uint64_t store; uint32_t private1; uint64_t private2; } wasmtime_memory_t;
    typedef struct { uint64_t store; size_t private; } wasmtime_instance_t;
    typedef union { wasmtime_func_t func; wasmtime_memory_t memory; } wasmtime_extern_union_t;
    typedef struct { uint8_t kind; wasmtime_extern_union_t of; } wasmtime_extern_t;

    void *wasmtime_store_new(void *engine, void *data, void *finalizer);
    void *wasmtime_store_context(void *store);
    void wasmtime_store_limiter(void *store, int64_t memory, int64_t table, int64_t instances,
                                int64_t tables, int64_t memories);
    void wasmtime_store_delete(void *store);
    void wasmtime_context_set_epoch_deadline(void *context, uint64_t ticks);
    void *wasmtime_context_set_fuel(void *context, uint64_t fuel);
    void *wasmtime_context_get_fuel(void *context, uint64_t *fuel);
    void *wasmtime_instance_pre_instantiate(void *pre, void *context, wasmtime_instance_t *instance,
                                            void **trap);
    bool wasmtime_instance_export_get(void *context, wasmtime_instance_t *instance, char *name,
                                      size_t length, wasmtime_extern_t *item);
    void *wasmtime_func_call_unchecked(void *context, wasmtime_func_t *function, void *cells,
                                       size_t count, void **trap);
    uint8_t *wasmtime_memory_data(void *context, wasmtime_memory_t *memory);
    size_t wasmtime_memory_data_size(void *context, wasmtime_memory_t *memory);

    void *wasi_config_new(void);
    void wasi_config_delete(void *config);
    void wasi_config_set_env(void *config, size_t count, char **names, char **values);
    void wasi_config_inherit_stdout(void *config);
    void wasi_config_inherit_stderr(void *config);
    void wasi_config_set_stdout_custom(void *config, void *take, void *data, void *finalizer);
    void wasi_config_set_stderr_custom(void *config, void *take, void *data, void *finalizer);
    bool wasi_config_preopen_dir(void *config, char *host, char *guest, bool writable);
    void *wasmtime_context_set_wasi(void *context, void *config);
    """
)
lib: Final[Any] = ffi.dlopen(public.dll._name)
NULL: Final = ffi.NULL
CELL_BYTES: Final = 16
FUNCTION_KIND: Final = public.WASMTIME_EXTERN_FUNC.value
MEMORY_KIND: Final = public.WASMTIME_EXTERN_MEMORY.value
MASKS: Final = {CoreType.I32: (1 << 32) - 1, CoreType.I64: (1 << 64) - 1}
# Views of the cells: element type, elements in a cell.
VIEWS: Final = {
    CoreType.I32: (ffi.typeof("int32_t *"), 4),
    CoreType.I64: (ffi.typeof("int64_t *"), 2),
    CoreType.F32: (ffi.typeof("float *"), 4),
    CoreType.F64: (ffi.typeof("double *"), 2),
}
RESERVED_BYTES: Final = 1 << 32
# NOTE: to read a type's name takes a good part of a millisecond, and so does each function when
# it is used first: all are looked up here, before workers are forked.
for _name in dir(lib):
    getattr(lib, _name)
_VOID: Final = ffi.typeof("void *")
_ADDRESS: Final = ffi.typeof("uintptr_t")
_CELLS: Final = ffi.typeof("char[]")
_WORDS: Final = ffi.typeof("uint64_t *")
_FUNCTION: Final = ffi.typeof("wasmtime_func_t *")
_MEMORY: Final = ffi.typeof("wasmtime_memory_t *")
_INSTANCE: Final = ffi.typeof("wasmtime_instance_t *")
# One for all: it is read and emptied before anything else runs.
_trap: Final = ffi.new("void **")


def _check_layout() -> None:
    """Raise ImportError when the library is of a version whose structures look different."""
    for name in (
        "wasmtime_func_t",
        "wasmtime_memory_t",
        "wasmtime_instance_t",
        "wasmtime_extern_t",
    ):
        if ffi.sizeof(name) != ctypes.sizeof(getattr(public, name)):
            raise ImportError(f"{name} of this wasmtime is not the one that was written for")
    if ctypes.sizeof(public.wasmtime_val_raw_t) != CELL_BYTES:
        raise ImportError("the cells of this wasmtime are not those that were written for")


_check_layout()


def get_pointer(owner: Any) -> Any:
    """Return the pointer that an object of the public binding wraps; the object must live on."""
    return ffi.cast(_VOID, ctypes.cast(owner.ptr(), ctypes.c_void_p).value)


def raise_failure(error: Any) -> None:
    """Raise what a C call reported: a host function's own exception, else wasmtime's."""
    trap, _trap[0] = _trap[0], NULL
    maybe_raise_last_exn()
    if error != NULL:
        raise WasmtimeError._from_ptr(_to_public(error, public.wasmtime_error_t))
    raise Trap._from_ptr(_to_public(trap, public.wasm_trap_t))


def check_error(error: Any) -> None:
    """Raise wasmtime's error if there is one."""
    if error != NULL:
        raise WasmtimeError._from_ptr(_to_public(error, public.wasmtime_error_t))


def _to_public(pointer: Any, kind: Any) -> Any:
    return ctypes.cast(int(ffi.cast(_ADDRESS, pointer)), ctypes.POINTER(kind))


class Store:
    """What an instance lives in: its memory, its limits, its deadline. `close` frees all of it."""

    __slots__ = ("_pointer", "context", "epoch")

    def __init__(self, engine: Any) -> None:
        """`engine` is the pointer of an engine that outlives this store."""
        # The engine's epoch for which the deadline was set, as the watchdog counts.
        self.epoch = -1
        self._pointer = lib.wasmtime_store_new(engine, NULL, NULL)
        self.context = lib.wasmtime_store_context(self._pointer)

    def set_limits(
        self, *, memory_size: int, table_elements: int, instances: int, memories: int
    ) -> None:
        """Set what instances may use from now on; sizes in bytes and elements."""
        lib.wasmtime_store_limiter(
            self._pointer, memory_size, table_elements, instances, -1, memories
        )

    def set_epoch_deadline(self, ticks: int) -> None:
        """Interrupt the guest when the engine's epoch has moved by so many ticks."""
        lib.wasmtime_context_set_epoch_deadline(self.context, ticks)

    def set_fuel(self, fuel: int) -> None:
        """Set the fuel that is left; raise `WasmtimeError` on an engine without."""
        check_error(lib.wasmtime_context_set_fuel(self.context, fuel))

    def get_fuel(self) -> int:
        """Return the fuel that is left; raise `WasmtimeError` on an engine without."""
        fuel = ffi.new(_WORDS)
        check_error(lib.wasmtime_context_get_fuel(self.context, fuel))
        left: int = fuel[0]
        return left

    def instantiate(self, pre: Any) -> Any:
        """Make an instance from the pointer of an `InstancePre`; raise wasmtime's errors."""
        instance = ffi.new(_INSTANCE)
        error = lib.wasmtime_instance_pre_instantiate(pre, self.context, instance, _trap)
        if error != NULL or _trap[0] != NULL:
            raise_failure(error)
        return instance

    def close(self) -> None:
        """Free everything; harmless when done before."""
        pointer, self._pointer = self._pointer, NULL
        self.context = None
        if pointer != NULL:
            lib.wasmtime_store_delete(pointer)

    def __del__(self) -> None:
        self.close()


_item: Final = ffi.new("wasmtime_extern_t *")


class ExportName:
    """The name of an export, encoded once."""

    __slots__ = ("_buffer", "_length", "name")

    def __init__(self, name: str) -> None:
        encoded = name.encode()
        self.name = name
        self._buffer = ffi.new(_CELLS, encoded)
        self._length = len(encoded)

    def find_function(self, context: Any, instance: Any) -> Any:
        """Return the function's handle, or None."""
        item = self._find(context, instance, FUNCTION_KIND)
        return None if item is None else ffi.new(_FUNCTION, item.of.func)

    def find_memory(self, context: Any, instance: Any) -> Any:
        """Return the memory's handle, or None."""
        item = self._find(context, instance, MEMORY_KIND)
        return None if item is None else ffi.new(_MEMORY, item.of.memory)

    def _find(self, context: Any, instance: Any, kind: int) -> Any:
        found = lib.wasmtime_instance_export_get(
            context, instance, self._buffer, self._length, _item
        )
        return _item if found and _item.kind == kind else None


Invoke = Callable[..., Any]
"""From context, function handle and arguments to the one result or None."""


def compile_call(function: CoreFunction) -> Invoke:
    """Return a function that calls exports of one core type; it raises what the call raised.

    Integers of any sign are cut to the width of their cell; results come back signed.
    """
    params = [CoreType(core) for core in function.params]
    count = max(len(params), len(function.results), 1)
    cells = ffi.new(_CELLS, count * CELL_BYTES)
    take = _compile_take(cells, function)
    call = lib.wasmtime_func_call_unchecked
    words = ffi.cast(_WORDS, cells)
    if not params:

        def call_none(context: Any, handle: Any) -> Any:
            error = call(context, handle, cells, count, _trap)
            if error or _trap[0]:
                raise_failure(error)
            return take()

        return call_none
    if params == [CoreType.I32]:
        mask = MASKS[CoreType.I32]

        def call_one(context: Any, handle: Any, first: int) -> Any:
            words[0] = first & mask
            error = call(context, handle, cells, count, _trap)
            if error or _trap[0]:
                raise_failure(error)
            return take()

        return call_one
    if params == [CoreType.I32, CoreType.I32]:
        mask = MASKS[CoreType.I32]

        def call_two(context: Any, handle: Any, first: int, second: int) -> Any:
            words[0] = first & mask
            words[2] = second & mask
            error = call(context, handle, cells, count, _trap)
            if error or _trap[0]:
                raise_failure(error)
            return take()

        return call_two
    puts = [_compile_put(cells, index, core) for index, core in enumerate(params)]

    def call_any(context: Any, handle: Any, *arguments: Any) -> Any:
        for put, value in zip(puts, arguments, strict=True):
            put(value)
        error = call(context, handle, cells, count, _trap)
        if error or _trap[0]:
            raise_failure(error)
        return take()

    return call_any


def _compile_put(cells: Any, index: int, core: CoreType) -> Callable[[Any], None]:
    if core in MASKS:
        words, at, mask = ffi.cast(_WORDS, cells), index * 2, MASKS[core]

        def put_integer(value: int) -> None:
            words[at] = value & mask

        return put_integer
    kind, width = VIEWS[core]
    view, start = ffi.cast(kind, cells), index * width

    def put_float(value: float) -> None:
        view[start] = value

    return put_float


def _compile_take(cells: Any, function: CoreFunction) -> Callable[[], Any]:
    if not function.results:
        return lambda: None
    view = ffi.cast(VIEWS[CoreType(function.results[0])][0], cells)
    return lambda: view[0]


def check_types(module: Module, functions: dict[str, CoreFunction]) -> None:
    """Raise `ModuleError` unless wasmtime reads the same function types out of the module.

    Calls are made without asking for types again, so the two readers must agree.
    """
    seen = {
        export.name: export.type
        for export in module.exports
        if isinstance(export.type, PublicFunction)
    }
    for name, function in functions.items():
        kind = seen.get(name)
        wanted = tuple(
            CoreType(core).name.lower() for core in (*function.params, *function.results)
        )
        if kind is None or wanted != tuple(str(part) for part in (*kind.params, *kind.results)):
            raise ModuleError(f"function {name} is not what the module's sections say")


class GuestMemoryView:
    """The memory of an instance, which stays where it is: the pool reserves all that it may get."""

    __slots__ = ("_bytes", "_context", "_handle", "_known")

    def __init__(self, context: Any, handle: Any) -> None:
        self._context = context
        self._handle = handle
        # Its size when that was asked last: it may be larger now, never smaller.
        self._known = 0
        base = lib.wasmtime_memory_data(context, handle)
        self._bytes = ffi.buffer(base, RESERVED_BYTES)

    @property
    def size(self) -> int:
        """Return its present size in bytes."""
        self._known = lib.wasmtime_memory_data_size(self._context, self._handle)
        return self._known

    def read(self, pointer: int, size: int) -> bytes:
        """Copy a range out; raise `GuestTrap` outside memory."""
        end = pointer + size
        if end > self._known and end > self.size:
            raise _out_of_bounds(pointer, size)
        content: bytes = self._bytes[pointer:end]
        return content

    def write(self, pointer: int, data: bytes) -> None:
        """Copy bytes in; raise `GuestTrap` outside memory."""
        end = pointer + len(data)
        if end > self._known and end > self.size:
            raise _out_of_bounds(pointer, len(data))
        self._bytes[pointer:end] = data


def _out_of_bounds(pointer: int, size: int) -> GuestTrap:
    return GuestTrap(f"the guest named memory {pointer}+{size}, which is out of bounds")
