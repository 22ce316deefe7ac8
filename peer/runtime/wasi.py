"""Give stores their WASI: environment, folders, and a log for what the guest prints.

A fresh instance needs a fresh context, so this is on the path of every call: what does not change
is encoded once and handed to wasmtime's C functions directly.
"""

import ctypes
import errno
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from wasmtime import Store, WasmtimeError
from wasmtime import _bindings as ffi

# Takes what a guest printed, by stream: "stdout" or "stderr".
Output = Callable[[str, bytes], None]
_NO_FINALIZER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()
_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t
)
# NOTE: wasmtime may print from a thread of its own after a store has gone, so callbacks and what
# they lead to are kept for as long as the process lives: two entries for each loaded module.
_outputs: Final[dict[int, tuple[Output, str]]] = {}
_numbers: Final = itertools.count(1)


def _take(number: int, data: Any, size: int) -> int:
    output, stream = _outputs[number]
    try:
        output(stream, ctypes.string_at(data, size))
    except MemoryError:
        return -errno.ENOMEM
    return size


_print: Final = _CALLBACK(_take)


class WasiTemplate:
    """What all instances of a module get from WASI."""

    def __init__(
        self, envs: Mapping[str, str], folders: Sequence[tuple[str, str]], output: Output
    ) -> None:
        """`folders` are (folder of the host, name for the guest)."""
        self._count = len(envs)
        self._names, self._values = _encode_list(envs), _encode_list(envs.values())
        self._folders = [
            (ctypes.create_string_buffer(host.encode()), ctypes.create_string_buffer(name.encode()))
            for host, name in folders
        ]
        self._stdout, self._stderr = next(_numbers), next(_numbers)
        _outputs[self._stdout] = (output, "stdout")
        _outputs[self._stderr] = (output, "stderr")

    def apply(self, store: Store) -> None:
        """Set up `store`; raise `WasmtimeError` when a folder cannot be opened."""
        config = ffi.wasi_config_new()
        try:
            if self._count:
                ffi.wasi_config_set_env(config, self._count, self._names, self._values)
            ffi.wasi_config_set_stdout_custom(config, _print, self._stdout, _NO_FINALIZER)
            ffi.wasi_config_set_stderr_custom(config, _print, self._stderr, _NO_FINALIZER)
            for host, name in self._folders:
                if not ffi.wasi_config_preopen_dir(config, host, name, True):
                    raise WasmtimeError(f"the folder {name.value.decode()} cannot be opened")
        except WasmtimeError:
            ffi.wasi_config_delete(config)
            raise
        error = ffi.wasmtime_context_set_wasi(store._context(), config)
        if error:
            raise WasmtimeError._from_ptr(error)


def _encode_list(texts: Iterable[str]) -> Any:
    encoded = [text.encode() for text in texts]
    array = (ctypes.c_char_p * len(encoded))(*encoded)
    return ctypes.cast(array, ctypes.POINTER(ctypes.POINTER(ctypes.c_char)))
