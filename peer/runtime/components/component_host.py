"""Host one service that is a component inside a worker, as `ServiceHost` does for core modules."""

import time
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Engine, WasmtimeError

from peer.runtime.abi.guest_types import FunctionSignature
from peer.runtime.components.check import ExportPath, plan_component
from peer.runtime.components.component_cffi import (
    ComponentLinker,
    check_call,
    find_export,
    get_function,
    make_vals,
)
from peer.runtime.components.effects import define_effects, define_replayed
from peer.runtime.components.faults import build_component_fault
from peer.runtime.components.lift_values import Budget, compile_lift
from peer.runtime.components.lower_values import compile_lower
from peer.runtime.effectors.guest_calls import AskHost, refuse_all
from peer.runtime.errors import (
    CallRefused,
    GuestFault,
    GuestOutput,
    GuestTrap,
    ModuleError,
    StartFailed,
)
from peer.runtime.execution.call_log import CallLog
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import MAX_TABLE_ELEMENTS, AotCache
from peer.runtime.execution.function_code import FunctionCode, compile_codec
from peer.runtime.execution.host_functions import CallState
from peer.runtime.execution.loaded_module import build_envs, prepare_folders
from peer.runtime.execution.replay import START_SEED, Replay, seed_of
from peer.runtime.execution.wasi import WasiTemplate
from peer.runtime.execution.wasmtime_cffi import NULL, Store, get_pointer, lib
from peer.runtime.messages import Answer, Call
from peer.runtime.module.service import InstanceMode, ServiceSpec
from peer.runtime.sandbox.output_pipes import OutputPipes

MAX_INSTANCES: Final = 256
"""Core instances of one component: each library that it is linked of is one."""
UNMETERED_FUEL: Final = 1 << 62


