"""wasmtime's C functions and structures for components, beside those for core modules."""

import ctypes
from collections.abc import Callable
from typing import Any, Final

from wasmtime import WasmtimeError
from wasmtime import _ffi as public

from peer.runtime.execution.wasmtime_cffi import NULL, Store, check_error, ffi, lib

ffi.cdef(
    """
    typedef struct { size_t size; char *data; } wm_name_t;
    typedef struct wm_val wm_val_t;
    typedef struct wm_entry wm_entry_t;
    typedef struct { size_t size; wm_val_t *data; } wm_list_t;
    typedef struct { size_t size; wm_entry_t *data; } wm_record_t;
    typedef struct { size_t size; wm_name_t *data; } wm_flags_t;
    typedef struct { wm_name_t discriminant; wm_val_t *val; } wm_variant_t;
    typedef struct { bool is_ok; wm_val_t *val; } wm_result_t;
    typedef union {
        bool boolean; int8_t s8; uint8_t u8; int16_t s16; uint16_t u16; int32_t s32; uint32_t u32;
        int64_t s64; uint64_t u64; float f32; double f64; uint32_t character; wm_name_t string;
        wm_list_t list; wm_record_t record; wm_list_t tuple; wm_variant_t variant;
        wm_name_t enumeration; wm_val_t *option; wm_result_t result; wm_flags_t flags;
    } wm_union_t;
    struct wm_val { uint8_t kind; wm_union_t of; };
    struct wm_entry { wm_name_t name; wm_val_t val; };
    typedef struct { uint64_t store; uint32_t private1; } wm_owner_t;
    typedef struct { wm_owner_t owner; uint32_t private2; void *private3; } wm_func_t;
    typedef struct { uint64_t store; uint32_t private; } wm_instance_t;
    typedef void *wm_callback_t(void *data, void *context, void *type, wm_val_t *arguments,
                                size_t count, wm_val_t *results, size_t result_count);

    void *wasmtime_component_linker_new(void *engine);
    void *wasmtime_component_linker_add_wasip2(void *linker);
    void wasmtime_component_linker_allow_shadowing(void *linker, bool allow);
    void *wasmtime_component_linker_root(void *linker);
    void *wasmtime_component_linker_instance_add_instance(void *parent, char *name, size_t length,
                                                          void **made);
    void *wasmtime_component_linker_instance_add_func(void *instance, char *name, size_t length,
        wm_callback_t *callback, void *data, void *finalizer);
    void wasmtime_component_linker_instance_delete(void *instance);
    void *wasmtime_component_linker_instantiate(void *linker, void *context, void *component,
                                                wm_instance_t *instance);
    void *wasmtime_component_get_export_index(void *component, void *instance, char *name,
                                              size_t length);
    bool wasmtime_component_instance_get_func(wm_instance_t *instance, void *context, void *index,
                                              wm_func_t *function);
    void *wasmtime_component_func_call(wm_func_t *function, void *context, wm_val_t *arguments,
                                       size_t count, wm_val_t *results, size_t result_count);
    void *wasmtime_component_func_post_return(wm_func_t *function, void *context);
    void wasmtime_component_val_delete(wm_val_t *val);
    wm_val_t *wasmtime_component_val_new(wm_val_t *val);
    void wasmtime_component_vallist_new_uninit(wm_list_t *out, size_t size);
    void wasmtime_component_valtuple_new_uninit(wm_list_t *out, size_t size);
    void wasmtime_component_valrecord_new_uninit(wm_record_t *out, size_t size);
    void wasmtime_component_valflags_new_uninit(wm_flags_t *out, size_t size);
    void wasm_byte_vec_new(wm_name_t *out, size_t size, char *data);
    void *wasmtime_error_new(char *message);
    """
)
VAL_BYTES: Final = ffi.sizeof("wm_val_t")
_VALS: Final = ffi.typeof("wm_val_t[]")
_INSTANCE: Final = ffi.typeof("wm_instance_t *")
_FUNCTION: Final = ffi.typeof("wm_func_t *")
_CALLBACK: Final = ffi.typeof("wm_callback_t *")
_POINTERS: Final = ffi.typeof("void *[1]")
for _name in dir(lib):
    getattr(lib, _name)


