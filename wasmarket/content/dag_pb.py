"""Encode and decode dag-pb nodes in their one canonical form: links first, then data."""

from collections.abc import Iterator
from dataclasses import dataclass

from wasmarket.kernel.documents.foreign_cids import AnyCid, decode_any_cid
from wasmarket.kernel.documents.varints import decode_varint, encode_varint
from wasmarket.kernel.errors import BadContent, InvalidInput

_NODE_DATA = 0x0A
_NODE_LINK = 0x12
_LINK_HASH = 0x0A
_LINK_NAME = 0x12
_LINK_SIZE = 0x18


@dataclass(frozen=True, slots=True)
class NodeLink:
    """A link to a child; `hash` as the node spells it, `size` of all blocks below in bytes."""

    hash: bytes
    name: str | None
    size: int | None

    @property
    def cid(self) -> AnyCid:
        """Return the child's id; nodes made by old tools spell it as a CIDv0.

        Raises BadContent for ids that are not read here.
        """
        try:
            return decode_any_cid(self.hash)
        except InvalidInput as error:
            raise BadContent(f"a node links to what we do not read: {error}") from error


@dataclass(frozen=True, slots=True)
class DagNode:
    """A dag-pb node."""

    links: tuple[NodeLink, ...]
    data: bytes | None


def encode_node(node: DagNode) -> bytes:
    """Return the node's block."""
    parts = [_field(_NODE_LINK, _encode_link(link)) for link in node.links]
    if node.data is not None:
        parts.append(_field(_NODE_DATA, node.data))
    return b"".join(parts)


def decode_node(block: bytes) -> DagNode:
    """Read a node's block. Raises BadContent unless it is canonical."""
    links: list[NodeLink] = []
    data: bytes | None = None
    for tag, value in read_fields(block):
        if tag == _NODE_LINK and isinstance(value, bytes):
            links.append(_decode_link(value))
        elif tag == _NODE_DATA and isinstance(value, bytes):
            data = value
        else:
            raise BadContent(f"a dag-pb node has an unknown field, tag {tag:#x}")
    node = DagNode(tuple(links), data)
    if encode_node(node) != block:
        raise BadContent("a dag-pb node is not in its canonical form")
    return node


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield tag and value of each field of a protobuf message: numbers and byte strings only.

    Raises BadContent.
    """
    at = 0
    while at < len(message):
        tag, at = decode_varint(message, at)
        number, at = decode_varint(message, at)
        if tag & 7 == 0:
            yield tag, number
        elif tag & 7 == 2:
            if at + number > len(message):
                raise BadContent("a protobuf field is cut short")
            yield tag, message[at : at + number]
            at += number
        else:
            raise BadContent(f"a protobuf field has the unknown wire type {tag & 7}")


def _encode_link(link: NodeLink) -> bytes:
    parts = [_field(_LINK_HASH, link.hash)]
    if link.name is not None:
        parts.append(_field(_LINK_NAME, link.name.encode("utf-8")))
    if link.size is not None:
        parts.append(encode_varint(_LINK_SIZE) + encode_varint(link.size))
    return b"".join(parts)


def _decode_link(message: bytes) -> NodeLink:
    content: bytes | None = None
    name: str | None = None
    size: int | None = None
    for tag, value in read_fields(message):
        if tag == _LINK_HASH and isinstance(value, bytes):
            content = value
        elif tag == _LINK_NAME and isinstance(value, bytes):
            try:
                name = value.decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadContent("a link's name is not UTF-8") from error
        elif tag == _LINK_SIZE and isinstance(value, int):
            size = value
        else:
            raise BadContent(f"a link has an unknown field, tag {tag:#x}")
    if content is None:
        raise BadContent("a link names no content")
    return NodeLink(content, name, size)


def _field(tag: int, value: bytes) -> bytes:
    return encode_varint(tag) + encode_varint(len(value)) + value
