"""Fetch content from wherever it is: the own folder, then the sources in order.

A source is the URL of a trustless gateway, or of an IPFS node's RPC, which ends in `/api/v0`.

Nothing is stored, let alone returned, whose hash was not checked. A source that sends other bytes
than those asked for is not asked again in the same fetch, and is named.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from wasmarket.content.exporter import links_of, read_file
from wasmarket.content.folder import BlockFolder
from wasmarket.content.unixfs import read_file_part
from wasmarket.kernel.documents.content_ids import DAG_PB, MAX_BLOCK_BYTES, Cid, check_block
from wasmarket.kernel.errors import BadContent, ContentNotFound, MarketError, TooLarge

logger = logging.getLogger(__name__)

KUBO_RPC = "/api/v0"
"""How the URL of an IPFS node's RPC ends."""

_HEADERS = {"Accept": "application/vnd.ipld.raw", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may take: bytes, blocks, seconds each source gets per block, at once."""

    block_bytes: int = MAX_BLOCK_BYTES
    file_bytes: int = 256 * 1024 * 1024
    blocks: int = 65_536
    source_seconds: float = 10.0
    parallel: int = 4


@dataclass(slots=True)
class _Search:
    """What one fetch has learned of its sources so far."""

    sources: tuple[str, ...]
    liars: dict[str, BadContent] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Fetcher:
    """Fetches into one folder, with one HTTP client."""

    def __init__(
        self, folder: BlockFolder, client: httpx.AsyncClient, limits: FetchLimits | None = None
    ) -> None:
        """Use `client` as it is; it should not follow redirects."""
        self._folder = folder
        self._client = client
        self._limits = limits or FetchLimits()

    async def fetch_block(self, cid: Cid, sources: Sequence[str]) -> bytes:
        """Return a block, stored in the folder from now on.

        `sources` are base URLs, asked in order at `/ipfs/{cid}?format=raw`, or for an RPC at
        `/block/get`. Raises ContentNotFound if nobody has it, BadContent if somebody sent other
        bytes and nobody the right ones.
        """
        return await self._fetch(cid, _search(sources))

    async def fetch_file(
        self, cid: Cid, sources: Sequence[str], max_bytes: int | None = None
    ) -> bytes:
        """Return a file, all its blocks stored in the folder from now on.

        Raises ContentNotFound and BadContent as `fetch_block`, TooLarge.
        """
        limit = self._limits.file_bytes if max_bytes is None else max_bytes
        search = _search(sources)
        root = await self._fetch(cid, search)
        size = read_file_part(cid, root).size
        if size > limit:
            raise TooLarge(f"{cid} has {size} bytes, {limit} are allowed")
        await self._fetch_below(cid, root, search, limit)
        return await asyncio.to_thread(read_file, cid, self._folder.get, limit)

    async def _fetch_below(self, root: Cid, block: bytes, search: _Search, limit: int) -> None:
        seen = {root}
        total = len(block)
        waiting = _unseen(root, block, seen)
        while waiting:
            if len(seen) > self._limits.blocks:
                raise TooLarge(f"{root} has more than {self._limits.blocks} blocks")
            # The deepest first, so that a broad file is never listed whole.
            batch = waiting[-self._limits.parallel :]
            del waiting[-self._limits.parallel :]
            fetched = await asyncio.gather(
                *(self._fetch(cid, search) for cid in batch), return_exceptions=True
            )
            for cid, result in zip(batch, fetched, strict=True):
                if isinstance(result, BaseException):
                    raise result
                total += len(result)
                # Nodes take bytes too: twice the file is far more than any honest layout needs.
                if total > 2 * limit + self._limits.block_bytes:
                    raise TooLarge(f"the blocks of {root} are larger than {2 * limit} bytes")
                waiting.extend(_unseen(cid, result, seen))

    async def _fetch(self, cid: Cid, search: _Search) -> bytes:
        try:
            return await asyncio.to_thread(self._folder.get, cid)
        except ContentNotFound:
            pass
        for source in search.sources:
            if source in search.liars:
                continue
            try:
                async with asyncio.timeout(self._limits.source_seconds):
                    block = await self._request(cid, source)
                check_block(cid, block)
            except BadContent as error:
                search.liars[source] = error
                logger.warning("a source lied", extra={"source": source, "cid": str(cid)})
                continue
            except (TooLarge, ContentNotFound, httpx.HTTPError, TimeoutError) as error:
                search.failures[source] = _cause(error)
                continue
            await asyncio.to_thread(self._folder.put, cid, block)
            return block
        raise _not_fetched(cid, search)

    async def _request(self, cid: Cid, source: str) -> bytes:
        method, url = "GET", f"{source}/ipfs/{cid}?format=raw"
        if source.endswith(KUBO_RPC):
            method, url = "POST", f"{source}/block/get?arg={cid}"
        async with self._client.stream(method, url, headers=_HEADERS) as response:
            if response.status_code != httpx.codes.OK:
                raise ContentNotFound(f"answered {response.status_code}")
            body = bytearray()
            # Raw bytes: a compressed answer could unpack to more than any limit.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._limits.block_bytes:
                    raise TooLarge(f"sent more than {self._limits.block_bytes} bytes")
            return bytes(body)


def _search(sources: Sequence[str]) -> _Search:
    """Return the sources in order, each once; what is not an HTTP URL fails from the start."""
    urls = tuple(dict.fromkeys(source.rstrip("/") for source in sources))
    usable = tuple(url for url in urls if _is_http(url))
    return _Search(usable, failures={url: "is not a URL" for url in urls if url not in usable})


def _is_http(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.query


def _unseen(cid: Cid, block: bytes, seen: set[Cid]) -> list[Cid]:
    if cid.codec == DAG_PB:
        # Refuses what is no part of a file before anything below it is fetched.
        read_file_part(cid, block)
    below = [child for child in dict.fromkeys(links_of(cid, block)) if child not in seen]
    seen.update(below)
    return below[::-1]


def _cause(error: Exception) -> str:
    if isinstance(error, MarketError):
        return error.detail
    if isinstance(error, TimeoutError):
        return "took too long"
    return f"cannot be reached ({type(error).__name__})"


def _not_fetched(cid: Cid, search: _Search) -> MarketError:
    tried = [f"{source} sent other bytes" for source in search.liars]
    tried += [f"{source} {why}" for source, why in search.failures.items()]
    story = "; ".join(tried) or "no source was named"
    if search.liars:
        return BadContent(
            f"{cid} could not be fetched: {story}", remedy="name a source that has the right bytes"
        )
    return ContentNotFound(
        f"{cid} could not be fetched: {story}", remedy="publish it, or name a source that has it"
    )
