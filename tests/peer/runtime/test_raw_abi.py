"""Guests without Marine: what the host asks of them, the examples, and their Marine wrapping."""

import base64
import json
import struct
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from examples.build_raw import EXAMPLES, SOURCES
from peer.runtime.abi.signature_text import parse_signatures
from peer.runtime.errors import (
    CallRefused,
    EffectorRefused,
    GuestMemory,
    GuestOutput,
    GuestTrap,
    ModuleError,
)
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.module.check import inspect_module
from peer.runtime.module.embed import embed_interface
from peer.runtime.module.service import BodyKind, CallLimits, ServiceSpec
from tests.peer.runtime.conftest import BuildHost, HostService, ask
from tests.peer.runtime.guests import build_service

pytestmark = pytest.mark.unit
ALLOC = """(global $next (mut i32) (i32.const 1024))
  (func $alloc (export "alloc") (param i32) (result i32)
    global.get $next global.get $next local.get 0 i32.add global.set $next)"""
ECHO = """(func (export "echo") (param i32 i32) (result i64)
  local.get 0 i64.extend_i32_u i64.const 32 i64.shl local.get 1 i64.extend_i32_u i64.or)"""


def raw(body: str, *, alloc: str = ALLOC, memory: str = '(memory (export "memory") 2)') -> bytes:
    return bytes(wat2wasm(f"(module {memory} {alloc} {body})"))


@pytest.fixture
def build_raw(host_service: HostService, tmp_path: Path):
    """Return a function from a raw module to a host of it."""

    def build(
        wasm: bytes, *, warm: bool = False, memory: int = 8 << 20, **limits: int
    ) -> ServiceHost:
        spec = build_service(
            tmp_path,
            {"guest": wasm},
            warm=warm,
            memory=memory,
            limits=CallLimits(**{"call_ms": 2_000, **limits}),
        )
        return host_service(
            ServiceSpec(
                spec.name, spec.modules, memory, spec.instance, spec.limits, None, abi="raw"
            )
        )

    return build


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("example", SOURCES)
def test_call__example__answers_in_upper_case(build_raw, example: str, warm: bool) -> None:
    wasm = (EXAMPLES / example / "upper.wasm").read_bytes()
    host = build_raw(wasm, warm=warm, memory=32 << 20)

    for size in (1, 100, 50_000, 7):
        assert ask(host, "upper", b"Grape-7" * size, kind=BodyKind.RAW) == b"GRAPE-7" * size
    assert ask(host, "upper", b"", kind=BodyKind.RAW) == b""
    body = json.dumps({"body": base64.b64encode(b"json").decode()}).encode()
    assert json.loads(ask(host, "upper", body)) == {"result": "SlNPTg=="}


def test_call__warm_example__keeps_its_memory(build_raw) -> None:
    for example in ("raw-c", "raw-zig", "raw-assemblyscript"):
        wasm = (EXAMPLES / example / "upper.wasm").read_bytes()
        host = build_raw(wasm, warm=True, memory=2 << 20)
        for _ in range(200):
            assert len(ask(host, "upper", b"x" * 20_000, kind=BodyKind.RAW)) == 20_000


def test_call__c_example__counts(build_raw) -> None:
    host = build_raw((EXAMPLES / "raw-c" / "upper.wasm").read_bytes())

    counts = struct.unpack("<256I", ask(host, "histogram", b"aab", kind=BodyKind.RAW))

    assert (counts[97], counts[98], sum(counts)) == (2, 1, 3)


def test_interface__of_a_raw_module__is_bytes_in_bytes_out(build_raw) -> None:
    host = build_raw(raw(ECHO))

    assert ask(host, "echo", b"\0\xff", kind=BodyKind.RAW) == b"\0\xff"
    with pytest.raises(CallRefused):
        ask(host, "echo", b"[1]")


@pytest.mark.parametrize(
    ("body", "fault", "reason"),
    [
        ("i64.const 0x0001_fff0_0000_0020", GuestTrap, "out of bounds"),
        ("i64.const -1", GuestOutput, "larger than"),
        ("unreachable", GuestTrap, "unreachable"),
        ("i64.const 0x0000_0000_0002_0000", GuestOutput, "larger than"),
    ],
)
def test_call__answer_that_is_not_there__costs_that_call(
    build_raw, body: str, fault: type[Exception], reason: str
) -> None:
    wasm = raw(f'(func (export "lie") (param i32 i32) (result i64) {body})')
    host = build_raw(wasm, warm=True, output_bytes=1_000)

    for _ in range(2):
        with pytest.raises(fault, match=reason):
            ask(host, "lie", b"x", kind=BodyKind.RAW)


def test_call__alloc_without_room__is_a_memory_fault(build_raw) -> None:
    alloc = '(func (export "alloc") (param i32) (result i32) i32.const 0)'

    with pytest.raises(GuestMemory, match="no room"):
        ask(build_raw(raw(ECHO, alloc=alloc)), "echo", b"x", kind=BodyKind.RAW)


