"""Files as blocks: the ids that IPFS tools give, and every byte back whatever the layout."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmarket.content.dag_pb import DagNode, NodeLink, encode_node
from wasmarket.content.exporter import links_of, read_file, stream_file, walk
from wasmarket.content.importer import Profile, import_bytes, import_file, import_stream
from wasmarket.content.unixfs import FileChild, encode_file_node
from wasmarket.kernel.documents.content_ids import DAG_PB, RAW, Cid, dag_pb_cid, parse_cid, raw_cid
from wasmarket.kernel.documents.foreign_cids import InlineCid
from wasmarket.kernel.documents.varints import encode_varint
from wasmarket.kernel.errors import BadContent, ContentNotFound, TooLarge

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cids.json").read_text())


class Blocks(dict):
    """Blocks in memory, with the interface of a block folder."""

    def put(self, cid, block):
        self[cid] = block

    def get(self, cid):
        if cid not in self:
            raise ContentNotFound(str(cid))
        return self[cid]


def content(size):
    """The bytes that the vectors speak of."""
    count = -(-size // 32)
    words = (hashlib.sha256(i.to_bytes(8, "big")).digest() for i in range(count))
    return b"".join(words)[:size]


def file_data(kind, sizes=(), data=b"", total=None):
    """UnixFS data written by hand."""
    result = bytes((0x08, kind))
    if data:
        result += b"\x12" + encode_varint(len(data)) + data
    if total is not None:
        result += b"\x18" + encode_varint(total)
    return result + b"".join(b"\x20" + encode_varint(size) for size in sizes)


@pytest.mark.parametrize(
    "vector", VECTORS["files"], ids=lambda v: f"{v['size']} by {v['chunk_bytes']}"
)
def test_import_stream__vector__same_id_as_ipfs_tools(vector):
    blocks = Blocks()
    data = content(vector["size"])

    profile = Profile(vector["chunk_bytes"], vector["max_links"])
    imported = import_stream(io.BytesIO(data), blocks.put, profile)

    assert str(imported.cid) == vector["cid"]
    assert imported.size == vector["size"]


@pytest.mark.parametrize("vector", VECTORS["layouts"], ids=lambda vector: vector["layout"])
def test_read_file__layout_of_other_tools__same_bytes(vector):
    blocks = Blocks(
        (parse_cid(block["cid"]), base64.b64decode(block["base64"])) for block in vector["blocks"]
    )

    assert read_file(parse_cid(vector["cid"]), blocks.get) == content(vector["size"])
    assert {cid for cid, _ in walk(parse_cid(vector["cid"]), blocks.get)} == set(blocks)


@given(
    st.binary(max_size=600),
    st.integers(1, 40),
    st.integers(2, 5),
)
def test_import_stream__any_file__reads_back(data, chunk_bytes, max_links):
    blocks = Blocks()

    imported = import_stream(io.BytesIO(data), blocks.put, Profile(chunk_bytes, max_links))

    assert read_file(imported.cid, blocks.get) == data
    assert imported.size == len(data)
    assert set(blocks) == {cid for cid, _ in walk(imported.cid, blocks.get)}


def test_import_file__short_reads__cut_the_same(tmp_path):
    class Trickle(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    (tmp_path / "file").write_bytes(content(1_000))

    whole = import_file(tmp_path / "file", Blocks().put)
    dribbled = import_stream(Trickle(content(1_000)), Blocks().put)

    assert dribbled == whole == import_bytes(content(1_000), Blocks().put)


def test_import_stream__parts__children_before_parents():
    order = []

    import_stream(io.BytesIO(content(100)), lambda cid, _: order.append(cid), Profile(10, 2))

    assert [cid.codec for cid in order][:3] == [RAW, RAW, RAW]
    assert order[-1].codec == DAG_PB
    assert len(order) == 10 + 5 + 3 + 2 + 1


@settings(max_examples=30)
@given(st.data())
def test_read_file__a_block_damaged__never_other_bytes(data):
    blocks = Blocks()
    original = content(300)
    imported = import_stream(io.BytesIO(original), blocks.put, Profile(32, 3))
    cid = data.draw(st.sampled_from(sorted(blocks)))
    place = data.draw(st.integers(0, len(blocks[cid]) - 1))
    damaged = bytearray(blocks[cid])
    damaged[place] ^= data.draw(st.integers(1, 255))
    blocks[cid] = bytes(damaged)

    with pytest.raises(BadContent, match="do not hash"):
        read_file(imported.cid, blocks.get)


def test_read_file__a_block_missing__not_found_names_it():
    blocks = Blocks()
    imported = import_stream(io.BytesIO(content(300)), blocks.put, Profile(32, 3))
    gone = next(cid for cid in blocks if cid.codec == RAW)
    del blocks[gone]

    with pytest.raises(ContentNotFound, match=str(gone)):
        read_file(imported.cid, blocks.get)


def test_read_file__too_large__refused_before_the_parts_are_read():
    blocks = Blocks()
    imported = import_stream(io.BytesIO(content(300)), blocks.put, Profile(32, 3))
    only_root = Blocks({imported.cid: blocks[imported.cid]})

    with pytest.raises(TooLarge, match="300 bytes, 299"):
        read_file(imported.cid, only_root.get, max_bytes=299)


def test_read_file__parts_twice__both_come():
    part = raw_cid(b"ab")
    root = encode_file_node([(FileChild(part, 2), 2), (FileChild(part, 2), 2)])
    blocks = Blocks({part: b"ab", dag_pb_cid(root): root})

    assert read_file(dag_pb_cid(root), blocks.get) == b"abab"


def test_stream_file__endless_parts_of_a_small_dag__stopped():
    """Thirty nodes, each linking four times to the next: 4^30 parts in a few kilobytes."""
    child, size, blocks = raw_cid(b"x"), 1, Blocks({raw_cid(b"x"): b"x"})
    for _ in range(30):
        node = encode_file_node([(FileChild(child, size), 1)] * 4)
        child, size = dag_pb_cid(node), size * 4
        blocks[child] = node

    with pytest.raises(TooLarge):
        read_file(child, blocks.get)
    with pytest.raises(TooLarge, match="parts"):
        for _ in stream_file(child, blocks.get, max_bytes=size):
            pass


def test_stream_file__too_deep__stopped():
    child, blocks = raw_cid(b"x"), Blocks({raw_cid(b"x"): b"x"})
    for _ in range(33):
        node = encode_file_node([(FileChild(child, 1), 1)])
        child = dag_pb_cid(node)
        blocks[child] = node

    with pytest.raises(TooLarge, match="levels"):
        read_file(child, blocks.get)


LEAF = raw_cid(b"ab")
GOOD_LINK = NodeLink(bytes(LEAF), "", 2)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b"\xff", "cut short"),
        (b"\x0a\x05ab", "cut short"),
        (b"\x0a\x80\x00", "shortest"),
        (b"\x1a\x00", "unknown field"),
        (b"\x0d\x00\x00\x00\x00", "wire type"),
        (b"\x12\x00", "no content"),
        (b"\x12\x02\x28\x00", "a link has an unknown field"),
        (b"\x0a\x02\x08\x02" + encode_node(DagNode((GOOD_LINK,), None)), "canonical"),
        (encode_node(DagNode((), None)), "without a file"),
        (encode_node(DagNode((), file_data(1))), "a directory"),
        (encode_node(DagNode((), file_data(4, data=b"/etc"))), "a symbolic link"),
        (encode_node(DagNode((), file_data(9))), "unknown kind 9"),
        (encode_node(DagNode((), b"\x18\x00")), "no kind"),
        (encode_node(DagNode((), b"\x08\x02\x50\x01")), "unknown field"),
        (encode_node(DagNode((GOOD_LINK,), file_data(2))), "1 links but 0 sizes"),
        (encode_node(DagNode((GOOD_LINK,), file_data(2, [0]))), "empty part"),
        (encode_node(DagNode((GOOD_LINK,), file_data(2, [2], total=3))), "says 3 bytes"),
        (encode_node(DagNode((GOOD_LINK,), file_data(2, [3], total=3))), "parent says 3"),
        (
            encode_node(
                DagNode((NodeLink(b"\x01\x71\x12\x20" + bytes(32), "", 2),), file_data(2, [2]))
            ),
            "do not read",
        ),
    ],
)
def test_read_file__malformed_block__bad_content(block, message):
    cid = dag_pb_cid(block)
    blocks = Blocks({cid: block, LEAF: b"ab"})

    with pytest.raises(BadContent, match=message):
        read_file(cid, blocks.get)


@given(st.binary(max_size=80))
def test_read_file__any_bytes_as_a_node__refused_or_read_whole(block):
    cid = dag_pb_cid(block)

    try:
        data = read_file(cid, Blocks({cid: block}).get)
    except (BadContent, ContentNotFound, TooLarge):
        return
    assert isinstance(data, bytes)


def test_read_file__time_and_mode_in_it_and_link_without_name__same_bytes():
    part = NodeLink(bytes(LEAF), None, None)
    block = encode_node(DagNode((part,), file_data(2, [2]) + b"\x38\xa4\x03\x42\x02\x08\x01"))

    blocks = Blocks({dag_pb_cid(block): block, LEAF: b"ab"})
    assert read_file(dag_pb_cid(block), blocks.get) == b"ab"


def test_read_file__parts_inside_of_ids__are_read_and_named_nowhere():
    inner = encode_node(
        DagNode((NodeLink(bytes(LEAF), "", 2),), b"\x08\x02\x12\x01x\x18\x03\x20\x02")
    )
    raw, node = InlineCid(RAW, b"tiny"), InlineCid(DAG_PB, inner)
    block = encode_node(
        DagNode(
            (
                NodeLink(bytes(raw), "", 4),
                NodeLink(bytes(node), "", 2),
                NodeLink(bytes(LEAF), "", 2),
            ),
            file_data(2, [4, 3, 2]),
        )
    )

    root = dag_pb_cid(block)
    blocks = Blocks({root: block, LEAF: b"ab"})
    assert read_file(root, blocks.get) == b"tinyxabab"
    assert links_of(root, block) == [LEAF, LEAF]
    assert [cid for cid, _ in walk(root, blocks.get)] == [root, LEAF]


def test_links_of__name_not_text__bad_content():
    link = b"\x0a\x24" + bytes(LEAF) + b"\x12\x01\xff"
    node = b"\x12" + encode_varint(len(link)) + link

    with pytest.raises(BadContent, match="UTF-8"):
        links_of(dag_pb_cid(node), node)


def test_walk__more_blocks_than_allowed__stopped():
    blocks = Blocks()
    imported = import_stream(io.BytesIO(content(300)), blocks.put, Profile(32, 3))

    with pytest.raises(TooLarge):
        list(walk(imported.cid, blocks.get, max_blocks=5))


def test_walk__leaves_off__names_them_unread():
    blocks = Blocks()
    imported = import_stream(io.BytesIO(content(300)), blocks.put, Profile(32, 3))
    nodes = Blocks({cid: block for cid, block in blocks.items() if cid.codec == DAG_PB})

    found = dict(walk(imported.cid, nodes.get, leaves=False))

    assert set(found) == set(blocks)
    assert all((block is None) == (cid.codec == RAW) for cid, block in found.items())


def test_cid__unknown_codec__never_made():
    with pytest.raises(Exception, match="not supported"):
        Cid(0x71, bytes(32))
