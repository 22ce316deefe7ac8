"""Call the functions of an app from plain code: its workers have an event loop of their own."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from peer.runtime.effectors.effects import Effects
from peer.runtime.module.service import BodyKind, GuestResult, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from wasmarket.app.file import App
from wasmarket_cli.developer.apps.app_pool import open_pool

Result = TypeVar("Result")
STATUS: Final = "/proc/{pid}/status"
PEAK: Final = "VmHWM:"


class OpenEffects(Protocol):
    """The effectors of an app's services, made and ended on the runner's event loop."""

    def open_effects(self, specs: Sequence[ServiceSpec]) -> Effects:
        """Return what the services' effectors do."""

    async def close(self) -> None:
        """Let go of what they hold."""


class AppRunner:
    """One app on real workers. From one thread; close it when it is of no use any more."""

    def __init__(
        self, folder: Path, code: Path, make_effects: Callable[[App], OpenEffects]
    ) -> None:
        """Modules and storage lie in `folder`, compiled code in `code`.

        `make_effects` makes the effectors of a version of the app.
        """
        self._folder = folder
        self._code = code
        self._make_effects = make_effects
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._opened: AsyncExitStack | None = None
        self._pool: WorkerPool | None = None

    def load(self, app: App) -> None:
        """Take a version of the app; the one before ends once this one has started.

        Raises MarketError with what keeps it from starting; then the one before goes on.
        """
        self.do(self._load(app))

    @property
    def pool(self) -> WorkerPool:
        """The workers of the version that was taken last."""
        assert self._pool is not None
        return self._pool

    def interface(self) -> dict[str, Any]:
        """Return the typed functions by service."""
        return {name: self.pool.interface(name) for name in self.pool.services}

    def call(
        self, service: str, function: str, body: bytes, kind: BodyKind = BodyKind.JSON
    ) -> GuestResult:
        """Call a function. Raises GuestFault and its kin."""
        parameters = {"init_peer_id": "", "service_id": service, "particle_id": "here"}
        return self.do(self.pool.call(service, function, body, kind, parameters=parameters))

    def call_json(self, service: str, function: str, arguments: Any) -> tuple[Any, GuestResult]:
        """Call a function with arguments by position or name; return its value as well."""
        result = self.call(service, function, json.dumps(arguments).encode())
        return json.loads(result.output)["result"], result

    def peak_memory(self) -> int:
        """Return the most bytes that a worker has taken so far, its runtime included."""
        return max((_read_peak(pid) for pid in self.pool.pids), default=0)

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the event loop of the workers."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the workers."""
        if self._opened is not None:
            self.do(self._opened.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _load(self, app: App) -> None:
        async with AsyncExitStack() as stack:
            effects = self._make_effects(app)
            stack.push_async_callback(effects.close)
            pool = await stack.enter_async_context(
                open_pool(
                    app, self._folder, self._code, self._folder / "storage", effects.open_effects
                )
            )
            before, self._opened, self._pool = self._opened, stack.pop_all(), pool
        if before is not None:
            await before.aclose()


def _read_peak(pid: int) -> int:
    """Return a process's highest memory in bytes, 0 where that is not told."""
    try:
        lines = Path(STATUS.format(pid=pid)).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(PEAK)]
    return int(found[0]) * 1024 if found else 0
