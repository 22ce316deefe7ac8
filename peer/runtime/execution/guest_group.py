"""The instances of a service's modules: one store each, one memory limit and fuel for all."""

from collections.abc import Mapping
from dataclasses import dataclass

from wasmtime import Trap, WasmtimeError

from peer.runtime.errors import GuestFault
from peer.runtime.execution.call_log import CallLog
from peer.runtime.execution.faults import build_fault
from peer.runtime.execution.guest import Guest
from peer.runtime.execution.loaded_module import LoadedModule
from peer.runtime.execution.wasmtime_cffi import Store
from peer.runtime.module.service import CallLimits


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What the modules of a service may use together; memory in bytes."""

    call: CallLimits
    total_memory: int
    is_metered: bool


class GuestGroup:
    """Instances that call one another. At any time one of them runs; the others wait for it."""

    def __init__(self, modules: Mapping[str, LoadedModule], limits: GroupLimits) -> None:
        """Open a store for each of `modules`, which come in the order of their start."""
        self._modules = modules
        self._limits = limits
        self._is_alone = len(modules) == 1
        self.guests = {name: module.open_guest() for name, module in modules.items()}
        self.stores: list[Store] = [guest.store for guest in self.guests.values()]
        self._running = next(iter(self.guests.values()))
        self.is_started = False

    def start(self, log: CallLog) -> None:
        """Instantiate and initialize all; raise a `GuestFault` that names the module."""
        for name, module in self._modules.items():
            guest = self.switch(name)
            try:
                guest.start(module.pre)
            except (Trap, WasmtimeError) as failure:
                raise self.build_fault(name, failure, log) from failure
        self.is_started = True

    def switch(self, name: str) -> Guest:
        """Let this module run: hand it the fuel that is left, and the memory that is free."""
        guest = self.guests[name]
        if self._is_alone:
            return guest
        if self._limits.is_metered and guest is not self._running:
            guest.store.set_fuel(self._running.store.get_fuel())
        others = sum(other.memory_bytes for other in self.guests.values() if other is not guest)
        module = self._modules[name]
        module.limit_memory(guest, min(module.memory_limit, self._limits.total_memory - others))
        self._running = guest
        return guest

    def build_fault(self, name: str, failure: Trap | WasmtimeError, log: CallLog) -> GuestFault:
        """Return the fault of a module, with its name where it is one of several."""
        limit, used = self._modules[name].memory_limit, self.guests[name].memory_bytes
        if not self._is_alone and self._limits.total_memory - limit < self._get_memory_bytes():
            limit = self._limits.total_memory
            used = self._get_memory_bytes()
        fault = build_fault(failure, self._limits.call, limit, log, used)
        return self.name_fault(name, fault)

    def name_fault(self, name: str, fault: GuestFault) -> GuestFault:
        """Say which module a fault is of, where it is one of several."""
        if self._is_alone or fault.module is not None:
            return fault
        named = type(fault)(f"module {name}: {fault.detail}", field=fault.field)
        named.module = name
        return named

    def set_fuel(self, fuel: int) -> None:
        """Give fuel for the call that begins; only on metered engines."""
        self._running.store.set_fuel(fuel)

    def get_fuel(self) -> int:
        """Return the fuel that is left."""
        return self._running.store.get_fuel()

    def close(self) -> None:
        """Free all instances."""
        for guest in self.guests.values():
            guest.close()

    def _get_memory_bytes(self) -> int:
        return sum(guest.memory_bytes for guest in self.guests.values())
