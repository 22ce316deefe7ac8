"""Keep what other peers copy here: whose the policy names, and as many bytes as it says."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from peer.copies.answers import read_file
from peer.copies.store import epoch_of
from peer.folder import sync_folder
from wasmarket.kernel.errors import BadContent, Conflict, Forbidden, LimitReached, NotFound
from wasmarket.kernel.units import Address

LEAST_BYTES: Final = 4_096
"""What any file counts for, so that small ones are bounded too."""
GATHERED: Final = 1 << 20
"""Bytes that are written to the disk at once."""


@dataclass(frozen=True, slots=True)
class CopyTerms:
    """Table `[copies]` of a policy: wallets whose copies are kept, and the bytes of each."""

    wallets: tuple[Address, ...] = ()
    bytes: int = 1 << 30


NO_COPIES: Final = CopyTerms()


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that is kept for somebody."""

    name: str
    bytes: int


class KeptCopies:
    """The copies of others in a folder, by wallet. Any thread."""

    def __init__(
        self, folder: Path, find_terms: Callable[[], CopyTerms], has_room: Callable[[], bool]
    ) -> None:
        """`has_room`: whether the disk has more than the peer needs for itself."""
        self._folder = folder
        self._find_terms = find_terms
        self._has_room = has_room
        self._lock = threading.Lock()
        self._used: dict[Address, int] = {}
        self._writing: set[Address] = set()

    def check(self, wallet: Address, size: int = 0) -> None:
        """Raise Forbidden if nothing is kept for a wallet, LimitReached if no more of this size."""
        terms = self._find_terms()
        if wallet not in terms.wallets:
            raise Forbidden(
                f"this peer keeps no copies for {wallet}",
                remedy="its provider has to name the wallet in [copies] of the policy",
            )
        if self._count(wallet) + _room_of(size) > terms.bytes:
            raise LimitReached(
                f"{size} bytes more are beyond the {terms.bytes} that this peer keeps for {wallet}",
                remedy="its provider has to allow more in [copies] of the policy",
            )
        if size and not self._has_room():
            raise LimitReached("the disk of this peer is full", remedy="copy to another place")

    def list_files(self, wallet: Address, after: str, limit: int) -> list[KeptFile]:
        """Return at most `limit` files whose names come after `after`, in order.

        Raises NotFound if nothing is kept.
        """
        home = self._folder / wallet
        if not home.is_dir():
            raise NotFound(f"nothing is kept here for {wallet}")
        names = sorted(path.relative_to(home).as_posix() for path in _list_whole(home))
        later = [name for name in names if name > after][:limit]
        found = []
        for name in later:
            # Its owner may remove it meanwhile.
            with suppress(FileNotFoundError):
                found.append(KeptFile(name, (home / name).stat().st_size))
        return found

    def find(self, wallet: Address, name: str) -> Path:
        """Return where a file lies. Raises NotFound, InvalidInput."""
        path = self._path_of(wallet, name)
        if not path.is_file():
            raise NotFound(f"{name} of {wallet} is not kept here")
        return path

    async def take(
        self, wallet: Address, name: str, size: int, digest: bytes, body: AsyncIterator[bytes]
    ) -> None:
        """Write a file of `size` bytes with this SHA-256; one that is there already stays.

        Raises as `check`, Conflict for other content, BadContent, OSError.
        """
        path = self._path_of(wallet, name)
        if await asyncio.to_thread(_holds, path, size, digest):
            return
        with self._turn(wallet, size):
            part = path.with_name(f".{path.name}.part")
            try:
                await _write(part, size, digest, body)
                await asyncio.to_thread(_place, part, path)
            finally:
                part.unlink(missing_ok=True)

    def remove(self, wallet: Address, name: str) -> None:
        """Remove a file. Raises NotFound, InvalidInput."""
        path = self.find(wallet, name)
        size = path.stat().st_size
        path.unlink()
        with self._lock:
            self._used[wallet] = self._used.get(wallet, 0) - _room_of(size)

    @contextmanager
    def _turn(self, wallet: Address, size: int) -> Iterator[None]:
        """Have the only upload of a wallet; it counts if it ends well."""
        self.check(wallet, size)
        with self._lock:
            if wallet in self._writing:
                raise LimitReached("another copy is on its way", remedy="send one after the other")
            self._writing.add(wallet)
        try:
            yield
            with self._lock:
                self._used[wallet] += _room_of(size)
        finally:
            with self._lock:
                self._writing.discard(wallet)

    def _count(self, wallet: Address) -> int:
        with self._lock:
            if wallet not in self._used:
                sizes = (path.stat().st_size for path in _list_whole(self._folder / wallet))
                self._used[wallet] = sum(_room_of(size) for size in sizes)
            return self._used[wallet]

    def _path_of(self, wallet: Address, name: str) -> Path:
        epoch_of(name)
        return self._folder / wallet / name


def _room_of(size: int) -> int:
    return max(size, LEAST_BYTES) if size else 0


def _list_whole(home: Path) -> Iterator[Path]:
    for path in home.rglob("[!.]*"):
        if path.is_file():
            yield path


def _holds(path: Path, size: int, digest: bytes) -> bool:
    """Say whether a file has this content. Raises Conflict if it has another."""
    if not path.exists():
        return False
    hashed = sha256()
    for chunk in read_file(path):
        hashed.update(chunk)
    if path.stat().st_size != size or hashed.digest() != digest:
        raise Conflict(
            f"{path.name} is kept here with other content", remedy="remove it there first"
        )
    return True


async def _write(path: Path, size: int, digest: bytes, body: AsyncIterator[bytes]) -> None:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    hashed, gathered, written = sha256(), bytearray(), 0
    with path.open("wb") as file:
        async for chunk in body:
            gathered += chunk
            written += len(chunk)
            if written > size:
                break
            if len(gathered) >= GATHERED:
                await asyncio.to_thread(_append, file.fileno(), gathered, hashed.update)
                gathered = bytearray()
        await asyncio.to_thread(_append, file.fileno(), gathered, hashed.update)
        await asyncio.to_thread(os.fsync, file.fileno())
    if written != size or hashed.digest() != digest:
        raise BadContent(
            "the body is not the one that was signed",
            field="Content-Digest",
            remedy="send it again",
        )


def _append(descriptor: int, data: bytearray, update: Callable[[bytearray], object]) -> None:
    update(data)
    if os.write(descriptor, data) < len(data):
        raise OSError("the disk took half of a copy")


def _place(part: Path, path: Path) -> None:
    part.replace(path)
    sync_folder(path.parent)
