"""Run calls again for a meter: workers on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meter.rerun import Execute, KnownCall
from peer.auditing.executor import CallExecutor
from peer.hosting.self_test import SelfTest
from peer.hosting.versions import Preparer, Version
from peer.policy.file import PolicyFile
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.audits.juries import FALSE_IN_ITSELF
from wasmarket.kernel.units import Hash
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client

FETCH_SECONDS: Final = 20.0
CALL_SECONDS: Final = 1_500.0
"""Two runs of the longest call that a policy allows, with the executor's patience."""
MEMORY_MIB: Final = 4_096


@contextmanager
def run_executor(folder: Path, outbound: Outbound, gateways: tuple[str, ...]) -> Iterator[Execute]:
    """Give what runs calls again; apps are fetched from `gateways` and kept in `folder`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="reruns", daemon=True)
    thread.start()

    async def open_parts() -> tuple[CallExecutor, WorkerSpawner]:
        spawner = WorkerSpawner()
        await spawner.start()
        client = create_async_client(outbound)
        blocks = BlockFolder(folder / "blocks")
        fetcher = Fetcher(blocks, client, FetchLimits(source_seconds=FETCH_SECONDS / 4))
        modules, storage = folder / "modules", folder / "storage"
        # Whoever counts otherwise would find lies in true receipts.
        trial = SelfTest(folder / "self-test", folder / "cache", spawner)
        find = trial.find_schedules
        preparer = Preparer(fetcher, PolicyFile(), modules, FETCH_SECONDS, find)

        async def prepare(app: Hash) -> Version:
            await trial.step()
            return await preparer.prepare(app, MEMORY_MIB, storage, lambda: gateways)

        return CallExecutor(folder / "cache", prepare, spawner), spawner

    executor, spawner = asyncio.run_coroutine_threadsafe(open_parts(), loop).result()

    async def run_all(calls: Sequence[KnownCall]) -> list[bytes | None]:
        found = await asyncio.gather(
            *(
                executor.execute(to_hash(call.app), call.function, call.input, call.value)
                for call in calls
            )
        )
        return [FALSE_IN_ITSELF if one.is_false else one.value for one in found]

    def execute(calls: Sequence[KnownCall]) -> list[bytes | None]:
        running = asyncio.run_coroutine_threadsafe(run_all(calls), loop)
        return running.result(CALL_SECONDS * len(calls))

    async def close_parts() -> None:
        await executor.close()
        await spawner.close()

    try:
        yield execute
    finally:
        asyncio.run_coroutine_threadsafe(close_parts(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
