"""Content by CID for guests: read from here or from the deal's sources, kept here when put.

What a guest puts is pinned in the peer's folder and counted against its service's quota; what it
reads from elsewhere goes to a folder of its own that is emptied when it is full.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from peer.folder import write_atomically
from wasmarket.content.exporter import read_file
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import import_bytes
from wasmarket.kernel.documents.content_ids import Cid, parse_cid
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import ContentNotFound, InvalidInput, MarketError


@dataclass(frozen=True, slots=True)
class IpfsLimits:
    """What one service may do: bytes of one content, of all that it put; bytes read that stay."""

    content_bytes: int = 4 << 20
    put_bytes: int = 256 << 20
    cached_bytes: int = 256 << 20


class IpfsGate:
    """The peer's content for all guests."""

    def __init__(
        self,
        blocks: BlockFolder,
        cache: Path,
        client: httpx.AsyncClient,
        limits: IpfsLimits | None = None,
    ) -> None:
        """`blocks` is the peer's folder, `cache` one for what is fetched, `client` fetches it."""
        self.limits = limits or IpfsLimits()
        self.blocks = blocks
        self._cache = BlockFolder(cache)
        self._fetcher = Fetcher(
            self._cache, client, FetchLimits(file_bytes=self.limits.content_bytes)
        )
        self._cached = self._cache.total_bytes()
        self.putting = asyncio.Lock()

    async def read(self, cid: Cid, sources: Sequence[str]) -> bytes:
        """Return a content. Raises MarketError."""
        limit = self.limits.content_bytes
        try:
            return await asyncio.to_thread(read_file, cid, self.blocks.get, limit)
        except ContentNotFound:
            data = await self._fetcher.fetch_file(cid, sources, limit)
        self._cached += len(data)
        if self._cached > self.limits.cached_bytes:
            self._cached = 0
            await asyncio.to_thread(self._empty)
        return data

    def _empty(self) -> None:
        for cid in self._cache.cids():
            self._cache.delete(cid)


class IpfsEffect:
    """Content for one service."""

    def __init__(
        self,
        gate: IpfsGate,
        ledger: Path,
        find_sources: Callable[[], Sequence[str]],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`ledger` is a file that says what the service put; `find_sources` where to look.

        Content is refused while `has_room` is false.
        """
        self._has_room = has_room
        self._gate = gate
        self._ledger = ledger
        self._find_sources = find_sources

    async def do(self, function: str, arguments: list[Any]) -> Any:
        """Return the answer of a function, as the guest's value.

        Raises ValidationError, LookupError for what no worker asks.
        """
        if function == "get":
            (text,) = msgspec.convert(arguments, tuple[str])
            return await self._get(text)
        if function == "put":
            (data,) = msgspec.convert(arguments, tuple[bytes])
            return await self._put(data)
        raise LookupError(function)

    async def _get(self, text: str) -> dict[str, Any]:
        try:
            data = await self._gate.read(parse_cid(text), self._find_sources())
        except MarketError as error:
            return {"error": error.detail, "data": b""}
        return {"error": "", "data": data}

    async def _put(self, data: bytes) -> dict[str, Any]:
        limits = self._gate.limits
        if len(data) > limits.content_bytes:
            return _refuse(f"{len(data)} bytes are more than the {limits.content_bytes} allowed")
        if not self._has_room():
            return _refuse("the disk of the peer is full")
        async with self._gate.putting:
            try:
                return await asyncio.to_thread(self._keep, data)
            except MarketError as error:
                return _refuse(error.detail)
            except OSError as error:
                return _refuse(f"the content cannot be kept: {error.strerror}")

    def _keep(self, data: bytes) -> dict[str, Any]:
        """Keep `data` for as long as the service is here."""
        kept = read_ledger(self._ledger)
        cid = import_bytes(data, lambda cid, block: None).cid
        if str(cid) not in kept:
            total = sum(kept.values()) + len(data)
            if total > self._gate.limits.put_bytes:
                return _refuse(f"the service may keep {self._gate.limits.put_bytes} bytes")
            # Noted before it is kept: what is noted is given up with the service.
            write_ledger(self._ledger, {**kept, str(cid): len(data)})
        self._gate.blocks.pin(cid)
        import_bytes(data, self._gate.blocks.put)
        return {"error": "", "cid": str(cid)}


def read_ledger(path: Path) -> dict[str, int]:
    """Return the bytes of what a service put, by CID. Raises OSError, InvalidInput."""
    try:
        return decode_json(path.read_bytes(), dict[str, int])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{path} is damaged", remedy="restore or remove it") from error


def write_ledger(path: Path, kept: dict[str, int]) -> None:
    """Replace what a service put."""
    write_atomically(path, msgspec.json.encode(kept))


def _refuse(error: str) -> dict[str, Any]:
    return {"error": error, "cid": ""}
