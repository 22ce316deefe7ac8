"""Calls run again: the same value, or a reason why none can be told."""

import os

import pytest

from peer.auditing.executor import CallExecutor
from peer.hosting.versions import Preparer
from peer.policy.file import PolicyFile
from peer.runtime.workers.pool import WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from tests.peer.peer_runner import GREETING, publish
from tests.peer.runtime.pools import in_loop
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.documents.receipts import function_hash, value_digest
from wasmarket.kernel.hashing import sha256
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client

pytestmark = pytest.mark.e2e

LIMITS = Limits(call_ms=2_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)


@pytest.fixture
def blocks(tmp_path):
    return BlockFolder(tmp_path / "blocks")


async def execute(tmp_path, blocks, app, *calls):
    """Return what each call of an app is worth."""
    spawner = WorkerSpawner()
    async with create_async_client(Outbound(True)) as client:
        fetcher = Fetcher(blocks, client, FetchLimits(source_seconds=0.2))
        preparer = Preparer(fetcher, PolicyFile(), tmp_path / "modules", 0.5)

        async def prepare(wanted):
            return await preparer.prepare(wanted, 1_024, tmp_path / "storage", lambda: ())

        executor = CallExecutor(tmp_path / "cache", prepare, spawner)
        found = [await executor.execute(app, *call) for call in calls]
        await executor.close()
    await spawner.close()
    return found


@in_loop
async def test_execute__deterministic_call__has_the_value_of_its_answer(tmp_path, blocks):
    app = publish(blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)
    function, body = function_hash("greeting", "greeting"), b'["you"]'

    first, again, other = await execute(
        tmp_path, blocks, app, (function, body), (function, body), (function, b'["me"]')
    )

    assert first == again
    assert first.value != other.value
    output = b'{"result":"Hi, you"}'
    assert any(
        first.value == value_digest(sha256(output), 0, fuel, len(body) + len(output))
        for fuel in range(1, 200_000)
    )


@in_loop
async def test_execute__no_such_function__is_false_in_itself(tmp_path, blocks):
    app = publish(blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)

    [found] = await execute(tmp_path, blocks, app, (function_hash("greeting", "no"), b"[]"))

    assert (found.is_false, found.value) == (True, None)


@in_loop
async def test_execute__not_deterministic__cannot_be_told(tmp_path, blocks):
    app = publish(blocks, GREETING.read_bytes(), limits=LIMITS)

    [found] = await execute(
        tmp_path, blocks, app, (function_hash("greeting", "greeting"), b'["you"]')
    )

    assert (found.is_false, found.value) == (False, None)


@in_loop
async def test_execute__app_that_nobody_has__cannot_be_told(tmp_path, blocks):
    [found] = await execute(tmp_path, blocks, to_hash(b"a" * 32), (b"f" * 32, b"[]"))

    assert (found.is_false, found.value) == (False, None)
    assert found.why


@in_loop
async def test_execute__value_that_is_expected__is_run_once_and_another_twice(
    tmp_path, blocks, monkeypatch
):
    runs = []
    call = WorkerPool.call

    async def counted(pool, *arguments):
        runs.append(arguments)
        return await call(pool, *arguments)

    monkeypatch.setattr(WorkerPool, "call", counted)
    app = publish(blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)
    function, body = function_hash("greeting", "greeting"), b'["you"]'

    [first] = await execute(tmp_path, blocks, app, (function, body))
    assert len(runs) == 2
    [again] = await execute(tmp_path, blocks, app, (function, body, first.value))
    assert (again, len(runs)) == (first, 3)
    [other] = await execute(tmp_path, blocks, app, (function, body, b"v" * 32))
    assert (other, len(runs)) == (first, 5)


@in_loop
async def test_execute__its_workers__step_behind_all_others(tmp_path, blocks, monkeypatch):
    levels = []
    call = WorkerPool.call

    async def looked_at(pool, *arguments):
        levels.extend(os.sched_getscheduler(pid) for pid in pool.pids)
        return await call(pool, *arguments)

    monkeypatch.setattr(WorkerPool, "call", looked_at)
    app = publish(blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)

    [found] = await execute(
        tmp_path, blocks, app, (function_hash("greeting", "greeting"), b'["you"]')
    )

    assert found.value is not None
    assert set(levels) == {os.SCHED_IDLE}
