"""Guests that mean harm, all in one worker process: each costs its own call and nothing else."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from peer.runtime.abi.guest_types import ArrayType, Basic, FunctionSignature, NamedType, RecordType
from peer.runtime.errors import GuestFault
from peer.runtime.module.service import CallLimits, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime import guests
from tests.peer.runtime.guests import API, build_guest, build_spec
from wasmarket.kernel.documents.receipts import CallStatus

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TRAP, TIME, MEM, OUT = CallStatus.TRAP, CallStatus.TIME, CallStatus.MEMORY, CallStatus.OUTPUT
LOG = '(import "host" "log_utf8_string" (func $log (param i32 i32 i32 i32)))'
BIG = '(memory (export "memory") 1700)'
STRINGS = ArrayType(ArrayType(Basic.STRING))
NODE = RecordType(
    "Node", (NamedType("name", Basic.STRING), NamedType("tags", ArrayType(Basic.U64)))
)


def wasi(name: str, params: str) -> str:
    return f'(import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))'


def do(body: str, output: str = "", **options: object) -> bytes:
    """Make a guest whose function `go` runs `body`."""
    return build_guest(f'(func (export "go") {body})', f"go(){output}", **options)  # type: ignore[arg-type]


def answer(pointer: int, size: int, output: str = " -> bytes", **options: object) -> bytes:
    """Make a guest that answers with this pointer and size."""
    body = f"i32.const {pointer} call $set_ptr i32.const {size} call $set_size"
    return do(body, output, **options)


PAIRS = "\\00\\20\\00\\00\\00\\10\\00\\00" * 1000
NESTED = build_guest(
    f"""(data (i32.const 8192) "{PAIRS}")
    (func (export "go") i32.const 8192 call $set_ptr i32.const 1000 call $set_size)""",
    FunctionSignature("go", (), (STRINGS,)),
)
HOSTILE: dict[str, tuple[bytes, CallStatus]] = {
    "abort": (do("unreachable"), TRAP),
    "endless-loop": (do("(loop $on br $on)"), TIME),
    "endless-recursion": (build_guest('(func $go (export "go") call $go)', "go()"), TRAP),
    "deep-indirect-recursion": (
        build_guest(
            """(table 1 funcref) (elem (i32.const 0) $go)
            (func $go (export "go") i32.const 0 call_indirect)""",
            "go()",
        ),
        TRAP,
    ),
    "big-frames": (
        build_guest(
            f"""(func $deep (param {"i64 " * 50}) (result i64) {"local.get 0 " * 50}
              call $deep local.get 1 i64.add)
            (func (export "go") {"i64.const 1 " * 50} call $deep drop)""",
            "go()",
        ),
        TRAP,
    ),
    "memory-bomb": (
        do("(loop $more i32.const 16 memory.grow i32.const -1 i32.ne br_if $more) unreachable"),
        MEM,
    ),
    "one-huge-grow": (
        do("i32.const 65000 memory.grow i32.const -1 i32.eq if unreachable end"),
        TRAP,
    ),
    "memory-fill-loop": (
        do("(loop $on i32.const 0 i32.const 7 i32.const 131072 memory.fill br $on)"),
        TIME,
    ),
    "table-bomb": (
        do(
            """(loop $more ref.null func i32.const 1000 table.grow $t i32.const -1 i32.ne
            br_if $more) unreachable""",
            imports="(table $t 1 funcref)",
        ),
        TRAP,
    ),
    "store-out-of-bounds": (do("i32.const -8 i32.const 1 i32.store"), TRAP),
    "indirect-call-of-nothing": (
        do("i32.const 0 call_indirect", imports="(table 1 funcref)"),
        TRAP,
    ),
    "division-by-zero": (do("i32.const 1 i32.const 0 i32.div_u drop"), TRAP),
    "float-to-int": (do("f64.const nan i32.trunc_f64_s drop"), TRAP),
    "exit": (
        do("i32.const 7 call $f", imports=wasi("proc_exit", "i32").replace("(result i32)", "")),
        TRAP,
    ),
    "answer-of-100-MB": (answer(0, 100 << 20, memory=BIG), OUT),
    "answer-of-4-GB": (answer(0, -1), OUT),
    "answer-outside-memory": (answer(131_000, 4096), TRAP),
    "answer-before-memory": (answer(-16, 16), TRAP),
    "answer-not-utf8": (
        build_guest(
            """(data (i32.const 0) "\\ff\\fe")
            (func (export "go") i32.const 0 call $set_ptr i32.const 2 call $set_size)""",
            "go() -> string",
        ),
        TRAP,
    ),
    "answer-amplified": (NESTED, OUT),
    "answer-of-huge-numbers-list": (answer(0, 1 << 29, " -> [u64]"), OUT),
    "record-of-bad-pointers": (
        build_guest(
            """(data (i32.const 4096) "\\ff\\ff\\ff\\7f\\10\\00\\00\\00")
            (func (export "go") i32.const 4096 call $set_ptr)""",
            FunctionSignature("go", (), (NODE,)),
        ),
        TRAP,
    ),
    "host-call-bomb": (
        do(
            "(loop $on i32.const 3 i32.const 0 i32.const 0 i32.const 9 call $log br $on)",
            imports=LOG,
        ),
        TIME,
    ),
    "huge-log-lines": (
        do(
            "(loop $on i32.const 3 i32.const 0 i32.const 0 i32.const 131072 call $log br $on)",
            imports=LOG,
        ),
        TIME,
    ),
    "log-out-of-bounds": (
        do("i32.const 3 i32.const 0 i32.const -1 i32.const -1 call $log", imports=LOG),
        TRAP,
    ),
    "random-bomb": (
        do(
            "(loop $on i32.const 0 i32.const 65536 call $f drop br $on)",
            imports=wasi("random_get", "i32 i32"),
        ),
        TIME,
    ),
    "print-flood": (
        do(
            """i32.const 4 i32.const 65536 i32.store
            (loop $on i32.const 1 i32.const 0 i32.const 1 i32.const 8 call $f drop br $on)""",
            imports=wasi("fd_write", "i32 i32 i32 i32"),
        ),
        TIME,
    ),
    "yield-loop": (
        do(
            "(loop $on call $y drop br $on)",
            imports='(import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))',
        ),
        TIME,
    ),
    "bad-release": (
        answer(
            0,
            4,
            api=API.replace(
                '(func (export "release_objects"))',
                '(func (export "release_objects") unreachable)',
            ),
        ),
        TRAP,
    ),
    "result-size-that-loops": (
        answer(
            0,
            4,
            api=API.replace(
                "(result i32) global.get $size)", "(result i32) (loop $on br $on) unreachable)"
            ),
        ),
        TIME,
    ),
}


def describe(name: str, wasm: bytes, folder: Path) -> ServiceSpec:
    memory = 128 << 20 if name == "answer-of-100-MB" else 4 << 20
    ends_by_time = name in HOSTILE and HOSTILE[name][1] == TIME
    limits = CallLimits(call_ms=150 if ends_by_time else 20_000)
    return replace(build_spec(wasm, folder, warm=True, memory=memory, limits=limits), name=name)


def test_call__hostile_guests_one_after_the_other__cost_only_their_own_calls(
    tmp_path: Path,
) -> None:
    assert len(HOSTILE) >= 25
    specs = [describe(name, wasm, tmp_path) for name, (wasm, _) in HOSTILE.items()]
    specs.append(describe("good", guests.COUNTER, tmp_path))

    async def attack() -> tuple[dict[str, CallStatus], list[bytes], bool]:
        pool = WorkerPool(specs, units=1, cache_dir=tmp_path / "cache")
        await pool.start()
        try:
            pids, seen, good = pool.pids, {}, []
            for name in HOSTILE:
                for _ in range(2):
                    with pytest.raises(GuestFault) as fault:
                        await pool.call(name, "go", b"")
                    seen[name] = fault.value.kind
                good.append((await pool.call("good", "count", b"")).output)
            return seen, good, pool.pids == pids and pool.restarts == 0
        finally:
            await pool.stop()

    seen, good, is_same_worker = asyncio.run(attack())

    assert seen == {name: status for name, (_, status) in HOSTILE.items()}
    assert good == [b'{"result":%d}' % count for count in range(1, len(HOSTILE) + 1)]
    assert is_same_worker
