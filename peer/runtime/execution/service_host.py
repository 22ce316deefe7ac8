"""Host one service inside a worker: load its modules once, then answer calls one by one."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from wasmtime import Engine, Linker, Trap, WasmtimeError

from peer.runtime.effectors.guest_calls import AskHost, define_effects, refuse_all
from peer.runtime.errors import CallRefused, GuestFault, GuestOutput, GuestTrap, StartFailed
from peer.runtime.execution.call_log import CallLog
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache
from peer.runtime.execution.function_code import FunctionCode, compile_function
from peer.runtime.execution.guest import Guest
from peer.runtime.execution.guest_group import GroupLimits, GuestGroup
from peer.runtime.execution.host_functions import CallState
from peer.runtime.execution.linked_calls import define_links
from peer.runtime.execution.loaded_module import LoadedModule
from peer.runtime.execution.replay import START_SEED, Replay, define_replay, seed_of
from peer.runtime.messages import Answer, Call
from peer.runtime.module.links import plan_service
from peer.runtime.module.service import InstanceMode, ModuleSpec, ServiceSpec
from peer.runtime.sandbox.output_pipes import OutputPipes
from wasmarket.kernel.documents.receipts import CallStatus

# What metered engines give to services that are not metered themselves.
UNMETERED_FUEL: Final = 1 << 62


class ServiceHost:
    """A loaded service. One call at a time, in one thread."""

    def __init__(
        self,
        spec: ServiceSpec,
        wasms: Sequence[bytes],
        engine: Engine,
        cache: AotCache,
        watchdog: Watchdog,
        *,
        is_metered: bool,
        ask: AskHost = refuse_all,
        output: OutputPipes | None = None,
    ) -> None:
        """Compile and link `wasms`, one for each module of `spec`; `ask` does the effects.

        With `output`, what guests print comes through the process's own descriptors. Raise
        `ModuleError` when the service cannot be hosted.
        """
        self._output = output
        plan = plan_service(spec, wasms)
        self._spec = spec
        self._facade = plan.facade
        self._watchdog = watchdog
        self._limits = GroupLimits(spec.limits, spec.total_memory_limit, is_metered)
        self._state = CallState()
        self._replay = Replay() if spec.is_deterministic else None
        self._functions = {
            name: compile_function(signature, spec.abi)
            for name, signature in plan.interface.functions.items()
        }
        parts = {
            module.name: (module, wasm) for module, wasm in zip(spec.modules, wasms, strict=True)
        }
        self._modules = {}
        for name, info in plan.infos.items():
            module, wasm = parts[name]

            def define(linker: Linker, module: ModuleSpec = module) -> None:
                define_links(linker, plan.links[module.name], self._state)
                effects, logs = plan.effects[module.name], module.logger_enabled
                define_effects(linker, effects, self._state, ask, logs=logs)
                if self._replay is not None:
                    define_replay(linker, plan.infos[module.name], self._replay)

            code = cache.load_module(wasm)
            self._modules[name] = LoadedModule(
                spec,
                module,
                info,
                code,
                engine,
                self._state,
                define,
                prints_here=output is not None,
            )
        self._warm: GuestGroup | None = None

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
            arguments = code.read_body(call.body, call.kind)
        except CallRefused as refused:
            return Answer(refused.kind, b"", 0, 0, [], refused.detail, refused.field)
        given = call.parameters
        if self._replay is not None:
            # Who calls, and where this runs, must not change the answer.
            given = {"service_id": self._spec.name}
        state = self._state
        state.parameters, state.argument_count = given, len(arguments)
        return self._run(lambda guest: self._apply(guest, code, arguments, call))

    def _apply(self, guest: Guest, code: FunctionCode, arguments: list[Any], call: Call) -> bytes:
        limit = self._spec.limits.output_bytes
        guest.budget = limit
        if self._replay is not None:
            self._replay.restart(seed_of(self._spec.name, call.function, call.body))
        output = code.write_body(code.invoke(guest, arguments), call.kind)
        if len(output) > limit:
            raise GuestOutput(f"the answer has {len(output)} bytes, more than its limit of {limit}")
        return output

    def _run(self, work: Callable[[Guest], bytes]) -> Answer:
        output = self._output
        log = self._state.log = CallLog(None if output is None else output.collect)
        if output is not None:
            output.begin(self._state.add_output)
        began = time.perf_counter_ns()
        group = self._take_group()
        answer = b""
        fault: GuestFault | None = None
        try:
            answer = self._guarded(group, work, log)
        except GuestFault as raised:
            fault = group.name_fault(self._facade, raised)
        finally:
            self._watchdog.disarm()
            self._state.group = None
            fuel = self._get_fuel_used(group)
            self._put_back(group, is_whole=fault is None)
        duration = (time.perf_counter_ns() - began) // 1_000
        if fault is None:
            return Answer(0, answer, fuel, duration, log.take_lines(), "", None)
        logs = log.take_lines()
        return Answer(fault.kind, b"", fuel, duration, logs, fault.detail, fault.field)

    def _guarded(self, group: GuestGroup, work: Callable[[Guest], bytes], log: CallLog) -> bytes:
        if self._limits.is_metered:
            group.set_fuel(self._get_fuel_limit())
        self._watchdog.arm(group.stores, self._spec.limits.call_ms / 1_000)
        self._state.group = group
        try:
            if not group.is_started:
                if self._replay is not None:
                    self._replay.restart(START_SEED)
                self._state.is_starting = True
                group.start(log)
            self._state.is_starting = False
            return work(group.switch(self._facade))
        except (Trap, WasmtimeError) as failure:
            raise group.build_fault(self._facade, failure, log) from failure
        except RecursionError as failure:
            raise GuestTrap("the guest recurses through host functions") from failure

    def _take_group(self) -> GuestGroup:
        if self._warm is not None:
            group, self._warm = self._warm, None
            return group
        group = GuestGroup(self._modules, self._limits)
        group.guests[self._facade].is_for_one_call = self._spec.instance == InstanceMode.FRESH
        return group

    def _put_back(self, group: GuestGroup, *, is_whole: bool) -> None:
        if is_whole and self._spec.instance == InstanceMode.WARM:
            self._warm = group
        else:
            group.close()

    def _get_fuel_limit(self) -> int:
        limit = self._spec.limits.fuel
        return UNMETERED_FUEL if limit is None else limit

    def _get_fuel_used(self, group: GuestGroup) -> int:
        if not self._limits.is_metered or self._spec.limits.fuel is None:
            return 0
        return self._get_fuel_limit() - group.get_fuel()
