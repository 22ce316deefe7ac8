"""Workers as processes: they die, hang and are killed, and the service goes on."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import psutil
import pytest

from kernel.errors import BadContent, ContentNotFound, NotFound
from peer.runtime.cores import Cores
from peer.runtime.errors import (
    CallRefused,
    EffectorRefused,
    FunctionNotFound,
    GuestFault,
    GuestTimeout,
    GuestTrap,
    InputTooLarge,
    ModuleError,
    NoWorker,
    PoolBusy,
    StartFailed,
)
from peer.runtime.nursery import ROOT, Nursery
from peer.runtime.pool import PoolSettings, WorkerPool
from peer.runtime.service import BodyKind, CallLimits, ServiceSpec
from tests.peer.runtime import guests
from tests.peer.runtime.guests import build_guest, build_spec

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
QUICK = PoolSettings(grace_seconds=0.2, queue_seconds=10)
SPINNER = build_guest(
    '(func (export "spin") (loop $on br $on)) (func (export "ok"))', "spin()", "ok()"
)
ONE = b'{"result":1}'
GREETING = ROOT / "examples" / "greeting" / "greeting.wasm"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@asynccontextmanager
async def running(
    folder: Path, *specs: ServiceSpec, units: int = 1, settings: PoolSettings = QUICK
) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(specs, units=units, cache_dir=folder / "cache", settings=settings)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def eventually(claim: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own timeout ends a vain wait."""
    while not claim():
        await asyncio.sleep(0.01)


async def get_failure(call: Awaitable[object]) -> Exception:
    """Return what the call raised."""
    try:
        await call
    except Exception as failure:
        return failure
    raise AssertionError("it did not fail")


@in_loop
async def test_call__fresh_and_warm__answer_as_asked(tmp_path: Path) -> None:
    for warm, last in ((False, ONE), (True, b'{"result":3}')):
        async with running(tmp_path, build_spec(guests.COUNTER, tmp_path, warm=warm)) as pool:
            answers = [await pool.call("guest", "count", b"[]") for _ in range(3)]

        assert answers[-1].output == last
        assert answers[-1].status == 0
        assert all(answer.duration_us > 0 for answer in answers)


@in_loop
async def test_call__many_at_once__use_all_workers(tmp_path: Path) -> None:
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=300))
    async with running(tmp_path, spec, units=2) as pool:
        assert len(pool.pids) == 2
        async with asyncio.timeout(10):
            slow = asyncio.create_task(get_failure(pool.call("guest", "sleep", b"")))
            await asyncio.sleep(0)
            answers = await asyncio.gather(*(pool.call("guest", "ok", b"") for _ in range(50)))

        assert not slow.done()
        assert {answer.output for answer in answers} == {b'{"result":true}'}
        assert isinstance(await slow, GuestTimeout)


