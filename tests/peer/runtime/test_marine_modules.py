"""Modules as other people's tools make them: memory that is kept, types that are not declared."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
)
from peer.runtime.errors import ModuleError
from peer.runtime.messages import Call
from peer.runtime.module.check import inspect_module
from peer.runtime.module.host_records import KNOWN_PARAMETERS
from peer.runtime.module.service import BodyKind
from tests.peer.runtime import guests
from tests.peer.runtime.conftest import BuildHost, HostService, ask
from tests.peer.runtime.guests import build_echo, build_guest, build_relay, build_service

pytestmark = pytest.mark.unit
NAMESPACES = sorted(KNOWN_PARAMETERS)
S = Basic.STRING
# `release_objects` wipes all that was ever allocated, and counts: what a C module's free() leaves.
WIPING_API = guests.API.replace(
    '(func (export "release_objects"))',
    """(global $released (mut i32) (i32.const 0))
    (func (export "release_objects")
      i32.const 1024 i32.const 63 global.get $next i32.const 1024 i32.sub memory.fill
      global.get $released i32.const 1 i32.add global.set $released)""",
)
# A database that keeps the text it is given until it is asked for it, as sqlite does with xDel = 0.
KEEPER = build_guest(
    """(global $text (mut i32) (i32.const 0)) (global $length (mut i32) (i32.const 0))
    (func (export "bind") (param i32 i32) (result i32)
      local.get 0 global.set $text local.get 1 global.set $length i32.const 0)
    (func (export "bind_all") (param i32 i32)
      local.get 0 global.set $text local.get 1 global.set $length)
    (func (export "text")
      global.get $text call $set_ptr global.get $length call $set_size)
    (func (export "released") (result i32) global.get $released)""",
    "bind(text: string) -> s32",
    "bind_all(texts: bytes)",
    "text() -> string",
    "released() -> u32",
    api=WIPING_API,
)
# A facade that binds in one module what it was given, then asks for it.
BINDER = build_guest(
    """(func (export "keep") (param i32 i32)
      local.get 0 local.get 1 call $bind drop call $text)""",
    "keep(text: string) -> string",
    imports="""(import "db" "bind" (func $bind (param i32 i32) (result i32)))
      (import "db" "text" (func $text))""",
    links=[
        ("db", FunctionSignature("bind", (NamedType("text", S),), (Basic.S32,))),
        ("db", FunctionSignature("text", (), (S,))),
    ],
)


def record(name: str, **fields: GuestType) -> RecordType:
    return RecordType(name, tuple(NamedType(*part) for part in fields.items()))


def leave_records(*records: RecordType) -> list[tuple[str, FunctionSignature]]:
    """Put records among a module's types without declaring anything that the host answers."""
    return [("nobody", FunctionSignature(f"f{n}", (), (kind,))) for n, kind in enumerate(records)]


def build_who(namespace: str, answer: RecordType, records: Sequence[RecordType]) -> bytes:
    return build_guest(
        '(func (export "who") (param i32) call $parameters)',
        FunctionSignature("who", (NamedType("a", Basic.U32),), (answer,)),
        imports=f'(import "{namespace}" "get_call_parameters" (func $parameters))',
        links=leave_records(*records),
    )


def get_parameters(build_host: BuildHost, wasm: bytes, given: dict[str, Any]) -> Any:
    answer = build_host(wasm).answer(Call("guest", "who", b"[1]", BodyKind.JSON, given))
    assert answer.status == 0, answer.detail
    return json.loads(answer.output)["result"]


@pytest.mark.parametrize(
    ("function", "body"), [("bind", b'["kept"]'), ("bind_all", b'["a2VwdA=="]')]
)
def test_call__answer_that_is_no_memory__leaves_the_guest_what_it_was_given(
    build_host: BuildHost, function: str, body: bytes
) -> None:
    host = build_host(KEEPER, warm=True)

    ask(host, function, body)

    assert ask(host, "released") == b'{"result":0}'
    assert ask(host, "text") == b'{"result":"kept"}'
    assert ask(host, "released") == b'{"result":1}'
    assert ask(host, "text") == b'{"result":"????"}'


@pytest.mark.parametrize("warm", [False, True])
def test_link__module_that_keeps_text__has_it_in_the_same_call(
    host_service: HostService, tmp_path: Path, warm: bool
) -> None:
    host = host_service(build_service(tmp_path, {"db": KEEPER, "facade": BINDER}, warm=warm))

    assert ask(host, "keep", b'["to keep"]') == b'{"result":"to keep"}'


