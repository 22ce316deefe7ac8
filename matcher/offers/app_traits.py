"""Read from the operator's content gateways which effectors an app asks for.

An app's content never changes, so what was read once is remembered. All readings share one client
on one event loop, and those of the same app share one reading.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import httpx

from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import Cid, app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import BadContent, ContentNotFound, InvalidInput
from wasmarket.kernel.units import Hash
from wasmarket.serving.outbound_http import tls_context

REMEMBERED = 10_000
"""Apps."""

MISSING_SECONDS = 2.0
"""So long an app that no source has is not asked for again."""

AT_ONCE = 32
"""Apps looked for at the same time."""


class AppReader:
    """Fetches manifests to look at them once; of the content nothing is kept."""

    def __init__(
        self,
        sources: tuple[str, ...],
        seconds: float,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask each source for at most `seconds`; `transport` stands in for the network."""
        self._sources = sources
        self._seconds = seconds
        self._transport = transport
        self._clock = clock
        # A reading that ends at once is kept by the thread that began it.
        self._lock = threading.RLock()
        self._known: OrderedDict[Hash, int | InvalidInput] = OrderedDict()
        self._missing: OrderedDict[Hash, float] = OrderedDict()
        self._reading: dict[Hash, Future[int | InvalidInput | None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def fetch_traits(self, app: Hash) -> int | None:
        """Return the trait bits of the app's effectors; None when no source has the app.

        Raises InvalidInput for content that is not a manifest.
        """
        if not self._sources:
            return None
        with self._lock:
            found = self._known.get(app)
            if found is None:
                since = self._missing.get(app)
                if since is not None and self._clock() - since < MISSING_SECONDS:
                    return None
                reading = self._reading.get(app) or self._begin(app)
        if found is None:
            found = reading.result()
        if isinstance(found, InvalidInput):
            raise InvalidInput(found.detail, field=found.field, remedy=found.remedy)
        return found

    def _begin(self, app: Hash) -> "Future[int | InvalidInput | None]":
        """Start to read an app; with the lock held."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._run, args=(self._loop,), name="apps", daemon=True).start()
        reading = asyncio.run_coroutine_threadsafe(self._read(app), self._loop)
        self._reading[app] = reading
        reading.add_done_callback(lambda done: self._keep(app, done))
        return reading

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._turns = asyncio.Semaphore(AT_ONCE)
        client = httpx.AsyncClient(
            transport=self._transport,
            verify=tls_context(),
            follow_redirects=False,
            trust_env=False,
        )
        self._fetcher = Fetcher(_NothingKept(), client, FetchLimits(source_seconds=self._seconds))
        loop.run_forever()

    async def _read(self, app: Hash) -> int | InvalidInput | None:
        async with self._turns:
            try:
                content = await self._fetcher.fetch_block(app_cid(app), self._sources)
            except (ContentNotFound, BadContent):
                return None
        try:
            return parse_manifest(content).traits
        except InvalidInput as error:
            return InvalidInput(
                f"the app is not a valid manifest: {error.detail}",
                field="app",
                remedy="build it again with `wasmarket build`",
            )

    def _keep(self, app: Hash, done: "Future[int | InvalidInput | None]") -> None:
        """Remember what a reading found; a failed one is as if it had not been."""
        with self._lock:
            self._reading.pop(app, None)
            if done.cancelled() or done.exception() is not None:
                return
            found = done.result()
            if found is None:
                self._missing[app] = self._clock()
            else:
                self._known[app] = found
            for remembered in (self._missing, self._known):
                while len(remembered) > REMEMBERED:
                    remembered.popitem(last=False)


class _NothingKept(BlockFolder):
    """A folder that never has anything: what is read once to be looked at needs no disk."""

    def __init__(self) -> None:
        self.root = Path()

    def get(self, cid: Cid) -> bytes:
        """Raise ContentNotFound."""
        raise ContentNotFound(f"{cid} is not kept")

    def put(self, cid: Cid, block: bytes) -> bool:
        """Keep nothing."""
        return False