@in_loop
async def test_call__worker_killed_during_the_call__fails_that_call_only(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        (pid,) = pool.pids
        call = asyncio.create_task(get_failure(pool.call("guest", "spin", b"")))
        worker = psutil.Process(pid)
        await eventually(lambda: worker.cpu_times().user > 0.3)
        os.kill(pid, signal.SIGKILL)
        failure = await call

        assert isinstance(failure, GuestTrap)
        assert "ended while it ran this call" in str(failure)
        await eventually(lambda: len(pool.pids) == 1)
        assert pool.pids != (pid,)


@in_loop
async def test_call__worker_dies_amid_many_short_calls__costs_one_of_them_at_most(
    tmp_path: Path,
) -> None:
    storage = tmp_path / "storage"
    spec = build_spec(GREETING.read_bytes(), tmp_path, storage=storage)
    async with running(tmp_path, spec) as pool:
        for _ in range(20):
            await pool.call("guest", "visit", b"")
        (pid,) = pool.pids
        calls = [asyncio.create_task(pool.call("guest", "visit", b"")) for _ in range(200)]
        await eventually(lambda: sum(call.done() for call in calls) > 20)
        os.kill(pid, signal.SIGKILL)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(failures) <= 1
        assert all(isinstance(failure, GuestTrap) for failure in failures)
        # Each visit is one byte: none was lost, none was made twice.
        visits = len((storage / "visits").read_bytes())
        assert 220 - len(failures) <= visits <= 220


@in_loop
async def test_call__slow_behind_short_ones__does_not_hold_up_their_answers(
    tmp_path: Path,
) -> None:
    wasm = build_guest(
        '(func (export "spin") (loop $on br $on)) (func (export "ok"))', "spin()", "ok()"
    )
    spec = build_spec(wasm, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        for _ in range(20):
            await pool.call("guest", "ok", b"")
        short = [asyncio.create_task(pool.call("guest", "ok", b"")) for _ in range(5)]
        slow = asyncio.create_task(get_failure(pool.call("guest", "spin", b"")))
        async with asyncio.timeout(10):
            await asyncio.gather(*short)

        assert not slow.done()
        slow.cancel()


@in_loop
async def test_call__behind_a_slow_one__goes_to_a_free_worker(tmp_path: Path) -> None:
    spec = build_spec(SPINNER, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec, units=2) as pool:
        for _ in range(10):
            await asyncio.gather(*(pool.call("guest", "ok", b"") for _ in range(4)))
        slow = asyncio.create_task(get_failure(pool.call("guest", "spin", b"")))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            # Both workers are given some; those behind the slow call must not wait for it.
            await asyncio.gather(*(pool.call("guest", "ok", b"") for _ in range(20)))

        assert not slow.done()
        slow.cancel()


@in_loop
async def test_call__behind_a_slow_one_and_no_other_worker__runs_once_all_the_same(
    tmp_path: Path,
) -> None:
    guest = build_guest(
        """(global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32)
          global.get $n i32.const 1 i32.add global.set $n global.get $n)
        (func (export "busy") (param $turns i32)
          (loop $more local.get $turns i32.const 1 i32.sub local.tee $turns br_if $more))""",
        "count() -> u32",
        "busy(turns: u32)",
    )
    spec = build_spec(guest, tmp_path, warm=True, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        answers = [await pool.call("guest", "count", b"") for _ in range(10)]
        busy = asyncio.create_task(pool.call("guest", "busy", b"[300000000]"))
        await asyncio.sleep(0)
        answers += await asyncio.gather(*(pool.call("guest", "count", b"") for _ in range(20)))

        assert busy.done()
        counted = [json.loads(answer.output)["result"] for answer in answers]
        assert counted == list(range(1, 31))


@in_loop
async def test_call__guest_that_prints_much__is_not_stopped_by_it(tmp_path: Path) -> None:
    printer = build_guest(
        """(data (i32.const 0) "half a line")
        (func (export "print") (param $count i32) (result i32)
          i32.const 16 i32.const 0 i32.store i32.const 20 i32.const 11 i32.store
          (loop $more
            i32.const 1 i32.const 16 i32.const 1 i32.const 24 call $write drop
            local.get $count i32.const 1 i32.sub local.tee $count br_if $more)
          i32.const 7)""",
        "print(count: u32) -> u32",
        imports="""(import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))""",
    )
    spec = build_spec(printer, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        once = await pool.call("guest", "print", b"[1]")
        much = await pool.call("guest", "print", b"[20000]")
        again = await pool.call("guest", "print", b"[1]")

    assert once.logs == again.logs == ("stdout: half a line",)
    assert much.output == b'{"result":7}'


@in_loop
async def test_call__workers_killed_while_idle__is_answered_by_new_ones(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.COUNTER, tmp_path), units=2) as pool:
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)

        answer = await pool.call("guest", "count", b"")

        assert answer.output == ONE
        await eventually(lambda: pool.restarts == 2 and len(pool.pids) == 2)


@in_loop
async def test_call__guest_asleep_in_a_host_call__is_ended_by_killing(tmp_path: Path) -> None:
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=100))
    async with running(tmp_path, spec) as pool:
        (pid,) = pool.pids
        failure = await get_failure(pool.call("guest", "sleep", b""))

        assert isinstance(failure, GuestTimeout)
        assert "did not yield" in failure.detail
        assert (await pool.call("guest", "ok", b"")).output == b'{"result":true}'
        assert pool.pids != (pid,)


