"""Choose the blocks of a CAR answer: those that lead to a path's end, then what is asked of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wasmarket.content.dag_pb import DagNode, NodeLink, decode_node
from wasmarket.content.exporter import MAX_BLOCKS, MAX_DEPTH, GetBlock, read_block
from wasmarket.content.trustless.byte_ranges import EntityBytes
from wasmarket.content.unixfs import (
    DIRECTORY,
    FILE_KINDS,
    SHARDED_DIRECTORY,
    read_file_part,
    read_kind,
)
from wasmarket.kernel.documents.content_ids import RAW
from wasmarket.kernel.documents.foreign_cids import AnyCid, InlineCid, SpelledCid
from wasmarket.kernel.errors import NotFound, TooLarge, Unsupported

ALL: Final = "all"
ENTITY: Final = "entity"
BLOCK: Final = "block"
SCOPES: Final = (ALL, ENTITY, BLOCK)
_SHARD_NAME: Final = 2
"""Characters of the names under which a sharded directory keeps parts of itself."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """A block that is sent; `id` as its parent, or the request, spells it."""

    id: bytes
    cid: AnyCid


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """Where a path leads: the blocks on the way and the one at its end."""

    way: tuple[Spelled, ...]
    end: Spelled


def resolve_path(root: SpelledCid, path: Sequence[str], get: GetBlock) -> ResolvedPath:
    """Follow the names of a path through directories.

    Raises NotFound if it leads nowhere, Unsupported at a sharded directory, ContentNotFound.
    """
    way: list[Spelled] = []
    current = Spelled(root.data, root.cid)
    for depth, name in enumerate(path):
        node = _read_directory(current.cid, get)
        link = None if node is None else next((n for n in node.links if n.name == name), None)
        if link is None:
            missing = "/".join(path[: depth + 1])
            raise NotFound(
                f"/ipfs/{root.text}/{missing} is not there", field="path", remedy="see its folder"
            )
        way.append(current)
        current = _spelled(link)
    return ResolvedPath(tuple(way), current)


def select_blocks(
    found: ResolvedPath,
    scope: str,
    wanted: EntityBytes | None,
    get: GetBlock,
    *,
    duplicates: bool = False,
) -> Iterator[Spelled]:
    """Yield the blocks to send, depth first; leaves are named, not read.

    With `duplicates` a block comes each time that it occurs. Ids that hold their block are left
    out. Raises BadContent, ContentNotFound, TooLarge, InvalidInput for bytes after a file's end.
    """
    seen: set[bytes] = set()
    count = 0
    for block in _walk(found, scope, wanted, get, duplicates=duplicates):
        count += 1
        if count > MAX_BLOCKS:
            raise TooLarge(
                f"the answer has more than {MAX_BLOCKS} blocks", remedy="ask for a part of it"
            )
        if isinstance(block.cid, InlineCid) or (block.id in seen and not duplicates):
            continue
        seen.add(block.id)
        yield block


def _walk(
    found: ResolvedPath,
    scope: str,
    wanted: EntityBytes | None,
    get: GetBlock,
    *,
    duplicates: bool,
) -> Iterator[Spelled]:
    yield from found.way
    end = found.end
    kind = _find_kind(end.cid, get)
    if wanted is not None and kind in FILE_KINDS:
        yield from _walk_range(end, wanted, get)
        return
    scope = ENTITY if wanted else scope
    if scope == BLOCK or (scope == ENTITY and kind not in (*FILE_KINDS, SHARDED_DIRECTORY)):
        yield end
        return
    only_shards = scope == ENTITY and kind == SHARDED_DIRECTORY
    expanded: set[bytes] = set()
    waiting = [end]
    while waiting:
        block = waiting.pop()
        # What is below a block was sent with it; blocks on the way were sent without.
        if not duplicates and block.id in expanded:
            continue
        expanded.add(block.id)
        yield block
        if block.cid.codec != RAW:
            links = decode_node(read_block(block.cid, get)).links
            waiting.extend(
                _spelled(link) for link in reversed(links) if not only_shards or _is_shard(link)
            )


def _walk_range(end: Spelled, wanted: EntityBytes, get: GetBlock) -> Iterator[Spelled]:
    """Yield the blocks that are needed to verify a part of a file."""
    yield end
    span = wanted.resolve(read_file_part(end.cid, read_block(end.cid, get)).size)
    if span is None or end.cid.codec == RAW:
        return
    first, last = span
    waiting: list[tuple[Spelled, int, int]] = [(end, 0, 0)]
    while waiting:
        block, begins, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise TooLarge(f"{end.cid} has more than {MAX_DEPTH} levels")
        if depth:
            yield block
        if block.cid.codec == RAW:
            continue
        content = read_block(block.cid, get)
        part, links = read_file_part(block.cid, content), decode_node(content).links
        at = begins + len(part.data)
        below = []
        for child, link in zip(part.children, links, strict=True):
            if at <= last and at + child.size > first:
                below.append((_spelled(link), at, depth + 1))
            at += child.size
        waiting.extend(reversed(below))


def _read_directory(cid: AnyCid, get: GetBlock) -> DagNode | None:
    """Return a directory's node, None for what is none. Raises Unsupported for a sharded one."""
    if cid.codec == RAW:
        return None
    node = decode_node(read_block(cid, get))
    kind = read_kind(node.data)
    if kind == SHARDED_DIRECTORY:
        raise Unsupported(
            f"{cid} is a sharded directory, through which paths are not followed here",
            field="path",
            remedy="ask for the block at its end by its own CID",
        )
    return node if kind == DIRECTORY else None


def _find_kind(cid: AnyCid, get: GetBlock) -> int | None:
    """Return the kind of UnixFS node, that of a file for a raw block, None for other nodes."""
    if cid.codec == RAW:
        return min(FILE_KINDS)
    return read_kind(decode_node(read_block(cid, get)).data)


def _spelled(link: NodeLink) -> Spelled:
    return Spelled(link.hash, link.cid)


def _is_shard(link: NodeLink) -> bool:
    return len(link.name or "") == _SHARD_NAME
