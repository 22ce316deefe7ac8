"""Say which part of a file a block holds: UnixFS inside dag-pb, or bytes in a raw block."""

from dataclasses import dataclass

from wasmarket.content.dag_pb import Link, Node, decode_node, encode_node, read_fields
from wasmarket.kernel.documents.content_ids import RAW, Cid
from wasmarket.kernel.errors import BadContent
from wasmarket.kernel.varints import encode_varint

_TYPE = 0x08
_DATA = 0x12
_FILE_SIZE = 0x18
_BLOCK_SIZE = 0x20
_IGNORED = frozenset({0x28, 0x30, 0x38, 0x42})
"""Hash type, fanout, mode, time: they do not change a file's bytes."""

_KINDS = {1: "a directory", 3: "metadata", 4: "a symbolic link", 5: "a sharded directory"}
_RAW_LEAF = 0
_FILE = 2


@dataclass(frozen=True, slots=True)
class Child:
    """A part of a file that stands in another block; `size` in bytes of the file."""

    cid: Cid
    size: int


@dataclass(frozen=True, slots=True)
class FilePart:
    """What one block says of a file: first its own bytes, then its children's, in order."""

    data: bytes
    children: tuple[Child, ...]

    @property
    def size(self) -> int:
        """Return how many bytes of the file are in this block and below it."""
        return len(self.data) + sum(child.size for child in self.children)


def encode_file_node(children: list[tuple[Child, int]]) -> bytes:
    """Return the dag-pb block above `children`, each with the bytes of all blocks below it."""
    sizes = [child.size for child, _ in children]
    data = bytes((_TYPE, _FILE, _FILE_SIZE)) + encode_varint(sum(sizes))
    data += b"".join(bytes((_BLOCK_SIZE,)) + encode_varint(size) for size in sizes)
    links = tuple(Link(bytes(child.cid), "", total) for child, total in children)
    return encode_node(Node(links, data))


def read_file_part(cid: Cid, block: bytes) -> FilePart:
    """Read a block of a file whose hash was checked.

    Raises BadContent if it is not part of a file, or contradicts itself.
    """
    if cid.codec == RAW:
        return FilePart(block, ())
    node = decode_node(block)
    if node.data is None:
        raise BadContent(f"{cid} is a dag-pb node without a file in it")
    kind, data, size, block_sizes = _read_data(node.data)
    if kind not in (_FILE, _RAW_LEAF):
        raise BadContent(
            f"{cid} is {_KINDS.get(kind, f'of unknown kind {kind}')}, not a file",
            remedy="name the file itself by its CID",
        )
    if len(block_sizes) != len(node.links):
        raise BadContent(f"{cid} has {len(node.links)} links but {len(block_sizes)} sizes")
    if 0 in block_sizes:
        # Nodes of empty children would let a small block stand for endless work.
        raise BadContent(f"{cid} links to an empty part")
    children = tuple(
        Child(link.cid, size) for link, size in zip(node.links, block_sizes, strict=True)
    )
    part = FilePart(data, children)
    if size is not None and size != part.size:
        raise BadContent(f"{cid} says {size} bytes, its parts are {part.size}")
    return part


def _read_data(message: bytes) -> tuple[int, bytes, int | None, list[int]]:
    kind: int | None = None
    data = b""
    size: int | None = None
    block_sizes: list[int] = []
    for tag, value in read_fields(message):
        if tag == _TYPE and isinstance(value, int):
            kind = value
        elif tag == _DATA and isinstance(value, bytes):
            data = value
        elif tag == _FILE_SIZE and isinstance(value, int):
            size = value
        elif tag == _BLOCK_SIZE and isinstance(value, int):
            block_sizes.append(value)
        elif tag not in _IGNORED:
            raise BadContent(f"UnixFS data has an unknown field, tag {tag:#x}")
    if kind is None:
        raise BadContent("UnixFS data names no kind")
    return kind, data, size, block_sizes
