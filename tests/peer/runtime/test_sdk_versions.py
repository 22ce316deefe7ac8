"""Modules of every SDK: host namespaces, the old allocator, call parameters old and new, logs."""

import json
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
from peer.runtime.errors import EffectorRefused, ModuleError
from peer.runtime.messages import Call
from peer.runtime.module.check import inspect_module
from peer.runtime.module.service import BodyKind
from peer.runtime.wasm.sections import append_custom
from tests.peer.runtime import guests
from tests.peer.runtime.conftest import BuildHost, ask
from tests.peer.runtime.guests import build_guest

pytestmark = pytest.mark.unit
NAMESPACES = [
    "host",
    "__marine_host_api_v1",
    "__marine_host_api_v2",
    "__marine_host_api_v3",
]
VERSIONS = [f"0.{minor}.{patch}" for minor in range(6, 15) for patch in (0, 3)] + ["0.10.0-beta.1"]
ONE_ARGUMENT = guests.ALLOCATE.replace("(param $tag i32) ", "")
S = Basic.STRING


def record(name: str, **fields: GuestType) -> RecordType:
    return RecordType(name, tuple(NamedType(*part) for part in fields.items()))


TETRAPLET_OLD = record("SecurityTetraplet", peer_pk=S, service_id=S, function_name=S, json_path=S)
TETRAPLET = record("SecurityTetraplet", peer_pk=S, service_id=S, function_name=S, lens=S)
OLD = record(
    "CallParameters",
    init_peer_id=S,
    service_id=S,
    service_creator_peer_id=S,
    host_id=S,
    particle_id=S,
    tetraplets=ArrayType(ArrayType(TETRAPLET_OLD)),
)
PARTICLE = record(
    "ParticleParameters",
    id=S,
    init_peer_id=S,
    timestamp=Basic.U64,
    ttl=Basic.U32,
    script=S,
    signature=Basic.BYTES,
    token=S,
)
NEW = record(
    "CallParameters",
    particle=PARTICLE,
    service_id=S,
    service_creator_peer_id=S,
    host_id=S,
    worker_id=S,
    tetraplets=ArrayType(ArrayType(TETRAPLET)),
)


def build_who(parameters: RecordType, namespace: str, allocate: str = guests.ALLOCATE) -> bytes:
    """Make a guest whose `who(a, b)` answers all of its call parameters."""
    return build_guest(
        '(func (export "who") (param i32 i32) call $parameters)',
        FunctionSignature(
            "who", (NamedType("a", Basic.U32), NamedType("b", Basic.U32)), (parameters,)
        ),
        imports=f'(import "{namespace}" "get_call_parameters" (func $parameters))',
        links=[(namespace, FunctionSignature("get_call_parameters", (), (parameters,)))],
        allocate=allocate,
    )


