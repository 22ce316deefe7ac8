"""Host one service inside a worker: load its module once, then answer calls one by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmtime import Engine, InstancePre, Linker, Module, Store, Trap, WasiConfig, WasmtimeError

from kernel.receipts import CallStatus
from peer.runtime.call_log import CallLog
from peer.runtime.check import ModuleInfo, inspect_module
from peer.runtime.deadline import Watchdog
from peer.runtime.engine import AotCache
from peer.runtime.errors import (
    CallRefused,
    GuestFault,
    GuestOutput,
    GuestTrap,
    ModuleError,
    StartFailed,
)
from peer.runtime.faults import build_fault
from peer.runtime.function_code import FunctionCode, compile_function
from peer.runtime.guest import ExportTable, Guest
from peer.runtime.host_api import WASI
from peer.runtime.host_functions import HostState, define_host_functions
from peer.runtime.messages import Answer, Call
from peer.runtime.service import STORAGE, InstanceMode, ServiceSpec, get_mapped_path

MAX_TABLE_ELEMENTS: Final = 1 << 17
# What metered engines give to services that are not metered themselves.
UNMETERED_FUEL: Final = 1 << 62


class ServiceHost:
    """A loaded service. One call at a time, in one thread."""

    def __init__(
        self,
        spec: ServiceSpec,
        wasm: bytes,
        engine: Engine,
        cache: AotCache,
        watchdog: Watchdog,
        *,
        is_metered: bool,
    ) -> None:
        """Compile and link; raise `ModuleError` when the module cannot be hosted."""
        info = inspect_module(wasm)
        if info.outline.memory_bytes > spec.memory_limit:
            raise ModuleError(
                f"service {spec.name} starts with {info.outline.memory_bytes} bytes of memory, "
                f"more than its limit of {spec.memory_limit}"
            )
        self._spec = spec
        self._engine = engine
        self._watchdog = watchdog
        self._is_metered = is_metered
        self._uses_wasi = any(wanted.module == WASI for wanted in info.outline.imports)
        self._state = HostState()
        self._table = ExportTable(info)
        self._functions = {
            name: compile_function(signature)
            for name, signature in info.interface.functions.items()
        }
        self._folders = _prepare_folders(spec)
        self._pre = self._link(cache.load_module(wasm), info)
        self._warm: Guest | None = None

    def _link(self, module: Module, info: ModuleInfo) -> InstancePre:
        linker = Linker(self._engine)
        if self._uses_wasi:
            linker.define_wasi()
        define_host_functions(linker, info, self._spec.facade, self._state)
        try:
            return linker.instantiate_pre(module)
        except WasmtimeError as error:
            raise ModuleError(f"the module does not link: {error}") from error

    def try_start(self) -> None:
        """Make one instance as a call would; raise `StartFailed` when it does not come up."""
        answer = self._run(lambda guest: b"")
        if answer.status != CallStatus.ANSWERED:
            logs = "".join(f"; {line}" for line in answer.logs[-3:])
            raise StartFailed(f"service {self._spec.name} does not start: {answer.detail}{logs}")

    def answer(self, call: Call) -> Answer:
        """Run one call to its end, whatever that is."""
        code = self._functions[call.function]
        try:
            arguments = code.read_body(call.body, call.is_raw)
        except CallRefused as refused:
            return Answer(refused.kind, b"", 0, 0, [], refused.detail, refused.field)
        self._state.parameters = call.parameters
        return self._run(lambda guest: self._apply(guest, code, arguments, call))

    def _apply(self, guest: Guest, code: FunctionCode, arguments: list[Any], call: Call) -> bytes:
        limit = self._spec.limits.output_bytes
        guest.budget = limit
        output = code.write_body(code.invoke(guest, arguments), call.is_raw)
        if len(output) > limit:
            raise GuestOutput(f"the answer has {len(output)} bytes, more than its limit of {limit}")
        return output

    def _run(self, work: Callable[[Guest], bytes]) -> Answer:
        log = self._state.log = CallLog()
        began = time.perf_counter_ns()
        outcome = _Outcome()
        guest = self._take_guest()
        try:
            outcome.output = self._guarded(guest, work, log)
        except GuestFault as fault:
            outcome.fault = fault
        finally:
            self._watchdog.disarm()
            self._state.guest = None
            outcome.fuel = self._get_fuel_used(guest)
            self._put_back(guest, is_whole=outcome.fault is None)
        duration = (time.perf_counter_ns() - began) // 1_000
        if outcome.fault is None:
            return Answer(0, outcome.output, outcome.fuel, duration, log.take_lines(), "", None)
        detail, field = outcome.fault.detail, outcome.fault.field
        logs = log.take_lines()
        return Answer(outcome.fault.kind, b"", outcome.fuel, duration, logs, detail, field)

    def _guarded(self, guest: Guest, work: Callable[[Guest], bytes], log: CallLog) -> bytes:
        if self._is_metered:
            guest.store.set_fuel(self._get_fuel_limit())
        self._watchdog.arm(guest.store, self._spec.limits.call_ms / 1_000)
        try:
            if not guest.is_started:
                guest.start(self._pre)
            self._state.guest = guest
            return work(guest)
        except (Trap, WasmtimeError) as failure:
            raise build_fault(failure, self._spec, log, guest.memory_bytes) from failure
        except RecursionError as failure:
            raise GuestTrap("the guest recurses through host functions") from failure

    def _take_guest(self) -> Guest:
        if self._warm is not None:
            guest, self._warm = self._warm, None
            return guest
        store = Store(self._engine)
        store.set_limits(
            memory_size=self._spec.memory_limit,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=1,
            memories=1,
        )
        if self._uses_wasi:
            store.set_wasi(self._build_wasi())
        return Guest(self._table, store)

    def _put_back(self, guest: Guest, *, is_whole: bool) -> None:
        if is_whole and self._spec.instance == InstanceMode.WARM:
            self._warm = guest
        else:
            guest.close()

    def _get_fuel_limit(self) -> int:
        limit = self._spec.limits.fuel
        return UNMETERED_FUEL if limit is None else limit

    def _get_fuel_used(self, guest: Guest) -> int:
        if not self._is_metered or self._spec.limits.fuel is None:
            return 0
        return self._get_fuel_limit() - guest.store.get_fuel()

    def _build_wasi(self) -> WasiConfig:
        state = self._state

        def add_stdout(data: bytes) -> None:
            state.log.add_output("stdout", data)

        def add_stderr(data: bytes) -> None:
            state.log.add_output("stderr", data)

        wasi = WasiConfig()
        wasi.env = list(self._spec.facade.envs.items())
        wasi.stdout_custom = add_stdout
        wasi.stderr_custom = add_stderr
        for host, alias in self._folders:
            wasi.preopen_dir(host, alias)
        return wasi


@dataclass(slots=True)
class _Outcome:
    """What a call came to."""

    output: bytes = b""
    fuel: int = 0
    fault: GuestFault | None = None


def _prepare_folders(spec: ServiceSpec) -> tuple[tuple[str, str], ...]:
    """Create the folders a guest may open; return (folder of the host, name for the guest)."""
    if spec.storage_dir is None:
        return ()
    folders: list[tuple[Path, str]] = [(spec.storage_dir, STORAGE)]
    for alias, target in spec.facade.mapped_dirs.items():
        folders.append((spec.storage_dir / get_mapped_path(alias, target), alias))
    for folder, _ in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return tuple((str(folder), alias) for folder, alias in folders)
