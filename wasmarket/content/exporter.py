"""Read files back by content id, whatever their layout; every block is hashed before use."""

from collections.abc import Callable, Iterator

from wasmarket.content.dag_pb import decode_node
from wasmarket.content.unixfs import FileChild, read_file_part
from wasmarket.kernel.documents.content_ids import RAW, Cid, check_block
from wasmarket.kernel.documents.foreign_cids import AnyCid, InlineCid
from wasmarket.kernel.errors import BadContent, TooLarge

GetBlock = Callable[[Cid], bytes]
"""Where blocks come from, such as `BlockFolder.get`; raises ContentNotFound."""

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 32
MAX_BLOCKS = 65_536
"""Blocks visited for one file: a small file of very many parts is work without use."""


def read_file(cid: Cid, get: GetBlock, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a file.

    Raises ContentNotFound, BadContent (a block does not match its id, or is no file), TooLarge.
    """
    return b"".join(stream_file(cid, get, max_bytes))


def stream_file(cid: Cid, get: GetBlock, max_bytes: int = MAX_FILE_BYTES) -> Iterator[bytes]:
    """Yield the bytes of a file part by part. Raises as `read_file`, at the first bad part."""
    visited = 0
    # The root's size is not known before it is read; every other part's size its parent names.
    waiting: list[tuple[FileChild | None, int]] = [(None, 0)]
    while waiting:
        child, depth = waiting.pop()
        visited += 1
        if depth > MAX_DEPTH or visited > MAX_BLOCKS:
            raise TooLarge(
                f"{cid} has more than {MAX_BLOCKS} parts or {MAX_DEPTH} levels",
                remedy="import the file with larger chunks",
            )
        part_cid = cid if child is None else child.cid
        block = read_block(part_cid, get)
        part = read_file_part(part_cid, block)
        if child is None and part.size > max_bytes:
            raise TooLarge(f"{cid} has {part.size} bytes, {max_bytes} are allowed")
        if child is not None and part.size != child.size:
            raise BadContent(f"{part_cid} has {part.size} bytes, its parent says {child.size}")
        if part.data:
            yield part.data
        waiting.extend((below, depth + 1) for below in reversed(part.children))


def read_block(cid: AnyCid, get: GetBlock) -> bytes:
    """Return a block that was checked, or the one that the id itself holds."""
    if isinstance(cid, InlineCid):
        return cid.data
    block = get(cid)
    check_block(cid, block)
    return block


def links_of(cid: Cid, block: bytes) -> list[Cid]:
    """Return the ids that a block links to, in order. Raises BadContent.

    An id that holds its block names nothing that could be stored; what that block links to counts.
    """
    if cid.codec == RAW:
        return []
    found: list[Cid] = []
    waiting = _read_links(block)
    while waiting:
        child = waiting.pop()
        if isinstance(child, Cid):
            found.append(child)
        elif child.codec != RAW:
            waiting += _read_links(child.data)
    return found


def _read_links(block: bytes) -> list[AnyCid]:
    """Return what a node links to, the first last."""
    return [link.cid for link in reversed(decode_node(block).links)]


def walk(
    root: Cid, get: GetBlock, max_blocks: int = MAX_BLOCKS, *, leaves: bool = True
) -> Iterator[tuple[Cid, bytes | None]]:
    """Yield each block below and including `root` once, parents first.

    Raw blocks link to nothing: with `leaves` off they are named but not read. Raises
    ContentNotFound, BadContent, TooLarge.
    """
    seen = {root}
    waiting = [root]
    while waiting:
        cid = waiting.pop()
        if cid.codec == RAW and not leaves:
            yield cid, None
            continue
        block = get(cid)
        check_block(cid, block)
        yield cid, block
        below = [child for child in dict.fromkeys(links_of(cid, block)) if child not in seen]
        seen.update(below)
        if len(seen) > max_blocks:
            raise TooLarge(f"{root} has more than {max_blocks} blocks")
        waiting.extend(reversed(below))
