"""Guests for tests: small Marine modules written as text, tame and hostile."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from wasmtime import wat2wasm

from peer.runtime.abi.encoder import encode_interface
from peer.runtime.abi.guest_types import (
    SCALARS,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
    flatten_type,
)
from peer.runtime.abi.signature_text import parse_signature
from peer.runtime.module.service import CallLimits, InstanceMode, ModuleSpec, ServiceSpec
from peer.runtime.wasm.sections import append_custom

LIMITS = CallLimits(call_ms=5_000)
"""What no call of a guest reaches that ends by itself, however busy the machine is."""

ALLOCATE = """
  (func (export "allocate") (param $count i32) (param $tag i32) (result i32) (local $at i32)
    global.get $next local.set $at
    global.get $next local.get $count i32.add global.set $next
    block $fits
      loop $grow
        global.get $next memory.size i32.const 65536 i32.mul i32.le_u br_if $fits
        i32.const 1 memory.grow i32.const -1 i32.eq if unreachable end
        br $grow
      end
    end
    local.get $at)"""
API = """
  (global $next (mut i32) (i32.const 1024))
  (global $ptr (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))
  (func (export "release_objects"))
  (func (export "get_result_ptr") (result i32) global.get $ptr)
  (func (export "get_result_size") (result i32) global.get $size)
  (func $set_ptr (export "set_result_ptr") (param i32) local.get 0 global.set $ptr)
  (func $set_size (export "set_result_size") (param i32) local.get 0 global.set $size)"""
MEMORY = '(memory (export "memory") 2)'


def build_guest(
    body: str,
    *signatures: str | FunctionSignature,
    imports: str = "",
    memory: str = MEMORY,
    allocate: str = ALLOCATE,
    api: str = API,
    extra: bytes = b"",
    links: Sequence[tuple[str, FunctionSignature]] = (),
) -> bytes:
    """Assemble a module whose functions (`body`, as text) have these signatures.

    `links` are the typed imports from other modules; `extra` is written at the end of the
    interface-types section.
    """
    wasm = bytes(wat2wasm(f"(module {imports} {memory} {api} {allocate} {body})"))
    typed = [parse_signature(s, "guest") if isinstance(s, str) else s for s in signatures]
    return append_custom(wasm, "interface-types", encode_interface(typed, links) + extra)


def build_echo(guest_type: GuestType) -> bytes:
    """Make a guest whose `echo` answers its argument, whatever the type."""
    signature = FunctionSignature("echo", (NamedType("value", guest_type),), (guest_type,))
    params = " ".join(core.name.lower() for core in flatten_type(guest_type))
    if guest_type in SCALARS:
        body = f'(func (export "echo") (param {params}) (result {params}) local.get 0)'
    elif isinstance(guest_type, RecordType):
        body = '(func (export "echo") (param i32) local.get 0 call $set_ptr)'
    else:
        body = """(func (export "echo") (param i32 i32)
          local.get 0 call $set_ptr local.get 1 call $set_size)"""
    return build_guest(body, signature)


def build_relay(guest_type: GuestType, module: str = "other", name: str = "relay") -> bytes:
    """Make a guest whose function `name` answers what another module's `echo` answers."""
    signature = FunctionSignature("echo", (NamedType("value", guest_type),), (guest_type,))
    params = [core.name.lower() for core in flatten_type(guest_type)]
    core = f"(param {' '.join(params)})"
    if guest_type in SCALARS:
        core += f" (result {params[0]})"
    # An answer in memory is where the host has put it: set_result_ptr and set_result_size.
    forward = " ".join(f"local.get {index}" for index in range(len(params)))
    return build_guest(
        f'(func (export "{name}") {core} {forward} call $echo)',
        FunctionSignature(name, signature.parameters, signature.outputs),
        imports=f'(import "{module}" "echo" (func $echo {core}))',
        links=[(module, signature)],
    )


def build_caller(module: str, function: str, name: str = "relay") -> bytes:
    """Make a guest whose one function calls one without arguments or answer."""
    return build_guest(
        f'(func (export "{name}") call $next)',
        f"{name}()",
        imports=f'(import "{module}" "{function}" (func $next))',
        links=[(module, FunctionSignature(function, (), ()))],
    )


