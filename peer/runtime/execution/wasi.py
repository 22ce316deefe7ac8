"""Give stores their WASI: environment, folders, and a way for what the guest prints.

A fresh instance needs a fresh context, so this is on the path of every call: what does not change
is encoded once.
"""

import ctypes
import errno
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from wasmtime import WasmtimeError

from peer.runtime.execution.wasmtime_cffi import NULL, Store, check_error, ffi, lib

# Takes what a guest printed, by stream: "stdout" or "stderr".
Output = Callable[[str, bytes], None]
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
# Read before workers are forked: that takes its time.
_TEXT: Final = ffi.typeof("char[]")
_TEXTS: Final = ffi.typeof("char *[]")
_POINTER: Final = ffi.typeof("void *")
_PRINT: Final = ffi.cast(_POINTER, ctypes.cast(_print, ctypes.c_void_p).value)


class WasiTemplate:
    """What all instances of a module get from WASI."""

    def __init__(
        self,
        envs: Mapping[str, str],
        folders: Sequence[tuple[str, str]],
        output: Output | None,
    ) -> None:
        """`folders` are (folder of the host, name for the guest).

        Without `output`, guests print where this process does: that costs nothing, where streams
        of their own cost an instance more than all the rest.
        """
        self._count = len(envs)
        self._names, self._values = _encode_list(envs), _encode_list(envs.values())
        self._folders = [
            (ffi.new(_TEXT, host.encode()), ffi.new(_TEXT, name.encode()), name)
            for host, name in folders
        ]
        self._streams: tuple[Any, Any] | None = None
        if output is not None:
            stdout, stderr = next(_numbers), next(_numbers)
            _outputs[stdout] = (output, "stdout")
            _outputs[stderr] = (output, "stderr")
            self._streams = ffi.cast(_POINTER, stdout), ffi.cast(_POINTER, stderr)

    def apply(self, store: Store) -> None:
        """Set up `store`; raise `WasmtimeError` when a folder cannot be opened."""
        config = lib.wasi_config_new()
        if self._count:
            lib.wasi_config_set_env(config, self._count, self._names[0], self._values[0])
        if self._streams is None:
            lib.wasi_config_inherit_stdout(config)
            lib.wasi_config_inherit_stderr(config)
        else:
            stdout, stderr = self._streams
            lib.wasi_config_set_stdout_custom(config, _PRINT, stdout, NULL)
            lib.wasi_config_set_stderr_custom(config, _PRINT, stderr, NULL)
        for host, guest, name in self._folders:
            if not lib.wasi_config_preopen_dir(config, host, guest, True):
                lib.wasi_config_delete(config)
                raise WasmtimeError(f"the folder {name} cannot be opened")
        check_error(lib.wasmtime_context_set_wasi(store.context, config))


def _encode_list(texts: Iterable[str]) -> tuple[Any, list[Any]]:
    """Return an array of C strings, and what must live as long as it."""
    kept = [ffi.new(_TEXT, text.encode()) for text in texts]
    return ffi.new(_TEXTS, kept), kept
