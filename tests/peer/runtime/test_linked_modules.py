"""Services of several modules: values cross, limits hold for all, faults name their module."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
)
from peer.runtime.errors import (
    EffectorRefused,
    GuestMemory,
    GuestTimeout,
    GuestTrap,
    ModuleError,
    StartFailed,
)
from peer.runtime.module.service import CallLimits
from tests.peer.runtime import guests
from tests.peer.runtime.conftest import HostService, ask, run
from tests.peer.runtime.guests import (
    build_caller,
    build_echo,
    build_guest,
    build_relay,
    build_service,
)
from tests.peer.runtime.type_strategies import guest_types, values_of

pytestmark = pytest.mark.unit
POINT = RecordType("Point", (NamedType("x", Basic.S16), NamedType("label", Basic.STRING)))
LINE = RecordType(
    "Line", (NamedType("ends", ArrayType(POINT)), NamedType("tags", ArrayType(Basic.U64)))
)
EATER = build_guest(
    """(func (export "eat") (param $pages i32) (result i32) local.get $pages memory.grow)
    (func (export "pages") (result i32) memory.size)""",
    "eat(pages: u32) -> s32",
    "pages() -> u32",
)
FEEDER = build_guest(
    """(func (export "both") (param $mine i32) (param $theirs i32) (result i32)
      local.get $theirs call $eat drop local.get $mine memory.grow)""",
    "both(mine: u32, theirs: u32) -> s32",
    imports='(import "other" "eat" (func $eat (param i32) (result i32)))',
    links=[("other", FunctionSignature("eat", (NamedType("pages", Basic.U32),), (Basic.S32,)))],
)


def pack(value: Any) -> bytes:
    return json.dumps([value]).encode()


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("guest_type", "value"),
    [
        (Basic.BOOL, True),
        (Basic.S8, -128),
        (Basic.U8, 255),
        (Basic.U32, 2**32 - 1),
        (Basic.S64, -(2**63)),
        (Basic.U64, 2**64 - 1),
        (Basic.F32, 0.5),
        (Basic.F64, -1e300),
        (Basic.STRING, "héllo"),
        (Basic.STRING, ""),
        (Basic.BYTES, "AAEC"),
        (ArrayType(Basic.STRING), ["a", "", "bc"]),
        (LINE, {"ends": [{"x": -1, "label": "é"}, {"x": 2, "label": ""}], "tags": [2**63]}),
    ],
)
def test_link__a_value_of_each_type__goes_there_and_back(
    host_service: HostService, tmp_path: Path, guest_type: GuestType, value: Any, warm: bool
) -> None:
    modules = {"other": build_echo(guest_type), "facade": build_relay(guest_type)}
    host = host_service(build_service(tmp_path, modules, warm=warm))

    for _ in range(3):
        assert json.loads(ask(host, "relay", pack(value))) == {"result": value}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_link__any_type__goes_through_three_modules(
    host_service: HostService, tmp_path: Path, data: st.DataObject
) -> None:
    guest_type = data.draw(guest_types)
    value = data.draw(values_of(guest_type))
    direct = host_service(build_service(tmp_path, {"facade": build_echo(guest_type)}))
    modules = {
        "other": build_echo(guest_type),
        "middle": build_relay(guest_type, name="echo"),
        "facade": build_relay(guest_type, "middle"),
    }
    linked = host_service(build_service(tmp_path, modules))
    body = json.dumps([value], default=str).encode()

    one, three = run(direct, "echo", body), run(linked, "relay", body)

    assert (three.status, three.output, three.detail) == (one.status, one.output, one.detail)


def test_link__modules_in_any_order__are_started_as_they_need_one_another(
    host_service: HostService, tmp_path: Path
) -> None:
    init = '(func (export "_initialize") call $next)'
    first = build_guest(
        init,
        imports='(import "other" "say" (func $next))',
        links=[("other", FunctionSignature("say", (), ()))],
    )
    other = build_guest(
        """(data (i32.const 0) "up")
        (func (export "say") i32.const 3 i32.const 0 i32.const 0 i32.const 2 call $log)""",
        "say()",
        imports='(import "host" "log_utf8_string" (func $log (param i32 i32 i32 i32)))',
    )
    facade = build_guest('(func (export "ok"))', "ok()")
    modules = {"first": first, "other": other, "facade": facade}

    assert run(host_service(build_service(tmp_path, modules)), "ok").logs == ["info: up"]


@pytest.mark.parametrize(
    ("wasm", "function", "reason"),
    [
        (guests.TRAP, "fail", "^module other: the function trapped: it aborted"),
        (guests.RECURSION, "deep", "^module other: .*stack overflowed"),
        (guests.OUT_OF_BOUNDS, "poke", "^module other: .*out of bounds"),
        (guests.EXIT, "leave", "^module other: .*code 7"),
    ],
)
def test_link__fault_in_a_linked_module__names_it(
    host_service: HostService, tmp_path: Path, wasm: bytes, function: str, reason: str
) -> None:
    modules = {
        "other": wasm,
        "middle": build_caller("other", function, "go"),
        "facade": build_caller("middle", "go"),
    }
    host = host_service(build_service(tmp_path, modules, warm=True))

    for _ in range(2):
        with pytest.raises(GuestTrap, match=reason):
            ask(host, "relay")


def test_link__answer_with_a_bad_pointer__is_the_callees_fault(
    host_service: HostService, tmp_path: Path
) -> None:
    body = """(func (export "echo") (param i32 i32)
      i32.const 131000 call $set_ptr i32.const 4096 call $set_size)"""
    modules = {
        "other": build_guest(body, "echo(value: string) -> string"),
        "facade": build_relay(Basic.STRING),
    }
    host = host_service(build_service(tmp_path, modules))

    with pytest.raises(GuestTrap, match=r"^module other: the guest named memory 131000\+4096"):
        ask(host, "relay", b'["x"]')


def test_link__argument_with_a_bad_pointer__is_the_callers_fault(
    host_service: HostService, tmp_path: Path
) -> None:
    lying = build_guest(
        '(func (export "lie") i32.const -8 i32.const 64 call $echo)',
        "lie() -> string",
        imports='(import "other" "echo" (func $echo (param i32 i32)))',
        links=[
            ("other", FunctionSignature("echo", (NamedType("v", Basic.STRING),), (Basic.STRING,)))
        ],
    )
    host = host_service(
        build_service(tmp_path, {"other": build_echo(Basic.STRING), "facade": lying})
    )

    with pytest.raises(GuestTrap, match=r"^module facade: .*out of bounds"):
        ask(host, "lie")


def test_link__endless_loop_in_a_linked_module__ends_at_the_deadline(
    host_service: HostService, tmp_path: Path
) -> None:
    modules = {"other": guests.LOOP, "facade": build_caller("other", "spin")}
    host = host_service(build_service(tmp_path, modules, limits=CallLimits(call_ms=50)))

    with pytest.raises(GuestTimeout, match="more than its 50 ms"):
        ask(host, "relay")


def test_link__fuel__is_one_for_all_modules(host_service: HostService, tmp_path: Path) -> None:
    modules = {"other": guests.LOOP, "facade": build_caller("other", "spin")}
    limits = CallLimits(call_ms=5_000, fuel=10_000)
    answer = run(host_service(build_service(tmp_path, modules, limits=limits)), "relay")

    assert (answer.status, answer.fuel) == (2, 10_000)

    alone = host_service(
        build_service(tmp_path, {"facade": build_echo(Basic.STRING)}, limits=limits)
    )
    both = host_service(
        build_service(
            tmp_path,
            {"other": build_echo(Basic.STRING), "facade": build_relay(Basic.STRING)},
            limits=limits,
        )
    )
    spent = {run(both, "relay", b'["x"]').fuel for _ in range(3)}
    assert len(spent) == 1
    assert spent.pop() > run(alone, "echo", b'["x"]').fuel > 0


def test_link__memory__is_limited_for_each_module_and_for_all(
    host_service: HostService, tmp_path: Path
) -> None:
    modules = {"other": EATER, "facade": FEEDER}
    spec = build_service(
        tmp_path, modules, memory=64 * 65536, options={"other": {"memory_limit": 40 * 65536}}
    )
    host = host_service(spec)

    def both(mine: int, theirs: int) -> object:
        return json.loads(ask(host, "both", json.dumps([mine, theirs]).encode()))["result"]

    # Each starts with two pages. What one takes, the other cannot have; a refused grow is -1.
    assert both(22, 38) == 2
    assert both(23, 38) == -1
    assert both(23, 39) == 2
    assert both(60, 0) == 2
    assert both(61, 0) == -1
    assert both(1, 38) == 2


def test_link__memory_bomb_in_a_linked_module__is_a_memory_fault(
    host_service: HostService, tmp_path: Path
) -> None:
    modules = {"other": guests.MEMORY_BOMB, "facade": build_caller("other", "eat")}
    host = host_service(build_service(tmp_path, modules))

    with pytest.raises(GuestMemory, match=r"^module other"):
        ask(host, "relay")


def test_link__warm_modules__remember_and_are_replaced_together(
    host_service: HostService, tmp_path: Path
) -> None:
    counting = build_guest(
        '(func (export "relay") (result i64) call $next) (func (export "fail") unreachable)',
        "relay() -> u64",
        "fail()",
        imports='(import "other" "count" (func $next (result i64)))',
        links=[("other", FunctionSignature("count", (), (Basic.U64,)))],
    )
    modules = {"other": guests.COUNTER, "facade": counting}
    warm = host_service(build_service(tmp_path, modules, warm=True))
    fresh = host_service(build_service(tmp_path, modules))

    assert [ask(warm, "relay") for _ in range(2)] == [b'{"result":1}', b'{"result":2}']
    assert [ask(fresh, "relay") for _ in range(2)] == [b'{"result":1}'] * 2
    with pytest.raises(GuestTrap, match=r"^module facade"):
        ask(warm, "fail")
    assert ask(warm, "relay") == b'{"result":1}'


def test_link__allocator_that_calls_the_other_module__is_a_trap(
    host_service: HostService, tmp_path: Path
) -> None:
    allocate = guests.ALLOCATE.replace(
        "(local $at i32)", "(local $at i32) i32.const 0 i32.const 0 call $echo"
    )
    signature = FunctionSignature("echo", (NamedType("value", Basic.STRING),), (Basic.STRING,))
    facade = build_guest(
        '(func (export "go") i32.const 0 i32.const 4 call $echo)',
        "go() -> string",
        imports='(import "other" "echo" (func $echo (param i32 i32)))',
        links=[("other", signature)],
        allocate=allocate,
    )
    host = host_service(
        build_service(tmp_path, {"other": build_echo(Basic.STRING), "facade": facade})
    )

    with pytest.raises(GuestTrap, match="while it receives an answer"):
        ask(host, "go")


def test_link__one_string_named_a_thousand_times__is_not_copied_without_end(
    host_service: HostService, tmp_path: Path
) -> None:
    pairs = "\\00\\00\\00\\00\\00\\00\\02\\00" * 1000
    strings = ArrayType(Basic.STRING)
    signature = FunctionSignature("echo", (NamedType("value", strings),), (strings,))
    facade = build_guest(
        f"""(data (i32.const 8192) "{pairs}")
        (func (export "go") i32.const 8192 i32.const 1000 call $echo)""",
        FunctionSignature("go", (), (strings,)),
        imports='(import "other" "echo" (func $echo (param i32 i32)))',
        links=[("other", signature)],
    )
    host = host_service(build_service(tmp_path, {"other": build_echo(strings), "facade": facade}))

    with pytest.raises(GuestTrap, match="exchange more than"):
        ask(host, "go")


@pytest.mark.parametrize(
    ("modules", "error", "reason"),
    [
        (
            {"a": build_caller("b", "relay"), "b": build_caller("a", "relay")},
            ModuleError,
            "circle: a → b → a",
        ),
        ({"a": build_caller("a", "relay")}, ModuleError, "circle: a → a"),
        (
            {"b": guests.COUNTER, "a": build_caller("b", "nothing")},
            ModuleError,
            "module a imports b.nothing, which does not exist",
        ),
        (
            {"b": guests.COUNTER, "a": build_caller("b", "release_objects")},
            ModuleError,
            "b.release_objects, which does not exist",
        ),
        (
            {"b": guests.COUNTER, "a": build_caller("c", "count")},
            EffectorRefused,
            "module a: the module imports c.count, which this peer does not provide",
        ),
        (
            {"b": guests.COUNTER, "a": build_caller("b", "count")},
            ModuleError,
            "module a imports b.count with other types than it has",
        ),
        (
            {"other": build_echo(POINT), "a": build_relay(LINE)},
            ModuleError,
            "module a imports other.echo with other types",
        ),
        (
            {
                "b": guests.TRAP,
                "a": build_guest("", imports='(import "b" "fail" (func))'),
            },
            ModuleError,
            "module a imports b.fail without declaring its types",
        ),
        ({"host": guests.COUNTER}, ModuleError, "may not be called host"),
        (
            {
                "m0": build_guest('(func (export "relay"))', "relay()"),
                **{f"m{i}": build_caller(f"m{i - 1}", "relay") for i in range(1, 9)},
            },
            ModuleError,
            "module m8 leads through more than 8 modules",
        ),
        (
            {f"m{i}": guests.COUNTER for i in range(33)},
            ModuleError,
            "its modules start with 4325376 bytes",
        ),
    ],
)
def test_service__that_does_not_fit_together__is_refused_with_names(
    host_service: HostService,
    tmp_path: Path,
    modules: dict[str, bytes],
    error: type[ModuleError],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        host_service(build_service(tmp_path, modules))


def test_service__chain_of_eight_deep_recursions__is_one_fault(
    host_service: HostService, tmp_path: Path
) -> None:
    modules = {"m0": guests.RECURSION, "m1": build_caller("m0", "deep")}
    modules |= {f"m{i}": build_caller(f"m{i - 1}", "relay") for i in range(2, 8)}
    host = host_service(build_service(tmp_path, modules))

    with pytest.raises(GuestTrap, match=r"^module m0: .*stack overflowed"):
        ask(host, "relay")


def test_service__trap_while_a_linked_module_starts__names_it(
    host_service: HostService, tmp_path: Path
) -> None:
    modules = {
        "other": build_guest('(func (export "_initialize") unreachable)'),
        "facade": guests.COUNTER,
    }

    with pytest.raises(StartFailed, match="module other"):
        host_service(build_service(tmp_path, modules)).try_start()


def test_service__folders__are_each_modules_own(host_service: HostService, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    opener = build_guest(
        """(data (i32.const 0) "/storage")
        (func (export "count") (result i32) (local $fd i32)
          i32.const 3 local.set $fd
          (loop $next
            (if (i32.eqz (call $prestat (local.get $fd) (i32.const 512)))
              (then (local.set $fd (i32.add (local.get $fd) (i32.const 1))) (br $next))))
          (i32.sub (local.get $fd) (i32.const 3)))""",
        "count() -> u32",
        imports="""(import "wasi_snapshot_preview1" "fd_prestat_get"
          (func $prestat (param i32 i32) (result i32)))""",
    )
    facade = build_guest(
        '(func (export "relay") (result i32) call $next)',
        "relay() -> u32",
        imports='(import "other" "count" (func $next (result i32)))',
        links=[("other", FunctionSignature("count", (), (Basic.U32,)))],
    )
    for dirs, seen in (({}, 1), ({"a": "/storage/a", "b": "/storage/b"}, 2)):
        spec = build_service(
            tmp_path,
            {"other": opener, "facade": facade},
            storage=storage,
            options={"other": {"mapped_dirs": dirs}},
        )
        assert ask(host_service(spec), "relay") == b'{"result":%d}' % seen
        alone = build_service(
            tmp_path, {"one": opener}, storage=storage, options={"one": {"mapped_dirs": dirs}}
        )
        assert ask(host_service(alone), "count") == b'{"result":%d}' % (len(dirs) + 1)
