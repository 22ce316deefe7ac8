"""The example app as a developer gets it: its bytes, its answers, its storage."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.build import EXAMPLES, PINNED_COMPILER, build_app, find_compiler
from peer.runtime.module.check import inspect_module
from peer.runtime.module.service import BodyKind, CallLimits, InstanceMode, ModuleSpec, ServiceSpec
from peer.runtime.workers.pool import WorkerPool

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
APPS = ["greeting", "greeting-v2"]
BUILT = [*APPS, "effectors", "site"]


def describe(app: str, folder: Path, *, warm: bool = False, memory: int = 16 << 20) -> ServiceSpec:
    path = EXAMPLES / app / "greeting.wasm"
    module = ModuleSpec("greeting", path, hashlib.sha256(path.read_bytes()).digest())
    return ServiceSpec(
        "greeting",
        (module,),
        total_memory_limit=memory,
        instance=InstanceMode.WARM if warm else InstanceMode.FRESH,
        limits=CallLimits(call_ms=2_000),
        storage_dir=folder / "storage",
    )


def use(spec: ServiceSpec, folder: Path, steps: Callable[[WorkerPool], Any], units: int = 1) -> Any:
    """Start a pool, run the steps, stop it, and return what they gave."""

    async def run() -> Any:
        pool = WorkerPool([spec], units=units, cache_dir=folder / "cache")
        await pool.start()
        try:
            return await steps(pool)
        finally:
            await pool.stop()

    return asyncio.run(run())


async def ask(pool: WorkerPool, function: str, *arguments: object) -> object:
    result = await pool.call("greeting", function, json.dumps(arguments).encode())
    return json.loads(result.output)["result"]


@pytest.mark.skipif(
    not (find_compiler() or "").startswith(PINNED_COMPILER),
    reason=f"needs Debian's {PINNED_COMPILER} with its Wasm library, from which the bytes come",
)
@pytest.mark.parametrize("app", BUILT)
def test_build__on_the_pinned_compiler__gives_the_committed_bytes(app: str) -> None:
    built = build_app(EXAMPLES / app)

    assert built
    for path, wasm in built.items():
        assert hashlib.sha256(wasm).hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("app", APPS)
def test_module__committed__says_what_it_is(app: str) -> None:
    info = inspect_module((EXAMPLES / app / "greeting.wasm").read_bytes())

    assert list(info.interface.functions) == ["greeting", "add", "digest", "visit", "health"]
    assert info.sdk_version == "0.14.0"
    assert info.manifest is not None
    assert info.manifest.version == "1.0.0"


def test_greeting__every_function__answers(tmp_path: Path) -> None:
    async def steps(pool: WorkerPool) -> list[object]:
        digest = await pool.call("greeting", "digest", b"abc" * 1000, BodyKind.RAW)
        assert digest.output == hashlib.sha256(b"abc" * 1000).digest()
        logged = await pool.call("greeting", "greeting", b'["\xc3\x89va"]')
        assert logged.logs == ("info: greeting Éva",)
        return [
            await ask(pool, "greeting", "Éva"),
            await ask(pool, "greeting", ""),
            await ask(pool, "add", 2**53, "18446744073709551615"),
            await ask(pool, "health"),
        ]

    assert use(describe("greeting", tmp_path), tmp_path, steps) == [
        "Hi, Éva",
        "Hi, ",
        2**64 - 1,
        True,
    ]


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])
def test_digest__around_block_borders__is_sha256(tmp_path: Path, size: int) -> None:
    data = bytes(range(250)) * 4
    steps = lambda pool: pool.call("greeting", "digest", data[:size], BodyKind.RAW)  # noqa: E731

    output = use(describe("greeting", tmp_path), tmp_path, steps).output

    assert output == hashlib.sha256(data[:size]).digest()


def test_visit__workers_restarts_and_an_update__count_on(tmp_path: Path) -> None:
    async def visit_ten_times(pool: WorkerPool) -> list[object]:
        return await asyncio.gather(*(ask(pool, "visit") for _ in range(10)))

    first = use(describe("greeting", tmp_path), tmp_path, visit_ten_times, units=2)
    second = use(describe("greeting-v2", tmp_path, warm=True), tmp_path, visit_ten_times)

    # Two workers may look at the file after both have written: none is lost, some see the same.
    assert max(first) == 10
    assert sorted(second) == list(range(11, 21))


def test_greeting_v2__answers_otherwise(tmp_path: Path) -> None:
    steps = lambda pool: ask(pool, "greeting", "Ann")  # noqa: E731

    answer = use(describe("greeting-v2", tmp_path), tmp_path, steps)

    assert answer == "Hello, Ann! Nice to see you."


def test_warm_instance__ten_thousand_calls__keep_its_memory(tmp_path: Path) -> None:
    async def steps(pool: WorkerPool) -> object:
        for _ in range(10_000):
            await pool.call("greeting", "greeting", b'["Ann"]')
        return pool.restarts

    spec = describe("greeting", tmp_path, warm=True, memory=4 * 65536)
    assert use(spec, tmp_path, steps) == 0
