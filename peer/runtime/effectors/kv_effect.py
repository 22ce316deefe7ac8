"""A key-value store for each service of a deal: shared by its workers, kept across updates."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from peer.runtime.effectors.kv_file import KvFile, KvFull, KvLimits

LARGEST: Final = 2**63 - 1
MAX_KEYS_LISTED: Final = 1_000
MAX_DIGITS: Final = 20
DISK_FULL: Final = "the disk of the peer is full"


@dataclass(slots=True)
class _OpenStore:
    """An open store and who uses it now."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    file: KvFile | None = None
    users: int = 0


class KvStores:
    """The open stores of a peer by path: two versions of a service use the same one."""

    def __init__(self, limits: KvLimits | None = None, most_open: int = 128) -> None:
        self.limits = limits or KvLimits()
        self._most_open = most_open
        self._entries: dict[Path, _OpenStore] = {}

    @asynccontextmanager
    async def use(self, path: Path) -> AsyncIterator[KvFile]:
        """Lend the store at `path`, opened if it is not. Raises OSError."""
        # The last one used is the last one in the dict.
        entry = self._entries.pop(path) if path in self._entries else _OpenStore()
        self._entries[path] = entry
        entry.users += 1
        try:
            async with entry.opening:
                if entry.file is None:
                    entry.file = await asyncio.to_thread(KvFile, path, self.limits)
            yield entry.file
        finally:
            entry.users -= 1
            await self._close_some(self._most_open)

    async def close(self) -> None:
        """Close all stores that nobody uses."""
        await self._close_some(0)

    async def drop(self, folder: Path) -> None:
        """Close the stores in `folder`, which is about to go."""
        for path in [known for known in self._entries if known.is_relative_to(folder)]:
            await self._close_one(path)

    async def _close_some(self, most: int) -> None:
        idle = [path for path, entry in self._entries.items() if not entry.users]
        for path in idle[: max(len(self._entries) - most, 0)]:
            await self._close_one(path)

    async def _close_one(self, path: Path) -> None:
        entry = self._entries.pop(path, None)
        if entry is not None and entry.file is not None:
            await entry.file.close()


class _Mistake(Exception):
    """What the guest asks does not fit."""


class KvEffect:
    """The store of one service."""

    def __init__(
        self, stores: KvStores, path: Path, has_room: Callable[[], bool] = lambda: True
    ) -> None:
        """Values are refused while `has_room` is false."""
        self._stores = stores
        self._has_room = has_room
        self._path = path
        self._functions: dict[str, tuple[Any, Callable[..., Awaitable[Any]], Callable[..., Any]]]
        self._functions = {
            "get": (tuple[str], self._get, _fail_with(found=False, value=b"")),
            "put": (tuple[str, bytes], self._put, str),
            "delete": (tuple[str], self._delete, str),
            "swap": (tuple[str, bool, bytes, bytes], self._swap, _fail_with(swapped=False)),
            "add": (tuple[str, int], self._add, _fail_with(number=0)),
            "list": (tuple[str, str, int], self._list, _fail_with(keys=[])),
        }

    async def do(self, function: str, arguments: list[Any]) -> Any:
        """Return the answer of a function, as the guest's value.

        Raises ValidationError, LookupError for what no worker asks.
        """
        types, work, fail = self._functions[function]
        checked = msgspec.convert(arguments, types)
        try:
            async with self._stores.use(self._path) as file:
                return await work(file, *checked)
        except (_Mistake, KvFull) as error:
            return fail(str(error))
        except OSError as error:
            return fail(f"the store cannot be used: {error.strerror}")

    async def _get(self, file: KvFile, key: str) -> dict[str, Any]:
        value = file.get(self._encode(key))
        return {"error": "", "found": value is not None, "value": value or b""}

    async def _put(self, file: KvFile, key: str, value: bytes) -> str:
        name = self._encode(key)
        async with file.changing:
            await self._set(file, name, value)
        await file.sync()
        return ""

    async def _delete(self, file: KvFile, key: str) -> str:
        name = self._encode(key)
        async with file.changing:
            file.delete(name)
        await file.sync()
        return ""

    async def _swap(
        self, file: KvFile, key: str, had: bool, expected: bytes, value: bytes
    ) -> dict[str, Any]:
        name = self._encode(key)
        async with file.changing:
            if file.get(name) != (expected if had else None):
                return {"error": "", "swapped": False}
            await self._set(file, name, value)
        await file.sync()
        return {"error": "", "swapped": True}

    async def _add(self, file: KvFile, key: str, by: int) -> dict[str, Any]:
        name = self._encode(key)
        async with file.changing:
            number = _read_number(file.get(name)) + by
            if not -LARGEST - 1 <= number <= LARGEST:
                raise _Mistake("the sum does not fit 64 bits")
            await self._set(file, name, b"%d" % number)
        await file.sync()
        return {"error": "", "number": number}

    async def _list(self, file: KvFile, prefix: str, after: str, limit: int) -> dict[str, Any]:
        count = min(limit or MAX_KEYS_LISTED, MAX_KEYS_LISTED)
        keys = file.list_keys(prefix.encode(), after.encode(), count)
        return {"error": "", "keys": [key.decode() for key in keys]}

    async def _set(self, file: KvFile, key: bytes, value: bytes) -> None:
        limit = self._stores.limits.value_bytes
        if not self._has_room():
            raise _Mistake(DISK_FULL)
        if len(value) > limit:
            raise _Mistake(f"a value may have {limit} bytes, this one has {len(value)}")
        file.put(key, value)
        await file.compact()

    def _encode(self, key: str) -> bytes:
        name, limit = key.encode(), self._stores.limits.key_bytes
        if not 0 < len(name) <= limit:
            raise _Mistake(f"a key must have 1 to {limit} bytes, this one has {len(name)}")
        return name


def _read_number(value: bytes | None) -> int:
    """Return a number that `add` wrote; a missing one is 0."""
    if value is None:
        return 0
    if len(value) > MAX_DIGITS or not value.removeprefix(b"-").isdigit():
        raise _Mistake("the value is no number")
    return int(value)


def _fail_with(**rest: Any) -> Callable[[str], dict[str, Any]]:
    return lambda error: {"error": error, **rest}