@in_loop
async def test_call__endless_loop__is_ended_without_losing_the_worker(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=100))
    async with running(tmp_path, spec) as pool:
        pids = pool.pids
        for _ in range(2):
            failure = await get_failure(pool.call("guest", "spin", b""))
            assert isinstance(failure, GuestTimeout)
            assert failure.duration_us >= 100_000

        assert pool.pids == pids


@in_loop
async def test_call__given_up_by_the_caller__frees_the_worker_when_it_ends(tmp_path: Path) -> None:
    wasm = build_guest(
        '(func (export "spin") (loop $on br $on)) (func (export "ok"))', "spin()", "ok()"
    )
    spec = build_spec(wasm, tmp_path, limits=CallLimits(call_ms=200))
    async with running(tmp_path, spec) as pool:
        pids = pool.pids
        spin = asyncio.create_task(pool.call("guest", "spin", b""))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(pool.call("guest", "ok", b""))
        await asyncio.sleep(0)
        spin.cancel()
        waiting.cancel()

        assert (await pool.call("guest", "ok", b"")).output == b'{"result":null}'
        assert pool.pids == pids


@in_loop
async def test_call__queue_full_or_too_slow__says_so(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=700))
    settings = PoolSettings(queue_length=1, queue_seconds=0.1)
    async with running(tmp_path, spec, settings=settings) as pool:
        calls = [
            asyncio.create_task(get_failure(pool.call("guest", "spin", b""))) for _ in range(3)
        ]
        # The second gives up its place in the queue, so a fourth may wait there.
        await calls[1]
        fourth = await get_failure(pool.call("guest", "spin", b""))
        failures = await asyncio.gather(*calls)

    assert [type(failure) for failure in failures] == [GuestTimeout, NoWorker, PoolBusy]
    assert isinstance(fourth, NoWorker)


@in_loop
async def test_call__fault__carries_status_logs_and_time(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.LOGGER, tmp_path)) as pool:
        assert (await pool.call("guest", "say", b"[0]")).logs == ("warn: hello",)
        failure = await get_failure(pool.call("guest", "shout", b""))

    assert isinstance(failure, GuestFault)
    assert failure.kind == 1


@in_loop
async def test_call__wrong_requests__never_reach_the_guest(tmp_path: Path) -> None:
    spec = build_spec(guests.COUNTER, tmp_path, limits=CallLimits(call_ms=500, input_bytes=10))
    async with running(tmp_path, spec) as pool:
        wrong = (
            (FunctionNotFound, ("guest", "nothing", b"")),
            (FunctionNotFound, ("guest", "allocate", b"")),
            (NotFound, ("ghost", "count", b"")),
            (InputTooLarge, ("guest", "count", b" " * 11)),
            (CallRefused, ("guest", "count", b"[1]")),
        )
        for error, arguments in wrong:
            with pytest.raises(error):
                await pool.call(*arguments)
        with pytest.raises(CallRefused):
            await pool.call("guest", "count", b"", BodyKind.RAW)


@in_loop
async def test_interface__of_a_service__is_typed(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.DIVISION, tmp_path)) as pool:
        assert pool.interface("guest")["functions"] == [
            {
                "name": "divide",
                "arguments": [{"name": "a", "type": "u32"}, {"name": "b", "type": "u32"}],
                "output": "u32",
            }
        ]


