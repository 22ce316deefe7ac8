"""Every type of Marine in a Rust guest: typed JSON in, typed JSON out."""

import json
from pathlib import Path
from typing import Any

import pytest

from examples.build import find_compiler
from peer.runtime.abi.described import describe_interface
from peer.runtime.errors import (
    CallRefused,
    GuestFault,
    GuestMemory,
    GuestTimeout,
    GuestTrap,
)
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.module.check import inspect_module
from tests.peer.runtime.conftest import BuildHost, ask, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_compiler() is None, reason="needs Debian's rustc and Wasm library"),
]
PLACE = {"east": 1.5, "north": -2.0}
HOME = {"street": "Straße 1", "lines": ["a", ""], "place": PLACE}
ANN = {
    "name": "Ann",
    "age": 41,
    "homes": [HOME, HOME | {"lines": []}],
    "photo": "AAEC",
    "scores": [[1, -2], [], [2**63 - 1]],
}
BOB = {"name": "", "age": 0, "homes": [], "photo": "", "scores": []}
SCALARS = {
    "flag": True,
    "a": 255,
    "b": 65535,
    "c": 2**32 - 1,
    "d": 2**64 - 1,
    "e": -128,
    "f": -32768,
    "g": -(2**31),
    "h": -(2**63),
    "i": 1.5,
    "j": 1e300,
}
FLIPPED = {
    "flag": False,
    "a": 254,
    "b": 65534,
    "c": 2**32 - 2,
    "d": 2**64 - 2,
    "e": -127,
    "f": -32767,
    "g": -(2**31) + 1,
    "h": -(2**63) + 1,
    "i": -1.5,
    "j": -1e300,
}
OLDER = {
    **ANN,
    "age": 42,
    "homes": [
        HOME | {"lines": ["a", "", "1.5/-2.0"]},
        HOME | {"lines": ["1.5/-2.0"]},
    ],
    "photo": "AAEC/w==",
}
CASES: list[tuple[str, list[Any], Any]] = [
    ("of_bool", [True], False),
    ("of_bool", [False], True),
    ("of_u8", [254], 255),
    ("of_u8", [255], 0),
    ("of_u16", [65535], 0),
    ("of_u32", [2**32 - 1], 0),
    ("of_u32", [2**31], 2**31 + 1),
    ("of_u64", [2**64 - 2], 2**64 - 1),
    ("of_u64", ["18446744073709551615"], 0),
    ("of_i8", [127], -128),
    ("of_i8", [-1], 0),
    ("of_i16", [32767], -32768),
    ("of_i32", [-2], -1),
    ("of_i32", [2**31 - 1], -(2**31)),
    ("of_i64", [2**63 - 1], -(2**63)),
    ("of_f32", [1.25], 2.5),
    ("of_f32", ["Infinity"], "Infinity"),
    ("of_f64", [0.1], 0.2),
    ("of_f64", ["NaN"], "NaN"),
    ("of_f64", [1e308], "Infinity"),
    ("of_string", [""], "!"),
    ("of_string", ["żółć 😀\0"], "żółć 😀\0!"),
    ("of_bytes", [[1, 2, 255]], "/wIB"),
    ("of_bytes", [""], ""),
    ("bools", [[True, False, False]], [False, False, True]),
    ("u16s", [[1, 65535]], [65535, 1]),
    ("u32s", [[1, 2**32 - 1]], [2**32 - 1, 1]),
    ("u64s", [[1, 2**64 - 1]], [2**64 - 1, 1]),
    ("i8s", [[1, -128]], [-128, 1]),
    ("i16s", [[1, -32768]], [-32768, 1]),
    ("i32s", [[1, -(2**31)]], [-(2**31), 1]),
    ("i64s", [[1, -(2**63)]], [-(2**63), 1]),
    ("f32s", [[1.5, -0.0]], [-0.0, 1.5]),
    ("f64s", [[1e300, "NaN"]], ["NaN", 1e300]),
    ("u64s", [[]], []),
    ("strings", [["a", "", "é"]], ["é", "", "a"]),
    ("byte_arrays", [["AQ==", ""]], ["", "AQ=="]),
    ("deep", [[[["a"], []], [], [["b", "c"]]]], [[["b", "c"]], [], [["a"], []]]),
    ("scalars", [SCALARS], FLIPPED),
    ("scalars_list", [[SCALARS, FLIPPED]], [FLIPPED, SCALARS]),
    ("older", [ANN], OLDER),
    ("people", [[ANN, BOB]], [BOB, ANN]),
    ("people", [[]], []),
    ("crowds", [[[ANN], [], [BOB, ANN]]], [[BOB, ANN], [], [ANN]]),
    ("empty", [{}], {}),
    (
        "mixed",
        [True, "x", 2**64 - 1, [7], PLACE, 0.5, [-1, 2]],
        "true x 18446744073709551615 [7] 1.5/-2 0.5 [-1, 2]",
    ),
    ("nothing", [], None),
    ("takes", [[ANN]], None),
]


