"""Say which part of a file a block holds: UnixFS inside dag-pb, or bytes in a raw block."""

from dataclasses import dataclass

from wasmarket.content.dag_pb import DagNode, NodeLink, decode_node, encode_node, read_fields
from wasmarket.kernel.documents.content_ids import RAW
from wasmarket.kernel.documents.foreign_cids import AnyCid
from wasmarket.kernel.documents.varints import encode_varint
from wasmarket.kernel.errors import BadContent

_TYPE = 0x08
_DATA = 0x12
_FILE_SIZE = 0x18
_BLOCK_SIZE = 0x20
_IGNORED = frozenset({0x28, 0x30, 0x38, 0x42})
"""Hash type, fanout, mode, time: they do not change a file's bytes."""

_KINDS = {1: "a directory", 3: "metadata", 4: "a symbolic link", 5: "a sharded directory"}
_RAW_LEAF = 0
_FILE = 2
DIRECTORY = 1
SHARDED_DIRECTORY = 5
FILE_KINDS = frozenset({_RAW_LEAF, _FILE})


@dataclass(frozen=True, slots=True)
class FileChild:
    """A part of a file that stands in another block; `size` in bytes of the file."""

    cid: AnyCid
    size: int


@dataclass(frozen=True, slots=True)
class FilePart:
    """What one block says of a file: first its own bytes, then its children's, in order."""

    data: bytes
    children: tuple[FileChild, ...]

    @property
    def size(self) -> int:
        """Return how many bytes of the file are in this block and below it."""
        return len(self.data) + sum(child.size for child in self.children)


def encode_file_node(children: list[tuple[FileChild, int]]) -> bytes:
    """Return the dag-pb block above `children`, each with the bytes of all blocks below it."""
    sizes = [child.size for child, _ in children]
    data = bytes((_TYPE, _FILE, _FILE_SIZE)) + encode_varint(sum(sizes))
    data += b"".join(bytes((_BLOCK_SIZE,)) + encode_varint(size) for size in sizes)
    links = tuple(NodeLink(bytes(child.cid), "", total) for child, total in children)
    return encode_node(DagNode(links, data))


def read_file_part(cid: AnyCid, block: bytes) -> FilePart:
    """Read a block of a file whose hash was checked.

    Raises BadContent if it is not part of a file, or contradicts itself.
    """
    if cid.codec == RAW:
        return FilePart(block, ())
    node = decode_node(block)
    if node.data is None:
        raise BadContent(f"{cid} is a dag-pb node without a file in it")
    kind, data, size, block_sizes = _read_data(node.data)
    if kind not in FILE_KINDS:
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
        FileChild(link.cid, size) for link, size in zip(node.links, block_sizes, strict=True)
    )
    part = FilePart(data, children)
    if size is not None and size != part.size:
        raise BadContent(f"{cid} says {size} bytes, its parts are {part.size}")
    return part


def read_kind(data: bytes | None) -> int | None:
    """Return what kind of UnixFS node holds this data, None if it is no UnixFS at all."""
    if data is None:
        return None
    try:
        return _read_data(data)[0]
    except BadContent:
        return None


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