def _check_layout() -> None:
    """Raise ImportError when the library is of a version whose structures look different."""
    for ours, theirs in (
        ("wm_val_t", public.wasmtime_component_val_t),
        ("wm_entry_t", public.wasmtime_component_valrecord_entry_t),
        ("wm_func_t", public.wasmtime_component_func_t),
        ("wm_instance_t", public.wasmtime_component_instance_t),
    ):
        if ffi.sizeof(ours) != ctypes.sizeof(theirs):
            raise ImportError(f"{ours} of this wasmtime is not the one that was written for")


_check_layout()

Take = Callable[[Any, Any], None]
"""From the arguments of a call of the host, and its one result, to fill."""
# NOTE: kept as long as the process lives, since linkers hold their addresses.
_callbacks: Final[list[Any]] = []
_raised: Final[list[BaseException]] = []


def make_callback(take: Take) -> Any:
    """Return a C function that does what `take` does; what that raises ends the guest's call."""

    def call(
        data: Any, context: Any, kind: Any, arguments: Any, count: int, results: Any, made: int
    ) -> Any:
        try:
            take(arguments, results)
        except BaseException as error:
            _raised.append(error)
            return lib.wasmtime_error_new(b"the host ends the call")
        return NULL

    callback = ffi.callback(_CALLBACK, call)
    _callbacks.append(callback)
    return callback


def check_call(error: Any) -> None:
    """Raise what a function of the host raised, else wasmtime's error, if there is one."""
    if error == NULL:
        return
    try:
        check_error(error)
    except WasmtimeError:
        if _raised:
            raise _raised.pop() from None
        raise


class ComponentLinker:
    """What a component's instances are given."""

    def __init__(self, engine: Any) -> None:
        """`engine` is a pointer; WASI is there, with what its store allows."""
        self._pointer = lib.wasmtime_component_linker_new(engine)
        check_error(lib.wasmtime_component_linker_add_wasip2(self._pointer))
        lib.wasmtime_component_linker_allow_shadowing(self._pointer, True)

    def define(self, instance: str, functions: dict[str, Any]) -> None:
        """Give an instance of this name these functions, in place of one that was there."""
        root = lib.wasmtime_component_linker_root(self._pointer)
        made = ffi.new(_POINTERS)
        name = instance.encode()
        try:
            check_error(
                lib.wasmtime_component_linker_instance_add_instance(root, name, len(name), made)
            )
            try:
                for function, callback in functions.items():
                    text = function.encode()
                    check_error(
                        lib.wasmtime_component_linker_instance_add_func(
                            made[0], text, len(text), callback, NULL, NULL
                        )
                    )
            finally:
                lib.wasmtime_component_linker_instance_delete(made[0])
        finally:
            lib.wasmtime_component_linker_instance_delete(root)

    def instantiate(self, store: Store, component: Any) -> Any:
        """Return a new instance of a component, given by its pointer; raise wasmtime's errors."""
        instance = ffi.new(_INSTANCE)
        check_call(
            lib.wasmtime_component_linker_instantiate(
                self._pointer, store.context, component, instance
            )
        )
        return instance


def find_export(component: Any, path: tuple[str, ...]) -> Any:
    """Return the index of an export, or NULL; the pointer of the component must live on."""
    index = NULL
    for part in path:
        name = part.encode()
        index = lib.wasmtime_component_get_export_index(component, index, name, len(name))
        if index == NULL:
            break
    return index


def get_function(instance: Any, store: Store, index: Any) -> Any:
    """Return a handle of an instance's function, or None."""
    function = ffi.new(_FUNCTION)
    found = lib.wasmtime_component_instance_get_func(instance, store.context, index, function)
    return function if found else None


def make_vals(count: int) -> Any:
    """Return room for values, all of them false."""
    return ffi.new(_VALS, count)
