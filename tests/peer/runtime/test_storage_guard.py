"""A guest that fills its storage is stopped at the limit, and its peer's disk is left some room."""

import asyncio
import os
import subprocess

import pytest

from peer.runtime.errors import GuestFault, StartFailed
from peer.runtime.module.service import CallLimits
from peer.runtime.sandbox.storage_guard import StorageLimits
from peer.runtime.workers.pool import PoolSettings
from tests.peer.runtime.guests import build_spec
from tests.peer.runtime.pools import in_loop, running
from tests.peer.runtime.storage_filler import EFBIG, FILLER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MIB = 1 << 20


def taken(folder):
    return sum(path.stat().st_size for path in folder.rglob("*"))


def describe(tmp_path, storage):
    limits = CallLimits(call_ms=10_000)
    return build_spec(FILLER, tmp_path, storage=storage, limits=limits)


def bounded(**limits):
    return PoolSettings(grace_seconds=0.2, queue_seconds=10, storage=StorageLimits(**limits))


async def ask(pool, function):
    return (await pool.call("guest", function, b"[]")).output


@in_loop
async def test_storage__more_bytes_than_allowed__writes_fail_and_the_rest_goes_on(tmp_path):
    storage = tmp_path / "storage" / "guest"
    settings = bounded(bytes=8 * MIB, reserve=0)
    async with running(tmp_path, describe(tmp_path, storage), settings=settings) as pool:
        assert await ask(pool, "fill") == b'{"result":%d}' % EFBIG
        # It is stopped within a tick of the watchdog: a disk writes some bytes in that time.
        assert 8 * MIB <= taken(storage) < 256 * MIB
        assert await ask(pool, "ok") == b'{"result":true}'
        first = taken(storage)
        assert await ask(pool, "fill") == b'{"result":%d}' % EFBIG
        assert taken(storage) == first
        await ask(pool, "clean")
        assert taken(storage) < first


@in_loop
async def test_storage__more_names_than_allowed__ends_the_worker_and_serves_on(tmp_path):
    storage = tmp_path / "storage" / "guest"
    settings = bounded(names=1_000)
    async with running(tmp_path, describe(tmp_path, storage), settings=settings) as pool:
        with pytest.raises(GuestFault, match="worker process ended"):
            await ask(pool, "name")
        assert await ask(pool, "ok") == b'{"result":true}'


@in_loop
async def test_storage__far_more_names_than_allowed__no_worker_starts(tmp_path):
    storage = tmp_path / "storage" / "guest"
    storage.mkdir(parents=True)
    for number in range(25):
        (storage / str(number)).write_bytes(b"")

    with pytest.raises(StartFailed, match="more than 20 files and folders"):
        async with running(tmp_path, describe(tmp_path, storage), settings=bounded(names=10)):
            pass


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m,nr_inodes=2000", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@in_loop
async def test_storage__small_disk__guest_stops_and_may_write_again_once_there_is_room(
    tmp_path, small_disk
):
    storage = small_disk / "storage" / "guest"
    settings = bounded(reserve=16 * MIB)
    async with running(tmp_path, describe(tmp_path, storage), settings=settings) as pool:
        assert b"result" in await ask(pool, "fill")
        assert await ask(pool, "ok") == b'{"result":true}'
        full = taken(storage)
        await ask(pool, "fill")
        assert taken(storage) == full
        for path in storage.iterdir():
            path.unlink()
        while not taken(storage):
            await ask(pool, "fill")
            await asyncio.sleep(0.2)