def get_parameters(build_host: BuildHost, wasm: bytes, given: dict[str, Any]) -> Any:
    answer = build_host(wasm).answer(Call("guest", "who", b"[1, 2]", BodyKind.JSON, given))
    assert answer.status == 0, answer.detail
    return json.loads(answer.output)["result"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("allocate", [guests.ALLOCATE, ONE_ARGUMENT], ids=["two", "one"])
def test_call__module_of_each_sdk__answers(
    build_host: BuildHost, version: str, allocate: str
) -> None:
    signature = FunctionSignature("echo", (NamedType("v", ArrayType(S)),), (ArrayType(S),))
    body = """(func (export "echo") (param i32 i32)
      local.get 0 call $set_ptr local.get 1 call $set_size)"""
    wasm = build_guest(body, signature, allocate=allocate)
    wasm = append_custom(wasm, "__fluence_sdk_version", version.encode())

    assert inspect_module(wasm).sdk_version == version
    assert ask(build_host(wasm), "echo", b'[["a", "", "bc"]]') == b'{"result":["a","","bc"]}'


@pytest.mark.parametrize("version", ["0.5.9", "0.6", "new", ""])
def test_inspect_module__sdk_too_old_or_unreadable__is_refused(version: str) -> None:
    wasm = append_custom(guests.COUNTER, "__fluence_sdk_version", version.encode())

    with pytest.raises(ModuleError, match="SDK version"):
        inspect_module(wasm)


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("allocate", [guests.ALLOCATE, ONE_ARGUMENT], ids=["two", "one"])
def test_parameters__new_record__is_filled_field_by_field(
    build_host: BuildHost, namespace: str, allocate: str
) -> None:
    origin = {"peer_pk": "p", "service_id": "s", "function_name": "f", "lens": ".$.x"}
    given = {
        "particle": {
            "id": "7",
            "init_peer_id": "0xabc",
            "timestamp": 2**40,
            "ttl": 5_000,
            "script": "(null)",
            "signature": b"\1\2",
            "token": "t",
        },
        "service_id": "greeting",
        "service_creator_peer_id": "dev",
        "host_id": "3",
        "worker_id": "9",
        "tetraplets": [[origin], []],
    }

    got = get_parameters(build_host, build_who(NEW, namespace, allocate), given)

    assert got == given | {"particle": given["particle"] | {"signature": "AQI="}}  # type: ignore[operator]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_parameters__old_record__is_filled_from_the_same_values(
    build_host: BuildHost, namespace: str
) -> None:
    given = {
        "particle": {"id": "7", "init_peer_id": "0xabc"},
        "service_id": "greeting",
        "host_id": "3",
        "tetraplets": [[{"peer_pk": "p", "lens": ".$.x"}]],
    }

    assert get_parameters(build_host, build_who(OLD, namespace), given) == {
        "init_peer_id": "0xabc",
        "service_id": "greeting",
        "service_creator_peer_id": "",
        "host_id": "3",
        "particle_id": "7",
        "tetraplets": [
            [{"peer_pk": "p", "service_id": "", "function_name": "", "json_path": ".$.x"}]
        ],
    }


def test_parameters__flat_values__reach_the_nested_particle_and_each_argument_has_an_origin(
    build_host: BuildHost,
) -> None:
    given = {"particle_id": "7", "init_peer_id": "0xabc", "host_id": "3"}

    got = get_parameters(build_host, build_who(NEW, "__marine_host_api_v3"), given)

    caller = {"peer_pk": "0xabc", "service_id": "", "function_name": "", "lens": ""}
    assert (got["particle"]["id"], got["particle"]["init_peer_id"]) == ("7", "0xabc")
    assert got["tetraplets"] == [[caller], [caller]]
    assert got["worker_id"] == ""


def test_parameters__values_of_other_types__are_empty_not_wrong(build_host: BuildHost) -> None:
    given = {
        "particle": {"timestamp": -1, "ttl": 2**32, "signature": "text", "id": 5},
        "service_id": ["x"],
        "tetraplets": "none",
    }

    got = get_parameters(build_host, build_who(NEW, "host"), given)

    assert got["particle"]["timestamp"] == got["particle"]["ttl"] == 0
    assert got["particle"]["signature"] == got["particle"]["id"] == got["service_id"] == ""
    assert got["tetraplets"] == []


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_log__every_namespace_and_level__is_in_the_log(
    build_host: BuildHost, namespace: str
) -> None:
    wasm = build_guest(
        """(data (i32.const 0) "line")
        (func (export "say") (param i32 i32)
          local.get 0 local.get 1 i32.const 0 i32.const 4 call $log)""",
        "say(level: i32, target: i32)",
        imports=f'(import "{namespace}" "log_utf8_string" (func $log (param i32 i32 i32 i32)))',
    )
    host = build_host(wasm, logging_mask=0b101)

    def say(level: int, target: int) -> list[str]:
        return host.answer(
            Call("guest", "say", b"[%d, %d]" % (level, target), BodyKind.JSON, {})
        ).logs

    names = ["error", "warn", "info", "debug", "trace"]
    assert [say(level, 0) for level in range(1, 6)] == [[f"{name}: line"] for name in names]
    assert [bool(say(3, target)) for target in (1, 2, 4, 6, -1)] == [True, False, True, True, True]


def test_inspect_module__namespace_after_the_last__is_refused() -> None:
    wasm = build_guest("", imports='(import "__marine_host_api_v4" "log_utf8_string" (func))')

    with pytest.raises(EffectorRefused, match="__marine_host_api_v4"):
        inspect_module(wasm)
