"""Components as a worker runs them: values both ways, limits, faults, effects, determinism."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from wasmtime import Engine

from peer.runtime.components.component_host import ComponentHost
from peer.runtime.errors import GuestTrap, ModuleError
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, build_engine
from peer.runtime.messages import Answer, Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.service import BodyKind, CallLimits, InstanceMode, ModuleSpec, ServiceSpec
from tests.peer.runtime.components.wat_components import (
    ALL_TYPES,
    ALL_VALUES,
    COUNTER,
    DICE,
    ECHO,
    KEEPER,
    build_component,
    build_functions,
)
from wasmarket.kernel.documents.app_parts import Effectors
from wasmarket.kernel.documents.receipts import CallStatus

pytestmark = pytest.mark.unit
Build = Callable[..., ComponentHost]


@pytest.fixture(scope="module")
def engines() -> dict[EngineSettings, tuple[Engine, Watchdog]]:
    return {}


@pytest.fixture
def build(tmp_path: Path, engines: Any) -> Build:
    """Return a function from a component and options of its service to a host of it."""

    def make(wasm: bytes, ask: Any = None, **options: Any) -> ComponentHost:
        module = ModuleSpec("main", tmp_path / "main.wasm", sha256(wasm).digest())
        spec = ServiceSpec("app", (module,), abi="component", **options)
        settings = EngineSettings.of([spec])
        if settings not in engines:
            engine = build_engine(settings)
            engines[settings] = engine, Watchdog(engine)
        engine, watchdog = engines[settings]
        cache = AotCache(tmp_path / "code", engine, settings)
        given = {} if ask is None else {"ask": ask}
        return ComponentHost(
            spec, wasm, engine, cache, watchdog, is_metered=settings.consume_fuel, **given
        )

    return make


def call(host: ComponentHost, function: str, *arguments: Any) -> Answer:
    return host.answer(Call("app", function, json.dumps(arguments).encode(), BodyKind.JSON, {}))


def result(answer: Answer) -> Any:
    assert answer.status == CallStatus.ANSWERED, answer.detail
    return json.loads(answer.output)["result"]


def test_values__of_every_type__come_back_as_they_went(build):
    host = build(ALL_TYPES)

    assert result(call(host, "same", ALL_VALUES)) == ALL_VALUES


@pytest.mark.parametrize(
    "change",
    [
        {"maybe": 5, "shape": "none", "ended": {"ok": "well"}, "level": "low"},
        {"points": [], "data": "", "flags": [], "numbers": [], "access": [], "m": ""},
        {"access": ["read", "write_all"], "l": "😀"},
    ],
)
def test_values__of_other_cases__come_back_as_they_went(build, change):
    host = build(ALL_TYPES)

    assert result(call(host, "same", ALL_VALUES | change)) == ALL_VALUES | change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"level": "high"}, "value.level"),
        ({"shape": "circle"}, "value.shape"),
        ({"shape": {"circle": "big"}}, "value.shape.circle"),
        ({"access": ["delete"]}, "value.access"),
        ({"l": "two"}, "value.l"),
        ({"maybe": -1}, "value.maybe"),
        ({"ended": {"done": 1}}, "value.ended"),
        ({"pair": [1]}, "value.pair"),
        ({"points": [{"x": 1}]}, "value.points[0].first_name"),
    ],
)
def test_values__that_do_not_fit__refused_with_their_place(build, change, field):
    answer = call(build(ALL_TYPES), "same", ALL_VALUES | change)

    assert answer.status == CallStatus.REFUSED
    assert answer.field == field


def test_bytes__a_megabyte__come_back_as_they_went(build):
    host = build(ECHO, limits=CallLimits(output_bytes=4 << 20))
    data = bytes(range(256)) * 4096

    answer = host.answer(Call("app", "echo_bytes", data, BodyKind.RAW, {}))

    assert answer.output == data


def test_answer__larger_than_its_limit__ends_the_call(build):
    host = build(ECHO, limits=CallLimits(output_bytes=100))

    answer = call(host, "echo_bytes", base64.b64encode(bytes(101)).decode())

    assert answer.status == CallStatus.OUTPUT


@pytest.mark.parametrize(
    ("function", "status", "words"),
    [
        ("fail", CallStatus.TRAP, "it aborted (unreachable)"),
        ("deep", CallStatus.TRAP, "its stack overflowed"),
        ("spin", CallStatus.TIME, "more than its 500 ms"),
    ],
)
def test_fault__of_a_guest__named_and_the_next_call_answered(build, function, status, words):
    host = build(ECHO, limits=CallLimits(call_ms=500), instance=InstanceMode.WARM)

    answer = call(host, function)

    assert (answer.status, words in answer.detail) == (status, True)
    assert result(call(host, "echo", "still here")) == "still here"


def test_fuel__used_up__ends_the_call(build):
    answer = call(build(ECHO, limits=CallLimits(fuel=10_000, call_ms=60_000)), "spin")

    assert (answer.status, answer.fuel) == (CallStatus.TIME, 10_000)


def test_fuel__of_the_same_call__the_same(build):
    host = build(ECHO, limits=CallLimits(fuel=1_000_000))

    assert call(host, "echo", "x").fuel == call(host, "echo", "x").fuel > 0


def test_memory__beyond_the_limit__not_given(build):
    wasm = build_functions(
        """(func (export "grow") (result i32) (memory.grow (i32.const 40)))""",
        '(func (export "grow") (result s32) (canon lift (core func $m "grow")))',
    )

    assert result(call(build(wasm, total_memory_limit=1 << 20), "grow")) == -1
    assert result(call(build(wasm, total_memory_limit=4 << 20), "grow")) == 1


def test_component__that_starts_with_too_much_memory__refused(build):
    with pytest.raises(ModuleError, match="starts with 65536 bytes of memory"):
        build(ECHO, total_memory_limit=1 << 15)


def test_memory__of_several_memories__stays_below_the_limit_together(build):
    grow = '(memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 10)))'
    wasm = build_component(
        f"(core module $c {grow}) (core module $d {grow})"
        "(core instance $m (instantiate $c)) (core instance $n (instantiate $d))"
        '(func (export "one") (result s32) (canon lift (core func $m "grow")))'
        '(func (export "two") (result s32) (canon lift (core func $n "grow")))'
    )
    host = build(wasm, total_memory_limit=20 << 16, instance=InstanceMode.WARM)

    assert [result(call(host, name)) for name in ("one", "two")] == [-1, -1]
    host = build(wasm, total_memory_limit=22 << 16, instance=InstanceMode.WARM)
    assert [result(call(host, name)) for name in ("one", "two", "one")] == [1, 1, -1]


def test_instance__fresh__forgets_between_calls(build):
    host = build(ECHO)

    assert [result(call(host, "count")) for _ in range(2)] == [1, 1]


def test_instance__warm__remembers_between_calls(build):
    host = build(ECHO, instance=InstanceMode.WARM)

    assert [result(call(host, "count")) for _ in range(2)] == [1, 2]


def test_effect__asked_of_the_host__its_answer_given_to_the_guest(build):
    asked = []

    def ask(effector: str, function: str, arguments: list[Any]) -> Any:
        asked.append((effector, function, arguments))
        return {"error": "", "number": 41 + arguments[1]}

    host = build(COUNTER, ask, effectors=Effectors(kv=True))

    assert result(call(host, "visit", 1)) == 42
    assert asked == [("kv", "add", ["visits", 1])]


@pytest.mark.parametrize(
    ("error", "size"), [("", 3), ("the secret 'TOKEN' is not set", (1 << 32) + 29)]
)
def test_secret__of_a_component__is_bytes_or_says_why_there_are_none(build, error, size):
    asked = []

    def ask(effector: str, function: str, arguments: list[Any]) -> Any:
        asked.append((effector, function, arguments))
        return {"error": error, "value": b"shh"}

    host = build(KEEPER, ask, effectors=Effectors(secrets=("TOKEN",)))

    assert result(call(host, "size")) == size
    assert asked == [("secret", "get", ["TOKEN"])]


def test_effect__that_ends_the_call__is_the_calls_fault(build):
    def ask(effector: str, function: str, arguments: list[Any]) -> Any:
        raise GuestTrap("the call uses effectors more than 1000 times")

    answer = call(build(COUNTER, ask, effectors=Effectors(kv=True)), "visit", 1)

    assert (answer.status, answer.detail) == (
        CallStatus.TRAP,
        "the call uses effectors more than 1000 times",
    )


def test_deterministic__the_same_call__the_same_randomness_and_time(build):
    first, second = (build(DICE, is_deterministic=True) for _ in range(2))

    assert call(first, "roll").output == call(second, "roll").output
    assert call(first, "now").output == call(second, "now").output == b'{"result":1000}'


def test_randomness__otherwise__differs(build):
    host = build(DICE)

    assert call(host, "roll").output != call(host, "roll").output