class _Instance:
    """One instance of the component and the store that it lives in."""

    __slots__ = ("functions", "handle", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.handle: Any = None
        self.functions: dict[str, Any] = {}


class ComponentHost:
    """A loaded component. One call at a time, in one thread."""

    def __init__(
        self,
        spec: ServiceSpec,
        wasm: bytes,
        engine: Engine,
        cache: AotCache,
        watchdog: Watchdog,
        *,
        is_metered: bool,
        ask: AskHost = refuse_all,
        output: OutputPipes | None = None,
    ) -> None:
        """Load and link `wasm`; `ask` does the effects. Raise `ModuleError` when it cannot be.

        With `output`, what guests print comes through the process's own descriptors.
        """
        module = spec.facade
        plan = plan_component(wasm, spec.get_grants(module))
        self._spec = spec
        self._watchdog = watchdog
        self._output = output
        self._is_metered = is_metered
        self._memory_limit = spec.get_memory_limit(module)
        self._memory_share = plan.share_memory(self._memory_limit)
        self._memory_count = len(plan.memories)
        self._state = CallState()
        self._replay = Replay() if spec.is_deterministic else None
        self._component = cache.load_component(wasm)
        # NOTE: pointers of objects of the public binding, which must live as long.
        self._kept = engine
        self._engine = get_pointer(engine)
        self._code = get_pointer(self._component)
        self._wasi = WasiTemplate(
            build_envs(module),
            prepare_folders(spec, module),
            None if output is not None else self._state.add_output,
        )
        self._linker = ComponentLinker(self._engine)
        define_effects(self._linker, plan.effects, self._state, ask, logs=module.logger_enabled)
        if self._replay is not None:
            define_replayed(self._linker, plan.replayed, self._replay)
        self._functions = {
            name: _Function(signature, self._find(plan.paths[name], name))
            for name, signature in plan.interface.functions.items()
        }
        self._warm: _Instance | None = None

    def _find(self, path: ExportPath, name: str) -> Any:
        index = find_export(
            self._code,
            (path.function,) if path.instance is None else (path.instance, path.function),
        )
        if index == NULL:
            raise ModuleError(f"function {name} is not what the component's sections say")
        return index

    def try_start(self) -> None:
        """Make one instance as a call would; raise `StartFailed` when it does not come up."""
        answer = self._run(lambda instance: b"")
        if answer.status:
            logs = "".join(f"; {line}" for line in answer.logs[-3:])
            raise StartFailed(f"service {self._spec.name} does not start: {answer.detail}{logs}")

    def answer(self, call: Call) -> Answer:
        """Run one call to its end, whatever that is."""
        function = self._functions[call.function]
        try:
            arguments = function.code.read_body(call.body, call.kind)
        except CallRefused as refused:
            return Answer(refused.kind, b"", 0, 0, [], refused.detail, refused.field)
        given = call.parameters
        if self._replay is not None:
            given = {"service_id": self._spec.name}
        self._state.parameters = given
        return self._run(lambda instance: self._apply(instance, function, arguments, call))

    def _apply(
        self, instance: _Instance, function: "_Function", arguments: list[Any], call: Call
    ) -> bytes:
        limit = self._spec.limits.output_bytes
        if self._replay is not None:
            self._replay.restart(seed_of(self._spec.name, call.function, call.body))
        handle = instance.functions.get(call.function)
        if handle is None:
            handle = get_function(instance.handle, instance.store, function.index)
            if handle is None:
                raise GuestTrap(f"the component has no function {call.function}")
            instance.functions[call.function] = handle
        value = function.call(handle, instance.store, arguments, limit)
        output = function.code.write_body(value, call.kind)
        if len(output) > limit:
            raise GuestOutput(f"the answer has {len(output)} bytes, more than its limit of {limit}")
        return output

    def _run(self, work: Callable[[_Instance], bytes]) -> Answer:
        output = self._output
        log = self._state.log = CallLog(None if output is None else output.collect)
        if output is not None:
            output.begin(self._state.add_output)
        began = time.perf_counter_ns()
        instance, self._warm = self._warm or _Instance(Store(self._engine)), None
        answer, fault = b"", None
        try:
            answer = self._guarded(instance, work)
        except GuestFault as raised:
            fault = raised
        finally:
            self._watchdog.disarm()
            fuel = self._get_fuel_used(instance)
            if fault is None and self._spec.instance == InstanceMode.WARM:
                self._warm = instance
            else:
                instance.store.close()
        duration = (time.perf_counter_ns() - began) // 1_000
        lines = log.take_lines()
        if fault is None:
            return Answer(0, answer, fuel, duration, lines, "", None)
        return Answer(fault.kind, b"", fuel, duration, lines, fault.detail, fault.field)

    def _guarded(self, instance: _Instance, work: Callable[[_Instance], bytes]) -> bytes:
        store = instance.store
        if self._is_metered:
            store.set_fuel(self._get_fuel_limit())
        self._watchdog.arm((store,), self._spec.limits.call_ms / 1_000)
        try:
            if instance.handle is None:
                self._start(instance)
            return work(instance)
        except WasmtimeError as failure:
            raise build_component_fault(
                failure, self._spec.limits, self._memory_limit, self._state.log
            ) from failure
        except RecursionError as failure:
            raise GuestTrap("the guest recurses through host functions") from failure

    def _start(self, instance: _Instance) -> None:
        store = instance.store
        store.set_limits(
            memory_size=self._memory_share,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=MAX_INSTANCES,
            memories=self._memory_count,
        )
        self._wasi.apply(store)
        if self._replay is not None:
            self._replay.restart(START_SEED)
        self._state.is_starting = True
        instance.handle = self._linker.instantiate(store, self._code)
        self._state.is_starting = False

    def _get_fuel_limit(self) -> int:
        limit = self._spec.limits.fuel
        return UNMETERED_FUEL if limit is None else limit

    def _get_fuel_used(self, instance: _Instance) -> int:
        if not self._is_metered or self._spec.limits.fuel is None:
            return 0
        return self._get_fuel_limit() - instance.store.get_fuel()


class _Function:
    """The compiled ways in and out of one function; cells are made once and used for all calls."""

    __slots__ = ("_arguments", "_cleared", "_lift", "_lowers", "_result", "code", "index")

    def __init__(self, signature: FunctionSignature, index: Any) -> None:
        self.code: FunctionCode = compile_codec(signature)
        self.index = index
        self._lowers = [compile_lower(part.type) for part in signature.parameters]
        self._lift = compile_lift(signature.outputs[0]) if signature.outputs else None
        self._arguments = make_vals(max(len(self._lowers), 1))
        self._result = make_vals(1)

    def call(self, handle: Any, store: Store, arguments: list[Any], limit: int) -> Any:
        """Return what the function answers; raise wasmtime's errors and `GuestFault`."""
        cells, result = self._arguments, self._result
        count, made = len(self._lowers), 0 if self._lift is None else 1
        try:
            for index, (lower, value) in enumerate(zip(self._lowers, arguments, strict=True)):
                lower(value, cells[index])
            check_call(
                lib.wasmtime_component_func_call(handle, store.context, cells, count, result, made)
            )
            value = None if self._lift is None else self._lift(result[0], Budget(limit))
        finally:
            _clear(cells, count)
            _clear(result, made)
        check_call(lib.wasmtime_component_func_post_return(handle, store.context))
        return value


def _clear(cells: Any, count: int) -> None:
    """Free what cells hold, and make them ready to be filled again."""
    for index in range(count):
        lib.wasmtime_component_val_delete(cells + index)
        cells[index].kind = 0