def build_service(
    folder: Path,
    modules: Mapping[str, bytes],
    *,
    warm: bool = False,
    memory: int = 4 << 20,
    storage: Path | None = None,
    limits: CallLimits | None = None,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> ServiceSpec:
    """Describe a service `guest` of several modules; `options` are of the modules, by name."""
    specs = []
    for name, wasm in modules.items():
        digest = hashlib.sha256(wasm).digest()
        path = folder / f"{digest.hex()}.wasm"
        path.write_bytes(wasm)
        chosen = (options or {}).get(name, {})
        specs.append(ModuleSpec(name, path, digest, **chosen))  # type: ignore[arg-type]
    return ServiceSpec(
        name="guest",
        modules=tuple(specs),
        total_memory_limit=memory,
        instance=InstanceMode.WARM if warm else InstanceMode.FRESH,
        limits=limits or LIMITS,
        storage_dir=storage,
    )


def build_spec(
    wasm: bytes,
    folder: Path,
    *,
    warm: bool = False,
    memory: int = 4 << 20,
    storage: Path | None = None,
    limits: CallLimits | None = None,
    **module: object,
) -> ServiceSpec:
    """Write the module to a file and describe a service `guest` made of it."""
    digest = hashlib.sha256(wasm).digest()
    path = folder / f"{digest.hex()}.wasm"
    path.write_bytes(wasm)
    return ServiceSpec(
        name="guest",
        modules=(ModuleSpec("guest", path, digest, **module),),  # type: ignore[arg-type]
        total_memory_limit=memory,
        instance=InstanceMode.WARM if warm else InstanceMode.FRESH,
        limits=limits or LIMITS,
        storage_dir=storage,
    )


LOOP = build_guest('(func (export "spin") (loop $on br $on))', "spin()")
# Ends by itself after some seconds, so that a test of what should end it cannot hang.
LONG_LOOP = build_guest(
    """(func (export "spin") (local $left i64)
      i64.const 4000000000 local.set $left
      (loop $on local.get $left i64.const 1 i64.sub local.tee $left i64.eqz i32.eqz br_if $on))""",
    "spin()",
)
TRAP = build_guest('(func (export "fail") unreachable)', "fail()")
RECURSION = build_guest('(func $deep (export "deep") call $deep)', "deep()")
MEMORY_BOMB = build_guest(
    """(func (export "eat")
      (loop $more i32.const 16 memory.grow i32.const -1 i32.ne br_if $more) unreachable)""",
    "eat()",
)
DIVISION = build_guest(
    '(func (export "divide") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_u)',
    "divide(a: u32, b: u32) -> u32",
)
OUT_OF_BOUNDS = build_guest('(func (export "poke") i32.const -8 i32.const 1 i32.store)', "poke()")
BAD_POINTER = build_guest(
    """(func (export "lie") i32.const 131000 call $set_ptr i32.const 4096 call $set_size)""",
    "lie() -> string",
)
NEGATIVE_POINTER = build_guest(
    """(func (export "lie") i32.const -16 call $set_ptr i32.const 16 call $set_size)""",
    "lie() -> bytes",
)
HUGE_OUTPUT = build_guest(
    """(func (export "flood") i32.const 0 call $set_ptr i32.const 131072 call $set_size)""",
    "flood() -> bytes",
)
BAD_UTF8 = build_guest(
    """(data (i32.const 0) "\\ff\\fe")
    (func (export "mumble") i32.const 0 call $set_ptr i32.const 2 call $set_size)""",
    "mumble() -> string",
)
BAD_ALLOCATE = build_guest(
    '(func (export "take") (param i32 i32))',
    "take(text: string)",
    allocate="""(func (export "allocate") (param i32 i32) (result i32) i32.const -4)""",
)
EXIT = build_guest(
    '(func (export "leave") i32.const 7 call $exit)',
    "leave()",
    imports='(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))',
)
COUNTER = build_guest(
    """(global $count (mut i64) (i64.const 0))
    (func (export "count") (result i64)
      global.get $count i64.const 1 i64.add global.set $count global.get $count)
    (func (export "fail") unreachable)""",
    "count() -> u64",
    "fail()",
)
# Sleeps inside a host call, which no epoch interrupts: one subscription to the monotonic clock
# (tag at 8, clock at 16, timeout at 24) for 30 s.
SLEEPER = build_guest(
    """(func (export "sleep")
      i32.const 16 i32.const 1 i32.store
      i32.const 24 i64.const 30000000000 i64.store
      i32.const 0 i32.const 256 i32.const 1 i32.const 512 call $poll drop)
    (func (export "ok") (result i32) i32.const 1)""",
    "sleep()",
    "ok() -> bool",
    imports="""(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))""",
)
LOGGER = build_guest(
    """(data (i32.const 0) "hello\\ffworld")
    (func (export "say") (param $target i32)
      i32.const 2 local.get $target i32.const 0 i32.const 5 call $log)
    (func (export "chatter") (local $left i32)
      i32.const 3000 local.set $left
      (loop $on
        i32.const 3 i32.const 0 i32.const 0 i32.const 5 call $log
        local.get $left i32.const 1 i32.sub local.tee $left br_if $on))
    (func (export "shout") i32.const 1 i32.const 0 i32.const 131000 i32.const 999 call $log)""",
    "say(target: i32)",
    "chatter()",
    "shout()",
    imports="""(import "__marine_host_api_v1" "log_utf8_string"
      (func $log (param i32 i32 i32 i32)))""",
)


def build_parameters(allocate: str = ALLOCATE) -> bytes:
    """Make a guest that answers the first field of its call parameters, a string."""
    body = """(func (export "who") (local $record i32)
      call $parameters
      global.get $ptr local.set $record
      local.get $record i32.load call $set_ptr
      local.get $record i32.load offset=4 call $set_size)"""
    # Types 8 and 9 of the section, after those of the exports: six of the API, two of `who`.
    record = b"\x01\x0eCallParameters\x02\x0cinit_peer_id\x0a\x0atetraplets\x36\x0a"
    types = b"\x00\x02" + record + b"\x00\x00\x01\x0e\x08"
    return build_guest(
        body,
        "who() -> string",
        imports='(import "host" "get_call_parameters" (func $parameters))',
        allocate=allocate,
        extra=types + b"\x01\x01\x04host\x13get_call_parameters\x09",
    )


PARAMETERS = build_parameters()
