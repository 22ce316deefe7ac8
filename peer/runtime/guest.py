"""One instance of a Marine module: its memory, its allocator and its functions."""

import ctypes
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Instance, InstancePre, Store
from wasmtime import _ffi as ffi

from peer.runtime.check import ModuleInfo
from peer.runtime.errors import GuestMemory, GuestOutput, GuestTrap
from peer.runtime.wasm_call import CallCells, ExportName
from peer.runtime.wasm_sections import CoreFunction

U32: Final = 0xFFFF_FFFF
INITIALIZERS: Final = ("_initialize", "_start")


class ExportTable:
    """The names and call cells of a module's exports, made once for all of its instances."""

    def __init__(self, info: ModuleInfo) -> None:
        functions = info.outline.functions
        self.memory = ExportName("memory")
        self.names = {name: ExportName(name) for name in (*info.interface.functions, *info.api)}
        self.allocator = info.api[0]
        self.allocate_has_tag = info.allocate_has_tag
        self.initializers = tuple(
            name
            for name in INITIALIZERS
            if functions.get(name) == CoreFunction((), ()) and name not in info.interface.functions
        )
        for name in self.initializers:
            self.names[name] = ExportName(name)
        self.cells = {name: CallCells(functions[name]) for name in self.names}


class Guest:
    """A running instance. Not safe to use from two threads, nor after `close`."""

    def __init__(self, table: ExportTable, store: Store) -> None:
        self._table = table
        self._store = store
        self._context = store._context()
        self._instance: Instance | None = None
        self._memory: Any = None
        self._functions: dict[str, Any] = {}
        self.budget = 0
        self.is_receiving = False
        self.is_for_one_call = False

    def start(self, pre: InstancePre) -> None:
        """Instantiate and initialize; raise wasmtime's errors."""
        self._instance = pre.instantiate(self._store)
        self._memory = self._table.memory.find_memory(self._context, self._instance)
        for name in self._table.initializers:
            self.call(name)

    @property
    def store(self) -> Store:
        """Return the store that owns this instance."""
        return self._store

    @property
    def is_started(self) -> bool:
        """Tell whether `start` was called."""
        return self._instance is not None

    @property
    def memory_bytes(self) -> int:
        """Return the present size of its memory."""
        if self._memory is None:
            return 0
        return ffi.wasmtime_memory_data_size(self._context, ctypes.byref(self._memory))

    def call(self, name: str, *arguments: Any) -> Any:
        """Call an export; raise wasmtime's errors, or what a host function raised."""
        function = self._functions.get(name)
        if function is None:
            if self._instance is None or name not in self._table.names:
                raise GuestTrap(f"{name} cannot be called now")
            function = self._table.names[name].find_function(self._context, self._instance)
            self._functions[name] = function
        return self._table.cells[name].call(self._context, function, arguments)

    def read(self, pointer: int, size: int) -> bytes:
        """Copy a range out; raise `GuestTrap` outside memory, `GuestOutput` over the budget."""
        self.budget -= size
        if self.budget < 0:
            raise GuestOutput("the answer is larger than the call's limit of output bytes")
        if not size:
            return b""
        return ctypes.string_at(self._locate(pointer, size), size)

    def place(self, data: bytes, tag: int) -> int:
        """Allocate room in the guest, copy `data` there and return its address."""
        size = len(data)
        arguments = (size, tag) if self._table.allocate_has_tag else (size,)
        pointer: int = self.call(self._table.allocator, *arguments) & U32
        if size:
            if pointer == 0:
                raise GuestMemory(f"the guest has no room for {size} bytes of arguments")
            ctypes.memmove(self._locate(pointer, size), data, size)
        return pointer

    def receive(self, work: Callable[[], None]) -> None:
        """Run `work`, which puts an answer of a host function into this instance's memory.

        Raise `GuestTrap` when the guest's allocator calls a host function that answers as well.
        """
        if self.is_receiving:
            raise GuestTrap("the guest calls the host for an answer while it receives one")
        self.is_receiving = True
        try:
            work()
        finally:
            self.is_receiving = False

    def has_export(self, name: str) -> bool:
        """Tell whether `call` knows this name."""
        return name in self._table.names

    def get_result_pair(self) -> tuple[int, int]:
        """Return address and length of the last answer."""
        pointer: int = self.call("get_result_ptr") & U32
        size: int = self.call("get_result_size") & U32
        return pointer, size

    def close(self) -> None:
        """Free the instance and its memory."""
        self._functions.clear()
        self._memory = None
        self._instance = None
        self._store.close()

    def _locate(self, pointer: int, size: int) -> int:
        # NOTE: looked up anew each time, since the guest may have grown and moved its memory.
        if pointer + size > self.memory_bytes:
            raise GuestTrap(f"the guest named memory {pointer}+{size}, which is out of bounds")
        base = ffi.wasmtime_memory_data(self._context, ctypes.byref(self._memory))
        return ctypes.addressof(base.contents) + pointer
