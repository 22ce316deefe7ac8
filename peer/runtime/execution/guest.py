"""One instance of a Marine module: its memory, its allocator and its functions."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from wasmtime import Module

from peer.runtime.errors import GuestMemory, GuestOutput, GuestTrap
from peer.runtime.execution.wasmtime_cffi import (
    ExportName,
    GuestMemoryView,
    Store,
    check_types,
    compile_call,
)
from peer.runtime.module.check import ModuleInfo
from peer.runtime.wasm.sections import CoreFunction

U32: Final = 0xFFFF_FFFF
INITIALIZERS: Final = ("_initialize", "_start")


class ExportTable:
    """The names and call code of a module's exports, made once for all of its instances."""

    def __init__(self, info: ModuleInfo, module: Module) -> None:
        """Raise `ModuleError` when wasmtime reads other types than `info` says."""
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
        used = {name: functions[name] for name in self.names}
        check_types(module, used)
        self.calls = {name: compile_call(function) for name, function in used.items()}


class Guest:
    """A running instance. Not safe to use from two threads, nor after `close`."""

    __slots__ = (
        "_functions",
        "_instance",
        "_memory",
        "_table",
        "budget",
        "is_for_one_call",
        "is_receiving",
        "store",
    )

    def __init__(self, table: ExportTable, store: Store) -> None:
        """`store` owns the instance."""
        self._table = table
        self._instance: Any = None
        self._memory: GuestMemoryView | None = None
        self._functions: dict[str, Callable[..., Any]] = {}
        self.store = store
        self.budget = 0
        self.is_receiving = False
        self.is_for_one_call = False

    def start(self, pre: Any) -> None:
        """Instantiate from the pointer of an `InstancePre`, initialize; raise wasmtime's errors."""
        context = self.store.context
        self._instance = self.store.instantiate(pre)
        handle = self._table.memory.find_memory(context, self._instance)
        self._memory = GuestMemoryView(context, handle)
        for name in self._table.initializers:
            self.call(name)

    @property
    def is_started(self) -> bool:
        """Tell whether `start` was called."""
        return self._instance is not None

    @property
    def memory_bytes(self) -> int:
        """Return the present size of its memory."""
        return 0 if self._memory is None else self._memory.size

    def call(self, name: str, *arguments: Any) -> Any:
        """Call an export; raise wasmtime's errors, or what a host function raised."""
        function = self._functions.get(name)
        if function is None:
            function = self._bind(name)
        return function(*arguments)

    def read(self, pointer: int, size: int) -> bytes:
        """Copy a range out; raise `GuestTrap` outside memory, `GuestOutput` over the budget."""
        self.budget -= size
        if self.budget < 0:
            raise GuestOutput("the answer is larger than the call's limit of output bytes")
        if not size or self._memory is None:
            return b""
        return self._memory.read(pointer, size)

    def place(self, data: bytes, tag: int) -> int:
        """Allocate room in the guest, copy `data` there and return its address."""
        size = len(data)
        table = self._table
        if table.allocate_has_tag:
            pointer = self.call(table.allocator, size, tag) & U32
        else:
            pointer = self.call(table.allocator, size) & U32
        if size:
            if pointer == 0 or self._memory is None:
                raise GuestMemory(f"the guest has no room for {size} bytes of arguments")
            self._memory.write(pointer, data)
        return int(pointer)

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
        self.store.close()

    def _bind(self, name: str) -> Callable[..., Any]:
        export = self._table.names.get(name)
        if export is None or self._instance is None:
            raise GuestTrap(f"{name} cannot be called now")
        context = self.store.context
        handle = export.find_function(context, self._instance)
        function = partial(self._table.calls[name], context, handle)
        self._functions[name] = function
        return function
