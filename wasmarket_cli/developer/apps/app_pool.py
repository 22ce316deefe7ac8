"""Run the services of an app on this machine, on real workers, without a chain."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from peer.hosting.versions import build_spec
from peer.runtime.effectors.effects import Effects
from peer.runtime.module.service import ServiceSpec
from peer.runtime.sandbox.storage_guard import StorageLimits
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from wasmarket.app.file import App
from wasmarket.content.exporter import read_file
from wasmarket.kernel.hashing import sha256


@asynccontextmanager
async def open_pool(
    app: App,
    folder: Path,
    code: Path,
    storage: Path,
    open_effects: Callable[[Sequence[ServiceSpec]], Effects],
) -> AsyncIterator[WorkerPool]:
    """Lend a pool that hosts `app`: modules go to `folder`, compiled code to `code`.

    `open_effects` does what its services ask of effectors. Raises what keeps it from starting.
    """
    files = {}
    for cid in app.manifest.module_cids:
        wasm = read_file(cid, app.get)
        path = folder / f"{cid}.wasm"
        path.write_bytes(wasm)
        files[cid] = (path, sha256(wasm))
    specs = [
        build_spec(
            service,
            app.manifest.limits,
            files,
            storage,
            app.manifest.effectors,
            app.manifest.settings,
        )
        for service in app.manifest.services
    ]
    for spec in specs:
        if spec.storage_dir is not None:
            spec.storage_dir.mkdir(parents=True, exist_ok=True)
    limits = app.manifest.limits
    storage_limits = StorageLimits().within(limits.storage_bytes, limits.storage_files)
    pool = WorkerPool(
        specs,
        units=1,
        cache_dir=code,
        settings=PoolSettings(storage=storage_limits),
        effects=open_effects(specs),
    )
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()