def test_link__argument_in_memory__is_released_once_it_was_read(
    host_service: HostService, tmp_path: Path
) -> None:
    caller = build_guest(
        """(func (export "keep") (param i32 i32) (result i32)
          local.get 0 local.get 1 call $bind drop global.get $released)""",
        "keep(text: string) -> u32",
        imports='(import "db" "bind" (func $bind (param i32 i32) (result i32)))',
        links=[("db", FunctionSignature("bind", (NamedType("text", S),), (Basic.S32,)))],
        api=WIPING_API,
    )
    host = host_service(build_service(tmp_path, {"db": KEEPER, "facade": caller}))

    assert ask(host, "keep", b'["x"]') == b'{"result":1}'


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("own", [True, False], ids=["record by name", "record of the namespace"])
def test_parameters__import_without_declared_types__are_there(
    build_host: BuildHost, namespace: str, own: bool
) -> None:
    known = KNOWN_PARAMETERS[namespace]
    declared = record("CallParameters", host_id=S, init_peer_id=S, n=Basic.U64) if own else known
    given = {"particle": {"id": "7", "init_peer_id": "0xabc"}, "host_id": "3", "worker_id": "w"}
    answer = RecordType("Answer", declared.fields)

    got = get_parameters(build_host, build_who(namespace, answer, [declared] if own else []), given)

    if own:
        assert got == {"host_id": "3", "init_peer_id": "0xabc", "n": 0}
        return
    lens = {"host": "json_path", "__marine_host_api_v2": "lambda", "__marine_host_api_v3": "lens"}
    [[origin]] = got["tetraplets"]
    assert origin == {
        "peer_pk": "0xabc",
        "service_id": "",
        "function_name": "",
        lens.get(namespace, "json_path"): "",
    }
    assert got["host_id"] == "3"
    assert got.get("worker_id", "w") == "w"
    assert got.get("init_peer_id", "0xabc") == "0xabc"
    assert got.get("particle", {"id": "7"})["id"] == got.get("particle_id", "7") == "7"


def test_parameters__record_that_doubles_at_each_level__is_refused() -> None:
    inner = record("R", a=S, b=S)
    for _ in range(12):
        inner = record("R", a=inner, b=inner)
    parameters = RecordType("CallParameters", inner.fields)

    with pytest.raises(ModuleError, match="CallParameters has more than 4096 parts"):
        inspect_module(build_who("host", record("Answer", a=S), [parameters]))


NESTED = record("Inner", data=ArrayType(Basic.U8), flag=Basic.BOOL)
OTHER_NESTED = record("Same", bytes=Basic.BYTES, flag=Basic.U8)


@pytest.mark.parametrize(
    ("one", "other", "value", "expected"),
    [
        (Basic.BYTES, ArrayType(Basic.U8), "AQL/", "AQL/"),
        (ArrayType(Basic.U8), Basic.BYTES, [1, 2, 255], [1, 2, 255]),
        (ArrayType(Basic.BYTES), ArrayType(ArrayType(Basic.U8)), ["AQI=", ""], ["AQI=", ""]),
        (Basic.I32, Basic.S32, -5, -5),
        (Basic.U64, Basic.I64, 2**64 - 1, 2**64 - 1),
        (NESTED, OTHER_NESTED, {"data": [9], "flag": True}, {"data": [9], "flag": True}),
    ],
)
def test_link__two_spellings_of_one_type__fit(
    host_service: HostService,
    tmp_path: Path,
    one: GuestType,
    other: GuestType,
    value: object,
    expected: object,
) -> None:
    modules = {"other": build_echo(other), "facade": build_relay(one)}
    host = host_service(build_service(tmp_path, modules))

    body = json.dumps([value]).encode()
    assert json.loads(ask(host, "relay", body))["result"] == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Basic.F32, Basic.U32),
        (Basic.U8, Basic.U16),
        (ArrayType(Basic.U16), Basic.BYTES),
        (ArrayType(Basic.STRING), ArrayType(NESTED)),
        (NESTED, record("Longer", data=Basic.BYTES, flag=Basic.BOOL, more=Basic.BOOL)),
    ],
)
def test_link__types_that_lie_otherwise_in_memory__are_refused(
    host_service: HostService, tmp_path: Path, one: GuestType, other: GuestType
) -> None:
    modules = {"other": build_echo(other), "facade": build_relay(one)}

    with pytest.raises(ModuleError, match="with other types than it has"):
        host_service(build_service(tmp_path, modules))


def test_call__record_of_256_kilobytes__comes_back(build_host: BuildHost) -> None:
    level = record("Data64b", **{f"field{n}": Basic.U32 for n in range(16)})
    for name in ("Data1KB", "Data16KB", "Data256KB"):
        level = record(name, **{f"field{n}": level for n in range(16)})
    value: Any = {f"field{n}": n for n in range(16)}
    for _ in range(3):
        value = {f"field{n}": value for n in range(16)}
    host = build_host(
        build_echo(level),
        memory=32 << 20,
        limits=guests.CallLimits(call_ms=60_000, input_bytes=4 << 20, output_bytes=4 << 20),
    )

    assert json.loads(ask(host, "echo", json.dumps([value]).encode()))["result"] == value