def call(host: ServiceHost, function: str, *arguments: object) -> Any:
    return json.loads(ask(host, function, json.dumps(arguments).encode()))["result"]


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "warm"])
@pytest.mark.parametrize("old", [False, True], ids=["allocate-2", "allocate-1"])
def test_call__every_type__comes_back(
    build_host: BuildHost, types_wasm: bytes, old_wasm: bytes, warm: bool, old: bool
) -> None:
    host = build_host(old_wasm if old else types_wasm, warm=warm, memory=8 << 20)

    for function, arguments, expected in CASES:
        assert (function, call(host, function, *arguments)) == (function, expected)


def test_interface__says_all_records_and_types(types_wasm: bytes, old_wasm: bytes) -> None:
    info = inspect_module(types_wasm)
    described: Any = describe_interface(info.interface)

    records = {record["name"]: record["fields"] for record in described["records"]}
    assert records["Person"][2:4] == [
        {"name": "homes", "type": "[Address]"},
        {"name": "photo", "type": "bytes"},
    ]
    functions = {entry["name"]: entry for entry in described["functions"]}
    assert functions["deep"]["output"] == "[[[string]]]"
    assert {function for function, _, _ in CASES} <= set(functions)
    assert info.allocate_has_tag
    assert not inspect_module(old_wasm).allocate_has_tag


@pytest.mark.parametrize(
    ("function", "arguments", "field"),
    [
        ("of_u8", [256], "v"),
        ("of_i8", [-129], "v"),
        ("of_u64", [-1], "v"),
        ("of_string", [1], "v"),
        ("of_bool", [1], "v"),
        ("of_bytes", [[256]], "v[0]"),
        ("older", [ANN | {"age": "41"}], "person.age"),
        ("people", [[ANN, ANN | {"homes": [{}]}]], "v[1].homes[0]"),
        ("scalars", [SCALARS | {"extra": 1}], "v.extra"),
    ],
)
def test_call__value_of_another_type__is_refused_by_its_place(
    build_host: BuildHost, types_wasm: bytes, function: str, arguments: list[Any], field: str
) -> None:
    host = build_host(types_wasm, memory=8 << 20)

    with pytest.raises(CallRefused) as refused:
        call(host, function, *arguments)

    assert (refused.value.field or "").startswith(field)


def test_warm_instance__thousands_of_nested_values__leak_nothing(
    build_host: BuildHost, types_wasm: bytes
) -> None:
    host = build_host(types_wasm, warm=True, memory=2 << 20)
    body = json.dumps([[ANN] * 10]).encode()

    for _ in range(1_000):
        assert run(host, "people", body).status == 0


@pytest.mark.parametrize(
    ("how", "fault", "text"),
    [
        ("panic", GuestTrap, "aborted"),
        ("unwrap", GuestTrap, "aborted"),
        ("index", GuestTrap, "aborted"),
        ("divide", GuestTrap, "aborted"),
        ("exit", GuestTrap, "code 3"),
        ("abort", GuestTrap, "aborted"),
        ("recurse", GuestTrap, "stack overflowed|out of bounds"),
        ("loop", GuestTimeout, "5000 ms"),
        ("memory", GuestMemory, "bytes of memory"),
    ],
)
def test_call__that_fails__is_a_fault_of_that_call_alone(
    build_host: BuildHost, types_wasm: bytes, how: str, fault: type[GuestFault], text: str
) -> None:
    host = build_host(types_wasm, warm=True, memory=8 << 20)

    with pytest.raises(fault, match=text):
        call(host, "fails", how)

    assert call(host, "fails", "not") == "not"


ALL_LEVELS = ["error: e", "warn: w", "info: i", "debug: d", "trace: t"]


@pytest.mark.parametrize(
    ("options", "target", "lines"),
    [
        ({}, 0, ALL_LEVELS),
        ({}, 2, []),
        ({"logging_mask": 2}, 2, ALL_LEVELS),
        ({"logging_mask": 5}, 2, []),
        ({"logging_mask": -1}, 64, ALL_LEVELS),
        ({"logger_enabled": False}, 0, []),
        ({"logger_enabled": False, "logging_mask": -1}, 2, []),
    ],
)
def test_log__levels_target_and_mask__decide_what_is_kept(
    build_host: BuildHost,
    types_wasm: bytes,
    options: dict[str, Any],
    target: int,
    lines: list[str],
) -> None:
    host = build_host(types_wasm, memory=8 << 20, **options)

    assert run(host, "logs", json.dumps([target]).encode()).logs == lines


def test_log__macros__write_every_level(build_host: BuildHost, types_wasm: bytes) -> None:
    assert run(build_host(types_wasm, memory=8 << 20), "logs_all").logs == ALL_LEVELS


def test_environment__mapped_folders_and_envs__are_there_by_name(
    build_host: BuildHost, types_wasm: bytes, tmp_path: Path
) -> None:
    host = build_host(
        types_wasm,
        memory=8 << 20,
        storage=tmp_path / "storage",
        envs={"COLOUR": "blue"},
        mapped_dirs={"notes": "/storage/deep/notes"},
    )

    assert call(host, "environment", "COLOUR") == "blue"
    notes = call(host, "environment", "notes")
    assert call(host, "writes", f"{notes}/a", "kept") is True
    assert call(host, "reads", "/storage/deep/notes/a") == "kept"
    assert (tmp_path / "storage" / "deep" / "notes" / "a").read_text() == "kept"
