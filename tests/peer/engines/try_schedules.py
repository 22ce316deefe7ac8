"""Run a peer's self-test by whatever wasmtime is imported; print the schedules that it finds."""

import asyncio
import json
import sys
from pathlib import Path

from peer.hosting.self_test import SelfTest
from peer.runtime.workers.spawner import WorkerSpawner


async def main(folder: Path) -> None:
    """Try both kinds of work."""
    spawner = WorkerSpawner()
    test = SelfTest(folder / "own", folder / "cache", spawner)
    await test.step()
    kinds = {"modules": False, "components": True}
    found = {
        name: sorted(await test.find_schedules(has_components=kind)) for name, kind in kinds.items()
    }
    print(json.dumps(found))
    await spawner.close()


asyncio.run(main(Path(sys.argv[1])))