@in_loop
async def test_worker__has_nothing_of_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMARKET_SECRET", "key")
    async with running(tmp_path, build_spec(guests.COUNTER, tmp_path)) as pool:
        (pid,) = pool.pids
        status = Path(f"/proc/{pid}/status").read_text()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        limits = Path(f"/proc/{pid}/limits").read_text()

    assert "NoNewPrivs:\t1" in status
    assert b"SECRET" not in environment
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert re.search(r"Max open files +256 +256 ", limits)


@in_loop
async def test_idle__workers_without_calls__end_and_come_back_when_needed(tmp_path: Path) -> None:
    settings = PoolSettings(grace_seconds=0.2, queue_seconds=10, idle_seconds=0.2)
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=300))
    async with running(tmp_path, spec, units=2, settings=settings) as pool:
        assert len(pool.pids) == 1
        await eventually(lambda: not pool.pids)

        slow = asyncio.create_task(get_failure(pool.call("guest", "sleep", b"")))
        await eventually(lambda: len(pool.pids) == 1)
        answer = await pool.call("guest", "ok", b"")

        assert answer.output == b'{"result":true}'
        assert isinstance(await slow, GuestTimeout)
        await eventually(lambda: not pool.pids)
        assert (await pool.call("guest", "ok", b"")).output == b'{"result":true}'


@in_loop
async def test_idle__many_calls_at_once__start_no_more_workers_than_units(tmp_path: Path) -> None:
    settings = PoolSettings(idle_seconds=5)
    async with running(
        tmp_path, build_spec(guests.COUNTER, tmp_path), units=2, settings=settings
    ) as pool:
        answers = await asyncio.gather(*(pool.call("guest", "count", b"") for _ in range(40)))
        await eventually(lambda: len(pool.pids) == 2)

        assert {answer.output for answer in answers} == {ONE}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@in_loop
async def test_worker__cores_for_all_units__each_runs_on_one_of_its_own(tmp_path: Path) -> None:
    cores = Cores(os.sched_getaffinity(0))
    cores.plan(2)
    nursery = Nursery(cores)
    spec = build_spec(guests.COUNTER, tmp_path)
    pool = WorkerPool([spec], units=2, cache_dir=tmp_path / "cache", nursery=nursery)

    def find_cores() -> set[tuple[int, ...]]:
        return {
            tuple(sorted(os.sched_getaffinity(int(thread.name))))
            for pid in pool.pids
            for thread in Path(f"/proc/{pid}/task").iterdir()
        }

    try:
        await pool.start()
        assert len(find_cores()) == 2
        assert all(len(numbers) == 1 for numbers in find_cores())

        os.kill(pool.pids[0], signal.SIGKILL)
        await eventually(lambda: pool.restarts == 1 and len(pool.pids) == 2)
        assert len(find_cores()) == 2
        assert (await pool.call("guest", "count", b"")).output == ONE
    finally:
        await pool.stop()
        await nursery.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@in_loop
