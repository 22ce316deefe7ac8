"""Turn files into blocks by the IPFS profile `unixfs-v1-2025`.

CIDv1, sha2-256, raw leaves of 1 MiB, at most 1,024 links to a node, balanced: IPFS tools with the
same profile give the same id.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wasmarket.content.unixfs import FileChild, encode_file_node
from wasmarket.kernel.documents.content_ids import Cid, dag_pb_cid, raw_cid

PutBlock = Callable[[Cid, bytes], object]
"""Where blocks go, such as `BlockFolder.put`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a file is cut: bytes per leaf, links per node (at least 2)."""

    chunk_bytes: int = 1024 * 1024
    max_links: int = 1_024


UNIXFS_V1_2025 = Profile()


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file's id, its bytes and the number of its blocks."""

    cid: Cid
    size: int
    blocks: int


def import_file(path: Path, put: PutBlock) -> ImportedFile:
    """Cut the file at `path` into blocks, each given to `put` after all below it."""
    with path.open("rb") as file:
        return import_stream(file, put)


def import_bytes(data: bytes, put: PutBlock) -> ImportedFile:
    """Cut `data` into blocks, each given to `put` after all below it."""
    return import_stream(io.BytesIO(data), put)


def import_stream(
    source: BinaryIO, put: PutBlock, profile: Profile = UNIXFS_V1_2025
) -> ImportedFile:
    """Cut what `source` gives into blocks, each given to `put` after all below it.

    Memory holds one leaf and one unfinished node of each level.
    """
    builder = _Builder(put, profile.max_links)
    for chunk in _chunks(source, profile.chunk_bytes):
        cid = raw_cid(chunk)
        builder.put_block(cid, chunk)
        builder.add(0, FileChild(cid, len(chunk)), len(chunk))
    root = builder.finish()
    # A node is put after all below it, so the root was put last.
    return ImportedFile(builder.last_cid, root.size, builder.blocks)


class _Builder:
    """A balanced tree that grows from its leaves, keeping only its right edge."""

    def __init__(self, put: PutBlock, max_links: int) -> None:
        self._put = put
        self._max_links = max_links
        self._levels: list[list[tuple[FileChild, int]]] = []
        self.blocks = 0
        self.last_cid: Cid

    def put_block(self, cid: Cid, block: bytes) -> None:
        self._put(cid, block)
        self.last_cid = cid
        self.blocks += 1

    def add(self, level: int, child: FileChild, total: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        edge = self._levels[level]
        # A full node is closed only when one more child comes: alone it may be the root.
        if len(edge) == self._max_links:
            self._close(level)
        edge.append((child, total))

    def finish(self) -> FileChild:
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            self._close(level)
            level += 1
        return self._levels[level][0][0]

    def _close(self, level: int) -> None:
        children = self._levels[level]
        block = encode_file_node(children)
        cid = dag_pb_cid(block)
        self.put_block(cid, block)
        size = sum(child.size for child, _ in children)
        total = len(block) + sum(below for _, below in children)
        children.clear()
        self.add(level + 1, FileChild(cid, size), total)


def _chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield full chunks and a last short one; one empty chunk for an empty file."""
    count = 0
    while chunk := _read_full(source, size):
        count += 1
        yield chunk
    if not count:
        yield b""


def _read_full(source: BinaryIO, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size and (part := source.read(size - len(parts))):
        parts += part
    return bytes(parts)
