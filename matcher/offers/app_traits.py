"""Read from the operator's content gateways which effectors an app asks for."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import BadContent, ContentNotFound, InvalidInput
from wasmarket.kernel.units import Hash


class AppReader:
    """Fetches manifests to look at them once; nothing is kept."""

    def __init__(
        self,
        sources: tuple[str, ...],
        seconds: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Ask each source for at most `seconds`; `transport` stands in for the network."""
        self._sources = sources
        self._seconds = seconds
        self._transport = transport

    def fetch_traits(self, app: Hash) -> int | None:
        """Return the trait bits of the app's effectors; None when no source has the app.

        Raises InvalidInput for content that is not a manifest.
        """
        if not self._sources:
            return None
        with TemporaryDirectory(prefix="wasmarket-app-") as folder:
            try:
                content = asyncio.run(self._fetch(app, Path(folder)))
            except (ContentNotFound, BadContent):
                return None
        try:
            return parse_manifest(content).traits
        except InvalidInput as error:
            raise InvalidInput(
                f"the app is not a valid manifest: {error.detail}",
                field="app",
                remedy="build it anew with `wasmarket build`",
            ) from error

    async def _fetch(self, app: Hash, folder: Path) -> bytes:
        limits = FetchLimits(source_seconds=self._seconds)
        async with httpx.AsyncClient(
            transport=self._transport, follow_redirects=False, trust_env=False
        ) as client:
            fetcher = Fetcher(BlockFolder(folder), client, limits)
            return await fetcher.fetch_block(app_cid(app), self._sources)