def test_call__dealloc__is_called_once_for_each_warm_answer(build_raw) -> None:
    freed = """(global $freed (mut i32) (i32.const 0))
    (func (export "dealloc") (param i32 i32)
      global.get $freed local.get 1 i32.add global.set $freed)
    (func (export "freed") (param i32 i32) (result i64)
      i32.const 0 global.get $freed i32.store i64.const 4)"""
    host = build_raw(raw(ECHO + freed), warm=True)
    for _ in range(3):
        ask(host, "echo", b"12345", kind=BodyKind.RAW)

    assert ask(host, "freed", b"", kind=BodyKind.RAW) == struct.pack("<I", 15)


@pytest.mark.parametrize(
    ("wasm", "error", "reason"),
    [
        (raw(ECHO, alloc=""), ModuleError, "alloc.* is missing"),
        (raw(ECHO, memory="(memory 1)"), ModuleError, "no memory"),
        (raw(""), ModuleError, "no export has the type"),
        (raw(ECHO + '(func (export "dealloc"))'), ModuleError, "dealloc has another type"),
        (
            raw(ECHO, memory='(import "env" "abort" (func)) (memory (export "memory") 1)'),
            EffectorRefused,
            "env.abort",
        ),
    ],
)
def test_host__module_that_is_not_raw__is_refused(
    build_raw, wasm: bytes, error: type[ModuleError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        build_raw(wasm)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("example", SOURCES)
def test_embed__example__becomes_a_marine_module(
    build_host: BuildHost, example: str, warm: bool
) -> None:
    wasm = (EXAMPLES / example / "upper.wasm").read_bytes()
    marine = embed_interface(wasm, parse_signatures("upper(text: string) -> string"))
    host = build_host(marine, warm=warm, memory=32 << 20, limits=CallLimits(call_ms=2_000))

    assert list(inspect_module(marine).interface.functions) == ["upper"]
    for size in (1, 50_000, 3):
        body = json.dumps(["Grape" * size]).encode()
        assert json.loads(ask(host, "upper", body)) == {"result": "GRAPE" * size}
    assert ask(host, "upper", b'[""]') == b'{"result":""}'


def test_embed__several_arguments_and_scalars__are_wrapped_as_their_signature_says(
    build_host: BuildHost,
) -> None:
    body = """(func (export "second") (param i32 i32 i64 i32 i32) (result i64)
        local.get 3 i64.extend_i32_u i64.const 32 i64.shl local.get 4 i64.extend_i32_u i64.or)
      (func (export "add") (param i32 i64) (result i64)
        local.get 0 i64.extend_i32_u local.get 1 i64.add)
      (func (export "nothing"))"""
    signatures = parse_signatures(
        """
        second(a: string, n: u64, b: [u16]) -> [u16]   # the list, unchanged
        add(a: u32, b: u64) -> u64
        nothing()
        """
    )
    host = build_host(embed_interface(raw(body + ECHO), signatures))

    assert ask(host, "second", b'["x", 5, [1, 65535]]') == b'{"result":[1,65535]}'
    assert ask(host, "add", b"[2, 40]") == b'{"result":42}'
    assert ask(host, "nothing") == b'{"result":null}'


def test_embed__warm_answers__are_released(build_host: BuildHost) -> None:
    freed = """(global $freed (mut i32) (i32.const 0))
    (func (export "dealloc") (param i32 i32)
      global.get $freed local.get 1 i32.add global.set $freed)
    (func (export "freed") (result i32) global.get $freed)"""
    text = "echo(a: bytes) -> bytes\nfreed() -> u32"
    host = build_host(embed_interface(raw(ECHO + freed), parse_signatures(text)), warm=True)
    for _ in range(3):
        ask(host, "echo", b"12345", kind=BodyKind.RAW)

    assert ask(host, "freed") == b'{"result":15}'


def test_embed__twice__replaces_the_signatures() -> None:
    once = embed_interface(raw(ECHO), parse_signatures("echo(a: bytes) -> bytes"))
    twice = embed_interface(once, parse_signatures("echo(text: string) -> string"))

    assert inspect_module(twice).interface.functions["echo"].parameters[0].name == "text"
    assert len(twice) < len(once) + 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no signatures"),
        ("missing() -> u32", "exports no function missing"),
        ("echo(a: u32) -> u32", "another type than its signature"),
        ("echo(a: string, b: string) -> string", "must answer an i64"),
    ],
)
def test_embed__signature_that_does_not_fit__is_refused(text: str, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        embed_interface(raw(ECHO), parse_signatures(text))


def test_embed__without_alloc__is_refused() -> None:
    with pytest.raises(ModuleError, match="alloc"):
        embed_interface(raw(ECHO, alloc=""), parse_signatures("echo(a: bytes) -> bytes"))