async def test_worker_of_root__is_nobody_and_writes_only_its_storage(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    storage = tmp_path / "closed" / "storage"
    storage.mkdir(parents=True, mode=0o700)
    (storage / "kept").write_text("by root")
    (tmp_path / "outside").write_text("root's")
    (storage / "link").symlink_to(tmp_path / "outside")
    opener = build_guest(
        """(data (i32.const 0) "new")
        (func (export "create") (result i32)
          i32.const 3 i32.const 0 i32.const 0 i32.const 3 i32.const 1
          i64.const 64 i64.const 0 i32.const 0 i32.const 64 call $open)""",
        "create() -> u32",
        imports="""(import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))""",
    )
    async with running(tmp_path, build_spec(opener, tmp_path, storage=storage)) as pool:
        (pid,) = pool.pids
        status = Path(f"/proc/{pid}/status").read_text()
        answer = await pool.call("guest", "create", b"")

    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Groups:\t \n" in status
    assert "CapEff:\t0000000000000000" in status
    assert answer.output == b'{"result":0}'
    assert (storage / "new").stat().st_uid == (storage / "kept").stat().st_uid == 65534
    assert (tmp_path / "outside").stat().st_uid == 0


@in_loop
async def test_worker__ends_with_its_supervisor(tmp_path: Path) -> None:
    (module,) = build_spec(guests.COUNTER, tmp_path).modules
    code = f"""
import asyncio
from pathlib import Path
from peer.runtime.pool import WorkerPool
from peer.runtime.service import ModuleSpec, ServiceSpec

async def main():
    module = ModuleSpec("guest", Path({str(module.path)!r}), {module.digest!r})
    cache = Path({str(tmp_path / "cache")!r})
    pool = WorkerPool([ServiceSpec("guest", (module,))], units=1, cache_dir=cache)
    await pool.start()
    print(pool.pids[0], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as supervisor:
        assert supervisor.stdout is not None
        line = await asyncio.to_thread(supervisor.stdout.readline)
        worker = psutil.Process(int(line))
        supervisor.kill()

    await eventually(lambda: not worker.is_running())


@in_loop
async def test_stop__ends_every_process_and_call(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=20_000))
    pool = WorkerPool([spec], units=2, cache_dir=tmp_path / "cache")
    await pool.start()
    pids = pool.pids
    calls = [asyncio.create_task(get_failure(pool.call("guest", "spin", b""))) for _ in range(3)]
    workers = [psutil.Process(pid) for pid in pids]
    before = [worker.cpu_times().user for worker in workers]
    await eventually(
        lambda: all(
            worker.cpu_times().user > start + 0.05
            for worker, start in zip(workers, before, strict=True)
        )
    )
    await pool.stop()

    failures = await asyncio.gather(*calls)
    assert [type(failure) for failure in failures] == [GuestTrap, GuestTrap, NoWorker]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(NoWorker):
        await pool.call("guest", "spin", b"")


@in_loop
async def test_start__what_cannot_be_hosted__says_why(tmp_path: Path) -> None:
    good = build_spec(guests.COUNTER, tmp_path)
    (module,) = good.modules
    foreign = build_guest("", imports='(import "curl" "get" (func))')
    trapping = build_guest('(func (export "_initialize") unreachable)')
    invalid = guests.COUNTER.replace(b"\x42\x00\x0b", b"\x41\x00\x0b", 1)

    def changed(**fields: object) -> ServiceSpec:
        return ServiceSpec(**{"name": "guest", "modules": (module,), **fields})  # type: ignore[arg-type]

    moved = type(module)("m", tmp_path / "gone.wasm", module.digest)
    other = type(module)("m", module.path, b"\0" * 32)
    mapped = type(module)("m", module.path, module.digest, mapped_dirs={"x": "/storage/../etc"})
    cases = (
        (changed(modules=(module, module)), ModuleError, "two modules called guest"),
        (changed(modules=()), ModuleError, "has no module"),
        (changed(abi="lua"), ModuleError, "'lua' is not supported"),
        (changed(abi="raw"), ModuleError, "not a raw module"),
        (changed(abi="raw", modules=(module, module)), ModuleError, "cannot be linked"),
        (changed(modules=(moved,)), ContentNotFound, "gone.wasm"),
        (changed(modules=(other,)), BadContent, "does not have the hash"),
        (changed(modules=(mapped,), storage_dir=tmp_path), ModuleError, "not valid"),
        (changed(modules=(mapped,)), ModuleError, "has no storage"),
        (build_spec(foreign, tmp_path), EffectorRefused, "curl.get"),
        (build_spec(trapping, tmp_path), StartFailed, "unreachable"),
        (build_spec(invalid, tmp_path), ModuleError, "does not compile"),
        (build_spec(b"\x7fELF", tmp_path), ModuleError, "not a WebAssembly module"),
    )
    for spec, error, reason in cases:
        pool = WorkerPool([spec], units=1, cache_dir=tmp_path / "cache")
        with pytest.raises(error, match=reason):
            await pool.start()
        assert pool.pids == ()
