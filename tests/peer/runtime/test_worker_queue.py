"""Which worker runs a call, and when: queues, slow calls, idle workers, cores."""

import asyncio
import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from peer.runtime.errors import (
    GuestTimeout,
    GuestTrap,
    NoWorker,
    PoolBusy,
)
from peer.runtime.module.service import CallLimits
from peer.runtime.workers.cores import Cores
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from tests.peer.runtime import guests
from tests.peer.runtime.guests import build_guest, build_spec
from tests.peer.runtime.pools import (
    GREETING,
    ONE,
    SPINNER,
    eventually,
    get_failure,
    in_loop,
    running,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@in_loop
async def test_call__many_at_once__use_all_workers(tmp_path: Path) -> None:
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec, units=2) as pool:
        assert len(pool.pids) == 2
        async with asyncio.timeout(60):
            slow = asyncio.create_task(get_failure(pool.call("guest", "sleep", b"")))
            await asyncio.sleep(0)
            answers = await asyncio.gather(*(pool.call("guest", "ok", b"") for _ in range(50)))

        assert not slow.done()
        assert {answer.output for answer in answers} == {b'{"result":true}'}
        slow.cancel()


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
        async with asyncio.timeout(60):
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
        async with asyncio.timeout(60):
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
async def test_call__workers_killed_while_idle__is_answered_by_new_ones(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.COUNTER, tmp_path), units=2) as pool:
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)

        answer = await pool.call("guest", "count", b"")

        assert answer.output == ONE
        await eventually(lambda: pool.restarts == 2 and len(pool.pids) == 2)


@in_loop
async def test_call__given_up_by_the_caller__frees_the_worker_when_it_ends(tmp_path: Path) -> None:
    wasm = build_guest(
        '(func (export "spin") (loop $on br $on)) (func (export "ok"))', "spin()", "ok()"
    )
    spec = build_spec(wasm, tmp_path, limits=CallLimits(call_ms=1_000))
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
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=20_000))
    settings = PoolSettings(queue_length=1, queue_seconds=0.1)
    async with running(tmp_path, spec, settings=settings) as pool:
        calls = [
            asyncio.create_task(get_failure(pool.call("guest", "spin", b""))) for _ in range(3)
        ]
        # The second gives up its place in the queue, so a fourth may wait there.
        await calls[1]
        fourth = await get_failure(pool.call("guest", "spin", b""))
        failures = [await call for call in calls[1:]]

        assert [type(failure) for failure in failures] == [NoWorker, PoolBusy]
        assert isinstance(fourth, NoWorker)
        assert not calls[0].done()
        calls[0].cancel()


@in_loop
async def test_idle__workers_without_calls__end_and_come_back_when_needed(tmp_path: Path) -> None:
    settings = PoolSettings(grace_seconds=0.2, queue_seconds=10, idle_seconds=0.2)
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=1_000))
    async with running(tmp_path, spec, units=2, settings=settings) as pool:
        assert len(pool.pids) <= 1
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


@in_loop
async def test_spare__killed_while_it_waits__is_made_up_for(tmp_path: Path) -> None:
    spawner = WorkerSpawner()
    spec = build_spec(guests.COUNTER, tmp_path)
    pool = WorkerPool([spec], units=1, cache_dir=tmp_path / "cache", spawner=spawner)
    try:
        await spawner.start()

        def find_spares() -> list[psutil.Process]:
            # Those of peers that run beside this test are not children of its own fork_server.
            mine = psutil.Process().children()
            fork_servers = [
                child for child in mine if "peer.runtime.workers.fork_server" in child.cmdline()
            ]
            children = [child for fork_server in fork_servers for child in fork_server.children()]
            return [child for child in children if child.name() == "wasm-spare"]

        await eventually(lambda: len(find_spares()) == 1)
        [spare] = find_spares()
        spare.kill()
        await eventually(lambda: not spare.is_running())

        await pool.start()

        assert (await pool.call("guest", "count", b"")).output == ONE
        assert psutil.Process(pool.pids[0]).name() == "wasm-worker"
    finally:
        await pool.stop()
        await spawner.close()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@in_loop
async def test_worker__cores_for_all_units__each_runs_on_one_of_its_own(tmp_path: Path) -> None:
    cores = Cores(os.sched_getaffinity(0))
    cores.plan(2)
    spawner = WorkerSpawner(cores)
    spec = build_spec(guests.COUNTER, tmp_path)
    pool = WorkerPool([spec], units=2, cache_dir=tmp_path / "cache", spawner=spawner)

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
        await spawner.close()
