"""Hosting a module: every type goes in and out, and every misdeed of a guest costs one call."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import Instance, Module, Store, Trap, TrapCode

from peer.runtime.abi.guest_types import ArrayType, Basic, GuestType, NamedType, RecordType
from peer.runtime.errors import (
    CallRefused,
    GuestMemory,
    GuestOutput,
    GuestTimeout,
    GuestTrap,
    ModuleError,
    StartFailed,
)
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.messages import Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.service import BodyKind, CallLimits
from tests.peer.runtime import guests
from tests.peer.runtime.conftest import BuildHost, Engines, ask, run
from tests.peer.runtime.guests import build_echo, build_guest
from tests.peer.runtime.type_strategies import guest_types, values_of
from wasmarket.kernel.documents.receipts import CallStatus

pytestmark = pytest.mark.unit
POINT = RecordType("Point", (NamedType("x", Basic.S16), NamedType("label", Basic.STRING)))
PATH = RecordType("Path", (NamedType("points", ArrayType(POINT)), NamedType("closed", Basic.BOOL)))


def encode(value: Any) -> bytes:
    return msgspec.json.encode([value], enc_hook=str)


def plain(value: Any) -> Any:
    """Infinite floats travel as strings."""
    if isinstance(value, float):
        return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("guest_type", "values"),
    [
        (Basic.BOOL, [True, False]),
        (Basic.U8, [0, 255]),
        (Basic.S8, [-128, 127]),
        (Basic.U16, [0, 65535]),
        (Basic.S16, [-32768, 32767]),
        (Basic.U32, [0, 2**32 - 1]),
        (Basic.S32, [-(2**31), 2**31 - 1]),
        (Basic.U64, [0, 2**64 - 1]),
        (Basic.S64, [-(2**63), 2**63 - 1]),
        (Basic.F32, [0.5, -1.25]),
        (Basic.F64, [1e308, -0.1]),
        (Basic.STRING, ["", "héllo 😀", "x" * 100_000]),
        (Basic.BYTES, [b"", bytes(range(256))]),
        (ArrayType(Basic.S64), [[], [-1, 2**62]]),
        (ArrayType(Basic.BOOL), [[True, False]]),
        (ArrayType(Basic.STRING), [["", "a", "bc"]]),
        (ArrayType(ArrayType(Basic.U16)), [[[1], [], [2, 3]]]),
        (POINT, [{"x": -5, "label": "here"}]),
        (PATH, [{"points": [{"x": 1, "label": ""}, {"x": 2, "label": "b"}], "closed": True}]),
    ],
)
def test_call__a_value_of_each_type__comes_back(
    build_host: BuildHost, guest_type: GuestType, values: list[Any]
) -> None:
    host = build_host(build_echo(guest_type))

    for value in values:
        expected = json.loads(msgspec.json.encode(value))
        assert json.loads(ask(host, "echo", encode(value))) == {"result": expected}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_call__any_type_and_value__comes_back(build_host: BuildHost, data: st.DataObject) -> None:
    guest_type = data.draw(guest_types)
    value = data.draw(values_of(guest_type))
    host = build_host(build_echo(guest_type))

    answer = json.loads(ask(host, "echo", encode(plain(value))))
    packed = msgspec.msgpack.encode([value])
    values = msgspec.msgpack.decode(ask(host, "echo", packed, kind=BodyKind.VALUES))

    assert answer["result"] == json.loads(msgspec.json.encode(plain(value)))
    assert json.loads(msgspec.json.encode(plain(values))) == answer["result"]


@pytest.mark.parametrize(
    ("wasm", "function", "fault", "reason"),
    [
        (guests.TRAP, "fail", GuestTrap, "unreachable"),
        (guests.RECURSION, "deep", GuestTrap, "stack overflowed"),
        (guests.OUT_OF_BOUNDS, "poke", GuestTrap, "out of bounds"),
        (guests.EXIT, "leave", GuestTrap, "exited the program with code 7"),
        (guests.BAD_POINTER, "lie", GuestTrap, r"memory 131000\+4096"),
        (guests.NEGATIVE_POINTER, "lie", GuestTrap, "out of bounds"),
        (guests.BAD_UTF8, "mumble", GuestTrap, "not UTF-8"),
        (guests.MEMORY_BOMB, "eat", GuestMemory, "of 4194304 bytes in use"),
        (guests.LOGGER, "shout", GuestTrap, "logs memory"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_call__a_broken_guest__is_one_fault_and_the_next_call_works(
    build_host: BuildHost, wasm: bytes, function: str, fault: type[Exception], reason: str
) -> None:
    host = build_host(wasm, warm=True)

    for _ in range(2):
        with pytest.raises(fault, match=reason):
            ask(host, function)


def test_call__endless_loop__ends_at_its_deadline(build_host: BuildHost) -> None:
    host = build_host(guests.LOOP, limits=CallLimits(call_ms=50))

    with pytest.raises(GuestTimeout, match="more than its 50 ms"):
        ask(host, "spin")


def test_call__endless_start_function__ends_at_its_deadline(build_host: BuildHost) -> None:
    wasm = build_guest("(func $run (loop $on br $on)) (start $run)")

    with pytest.raises(StartFailed, match="more than its 50 ms"):
        build_host(wasm, limits=CallLimits(call_ms=50)).try_start()


def test_call__division_by_zero__is_a_trap(build_host: BuildHost) -> None:
    host = build_host(guests.DIVISION)

    assert ask(host, "divide", b"[7, 2]") == b'{"result":3}'
    with pytest.raises(GuestTrap, match="divided by zero"):
        ask(host, "divide", b"[7, 0]")


def test_call__allocator_that_points_outside__is_a_trap(build_host: BuildHost) -> None:
    with pytest.raises(GuestTrap, match="out of bounds"):
        ask(build_host(guests.BAD_ALLOCATE), "take", b'["text"]')


def test_call__answer_over_the_limit__is_an_output_fault(build_host: BuildHost) -> None:
    limits = CallLimits(call_ms=5_000, output_bytes=131_071)

    with pytest.raises(GuestOutput, match="limit"):
        ask(build_host(guests.HUGE_OUTPUT, limits=limits), "flood")


def test_call__small_value_that_is_long_in_json__is_an_output_fault(build_host: BuildHost) -> None:
    host = build_host(build_echo(Basic.BYTES), limits=CallLimits(call_ms=5_000, output_bytes=40))

    with pytest.raises(GuestOutput, match="has 57 bytes"):
        ask(host, "echo", encode(b"\0" * 32))


def test_call__array_that_names_one_string_a_thousand_times__is_an_output_fault(
    build_host: BuildHost,
) -> None:
    pairs = "\\00\\00\\00\\00\\00\\10\\00\\00" * 1000
    body = f"""(data (i32.const 8192) "{pairs}")
      (func (export "amplify") i32.const 8192 call $set_ptr i32.const 1000 call $set_size)"""
    wasm = build_guest(body, "amplify() -> [string]")

    with pytest.raises(GuestOutput, match="larger than"):
        ask(build_host(wasm), "amplify")


def test_call__junk_above_a_small_result__is_cut(build_host: BuildHost) -> None:
    body = """(func (export "u") (result i32) i32.const 0x1ff)
      (func (export "s") (result i32) i32.const 0x1ff)
      (func (export "b") (result i32) i32.const 2)"""
    host = build_host(build_guest(body, "u() -> u8", "s() -> s8", "b() -> bool"))

    assert ask(host, "u") == b'{"result":255}'
    assert ask(host, "s") == b'{"result":-1}'
    assert ask(host, "b") == b'{"result":true}'


def test_call__fresh_instances__forget_and_warm_ones_remember(build_host: BuildHost) -> None:
    fresh, warm = build_host(guests.COUNTER), build_host(guests.COUNTER, warm=True)

    assert [ask(fresh, "count") for _ in range(3)] == [b'{"result":1}'] * 3
    assert [ask(warm, "count") for _ in range(2)] == [b'{"result":1}', b'{"result":2}']


def test_call__warm_instance_that_trapped__is_replaced(build_host: BuildHost) -> None:
    host = build_host(guests.COUNTER, warm=True)
    ask(host, "count")

    with pytest.raises(GuestTrap):
        ask(host, "fail")

    assert ask(host, "count") == b'{"result":1}'


def test_call__refused_arguments__leave_a_warm_instance_alone(build_host: BuildHost) -> None:
    host = build_host(guests.COUNTER, warm=True)
    ask(host, "count")

    with pytest.raises(CallRefused):
        ask(host, "count", b"[1]")

    assert ask(host, "count") == b'{"result":2}'


def test_call__deadline_of_one_call__does_not_touch_the_next(build_host: BuildHost) -> None:
    host = build_host(guests.COUNTER, warm=True, limits=CallLimits(call_ms=30))

    for _ in range(3_000):
        began = time.monotonic()
        status = run(host, "count").status

        # A machine that stands still for as long as a call may last ends the call rightly.
        assert status == CallStatus.ANSWERED or time.monotonic() - began >= 0.03


def test_call__metered__spends_the_same_fuel_each_time(build_host: BuildHost) -> None:
    host = build_host(guests.DIVISION, limits=CallLimits(call_ms=5_000, fuel=10_000))

    spent = {run(host, "divide", b"[7, 2]").fuel for _ in range(3)}

    assert len(spent) == 1
    assert 0 < spent.pop() < 100


def test_call__fuel_used_up__is_a_time_fault(build_host: BuildHost) -> None:
    host = build_host(guests.LOOP, limits=CallLimits(call_ms=5_000, fuel=10_000))

    answer = run(host, "spin")

    assert answer.status == CallStatus.TIME
    assert "fuel of 10000" in answer.detail
    assert answer.fuel == 10_000


def test_call__unmetered__reports_no_fuel(build_host: BuildHost) -> None:
    assert run(build_host(guests.COUNTER), "count").fuel == 0


@pytest.mark.parametrize(
    ("guest_type", "body"), [(Basic.BYTES, b"\0\xff raw"), (Basic.STRING, "é".encode())]
)
def test_call__raw_body__goes_through_unchanged(
    build_host: BuildHost, guest_type: GuestType, body: bytes
) -> None:
    assert ask(build_host(build_echo(guest_type)), "echo", body, kind=BodyKind.RAW) == body


def test_call__raw_body_where_it_does_not_fit__is_refused(build_host: BuildHost) -> None:
    with pytest.raises(CallRefused, match="does not take a raw body"):
        ask(build_host(guests.COUNTER), "count", b"x", kind=BodyKind.RAW)
    with pytest.raises(CallRefused, match="UTF-8"):
        ask(build_host(build_echo(Basic.STRING)), "echo", b"\xff", kind=BodyKind.RAW)


def test_call__log_lines__come_with_the_call(build_host: BuildHost) -> None:
    host = build_host(guests.LOGGER)

    assert run(host, "say", b"[0]").logs == ["warn: hello"]
    assert run(host, "say", b"[2]").logs == []


def test_call__log_mask_and_switch__are_obeyed(build_host: BuildHost) -> None:
    assert run(build_host(guests.LOGGER, logging_mask=2), "say", b"[2]").logs == ["warn: hello"]
    assert run(build_host(guests.LOGGER, logger_enabled=False), "say", b"[0]").logs == []


def test_call__log_without_end__is_capped(build_host: BuildHost) -> None:
    logs = run(build_host(guests.LOGGER), "chatter").logs

    assert len(logs) == 1_001
    assert logs[-1] == "host: 2000 more lines were dropped"


def test_host__memory_limit_below_the_module__is_refused(build_host: BuildHost) -> None:
    with pytest.raises(ModuleError, match="starts with 131072 bytes"):
        build_host(guests.COUNTER, memory=65536)


def test_host__memory_limit_of_the_module__counts_too(build_host: BuildHost) -> None:
    with pytest.raises(GuestMemory, match="of 2097152 bytes"):
        ask(build_host(guests.MEMORY_BOMB, memory_limit=2 << 20), "eat")


def test_call__memory__never_grows_over_the_limit(build_host: BuildHost) -> None:
    body = """(func (export "pages") (result i32)
      (loop $more i32.const 1 memory.grow i32.const -1 i32.ne br_if $more) memory.size)"""
    host = build_host(build_guest(body, "pages() -> u32"), memory=4 << 20)

    assert ask(host, "pages") == b'{"result":64}'


def test_call__answer_in_memory__is_released_once(build_host: BuildHost) -> None:
    api = guests.API.replace(
        '(func (export "release_objects"))',
        """(global $released (mut i32) (i32.const 0))
        (func (export "released") (result i32) global.get $released)
        (func (export "release_objects")
          global.get $released i32.const 1 i32.add global.set $released)""",
    )
    wasm = build_guest('(func (export "f"))', "f() -> string", "released() -> u32", api=api)
    host = build_host(wasm, warm=True)

    for count in range(3):
        assert ask(host, "released") == b'{"result":%d}' % count
        ask(host, "f")


def test_watchdog__asleep__wakes_for_an_endless_loop(engines: Engines) -> None:
    engine, _ = engines[EngineSettings()]
    watchdog = Watchdog(engine, idle_seconds=0.0)
    while not watchdog.is_asleep:
        time.sleep(0.001)
    with Store(engine) as store:
        # Not a store of ours, which knows for which epoch its deadline is.
        store.epoch = -1  # type: ignore[attr-defined]
        watchdog.arm([store], 0.03)  # type: ignore[list-item]
        spin = Instance(store, Module(engine, guests.LONG_LOOP), []).exports(store)["spin"]
        with pytest.raises(Trap) as trap:
            spin(store)  # type: ignore[operator]

    assert trap.value.trap_code is TrapCode.INTERRUPT


def test_call__call_parameters__reach_the_guest(build_host: BuildHost) -> None:
    host = build_host(guests.PARAMETERS)

    answer = host.answer(Call("guest", "who", b"", BodyKind.JSON, {"init_peer_id": "0xabc"}))

    assert (answer.status, answer.output) == (0, b'{"result":"0xabc"}')


def test_call__call_parameters_inside_allocate__are_a_trap(build_host: BuildHost) -> None:
    allocate = guests.ALLOCATE.replace("(local $at i32)", "(local $at i32) call $parameters")
    wasm = guests.build_parameters(allocate)

    with pytest.raises(GuestTrap, match="while it receives one"):
        ask(build_host(wasm), "who")


def test_host__trap_in_initialize__fails_the_start(build_host: BuildHost) -> None:
    wasm = build_guest('(func (export "_initialize") unreachable)')

    with pytest.raises(StartFailed, match="unreachable"):
        build_host(wasm).try_start()


def test_host__body_that_does_not_validate__is_a_bad_module(build_host: BuildHost) -> None:
    wasm = guests.COUNTER.replace(b"\x42\x00\x0b", b"\x41\x00\x0b", 1)

    with pytest.raises(ModuleError, match="does not compile"):
        build_host(wasm)


def test_call__old_allocate_with_one_argument__is_served(build_host: BuildHost) -> None:
    old = '(func (export "allocate") (param i32) (result i32) i32.const 2048)'
    body = """(func (export "echo") (param i32 i32)
      local.get 0 call $set_ptr local.get 1 call $set_size)"""
    host = build_host(build_guest(body, "echo(a: string) -> string", allocate=old))

    assert ask(host, "echo", b'["old"]') == b'{"result":"old"}'


def test_host__folders__are_created_under_storage(build_host: BuildHost, tmp_path: Path) -> None:
    storage = tmp_path / "storage"

    build_host(guests.SLEEPER, storage=storage, mapped_dirs={"cache": "/storage/a/b"})

    assert (storage / "a" / "b").is_dir()
