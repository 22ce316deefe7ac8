"""Components in real workers: compiled apart, bounded, replaced when they take too much."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from peer.runtime.errors import GuestFault, GuestOutput, ModuleError
from peer.runtime.module.service import CallLimits, ModuleSpec, ServiceSpec
from tests.peer.runtime.components.wat_components import ECHO, build_functions
from tests.peer.runtime.pools import get_failure, in_loop, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HUGE = build_functions(
    """
    (func (export "huge") (param i32) (result i32)
      (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (local.get 0))
      (drop (memory.grow (i32.const 1000))) (i32.const 16))
    """,
    """
    (func (export "huge") (param "count" u32) (result (list u8))
      (canon lift (core func $m "huge") $lifted))
    """,
)
# A byte of the name of an export that the canonical function uses: what it names is not there.
INVALID = ECHO.replace(b"realloc", b"reallox", 1)


def lay(folder: Path, wasm: bytes, **options: Any) -> ServiceSpec:
    path = folder / "main.wasm"
    path.write_bytes(wasm)
    module = ModuleSpec("main", path, sha256(wasm).digest())
    return ServiceSpec("app", (module,), abi="component", **options)


@in_loop
async def test_component__in_a_worker__answers(tmp_path):
    async with running(tmp_path, lay(tmp_path, ECHO)) as pool:
        answered = await pool.call("app", "echo", b'["hello"]')

        assert json.loads(answered.output) == {"result": "hello"}
        assert len(list((tmp_path / "cache").glob("*.cwasm"))) == 1


@in_loop
async def test_component__that_does_not_compile__refused_with_the_reason(tmp_path):
    async def start() -> None:
        async with running(tmp_path, lay(tmp_path, INVALID)):
            raise AssertionError("it runs")

    failure = await get_failure(start())

    assert isinstance(failure, ModuleError)
    assert "does not compile" in failure.detail


@in_loop
async def test_answer__far_larger_than_a_worker_may_hold__costs_only_that_call(tmp_path):
    spec = lay(tmp_path, HUGE, total_memory_limit=64 << 20, limits=CallLimits(output_bytes=1024))
    async with running(tmp_path, spec) as pool:
        failure = await get_failure(pool.call("app", "huge", b"[60000000]"))
        answered = await pool.call("app", "huge", b"[3]")

        assert isinstance(failure, GuestFault)
        assert json.loads(answered.output) == {"result": "AAAA"}


@in_loop
async def test_answer__a_little_larger_than_its_limit__named_so(tmp_path):
    spec = lay(tmp_path, HUGE, limits=CallLimits(output_bytes=1024))
    async with running(tmp_path, spec) as pool:
        assert isinstance(await get_failure(pool.call("app", "huge", b"[2000]")), GuestOutput)
