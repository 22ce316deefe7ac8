"""What the IPFS trustless gateway specification says, line by line: requests and their answers.

The same table is asked of the routes alone, of a whole gateway and of a peer.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wasmarket.content.dag_pb import DagNode, NodeLink, decode_node, encode_node
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import Profile, import_stream
from wasmarket.kernel.documents.content_ids import Cid, dag_pb_cid, raw_cid
from wasmarket.kernel.documents.foreign_cids import InlineCid
from wasmarket.kernel.multibase import encode_base58, encode_multibase

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car"
CAR_TYPE = f"{CAR}; version=1; order=dfs; dups=n"
FOREVER = "public, max-age=29030400, immutable"
BLOCK = b"hello world"
DATA = bytes(range(256)) * 4
PROBE = "bafkqaaa"
MISSING = raw_cid(b"nowhere")


def put_node(folder: BlockFolder, links: Sequence[NodeLink], data: bytes) -> Cid:
    """Keep a dag-pb node."""
    block = encode_node(DagNode(tuple(links), data))
    folder.put(dag_pb_cid(block), block)
    return dag_pb_cid(block)


def version_0(cid: Cid) -> bytes:
    """Return the binary CIDv0 of a dag-pb block."""
    return b"\x12\x20" + cid.digest


class Content:
    """Blocks that the table speaks of."""

    def __init__(self, folder: BlockFolder) -> None:
        folder.put(raw_cid(BLOCK), BLOCK)
        self.raw = raw_cid(BLOCK)
        self.file = import_stream(io.BytesIO(DATA), folder.put, Profile(64, 4)).cid
        self.leaves = [raw_cid(DATA[at : at + 64]) for at in range(0, 256, 64)]
        nodes = [link.cid for link in decode_node(folder.get(self.file)).links]
        self.nodes = [node for node in nodes if isinstance(node, Cid)]
        inner = put_node(folder, [NodeLink(bytes(self.file), "a b.txt", 1_024)], b"\x08\x01")
        self.inner = inner
        self.directory = put_node(folder, [NodeLink(bytes(inner), "sub", 2_000)], b"\x08\x01")
        # As tools of before wrote it: a CIDv0 in a link, and a small part inside of an id.
        inline = InlineCid(0x55, b"tiny")
        old = put_node(
            folder,
            [NodeLink(version_0(self.file), "", 1_024), NodeLink(bytes(inline), "", 4)],
            b"\x08\x02\x18\x84\x08\x20\x80\x08\x20\x04",
        )
        self.old = old
        self.sharded = put_node(
            folder,
            [NodeLink(bytes(self.raw), "00name", 11), NodeLink(bytes(inner), "01", 2_000)],
            b"\x08\x05",
        )
        twice = [NodeLink(bytes(self.raw), "", 11)] * 2
        self.twice = put_node(folder, twice, b"\x08\x02\x18\x16\x20\x0b\x20\x0b")

    def all_of_file(self) -> list[Cid]:
        """Return a file's blocks, depth first, each once: its four parts are the same."""
        return [self.file, self.nodes[0], *self.leaves]


@dataclass(frozen=True)
class Case:
    """A request, and what the answer must be; texts are filled in from `Content` by name."""

    says: str
    path: str
    status: int = 200
    accept: Sequence[str] | None = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes | None = None
    blocks: Callable[[Content], list[Cid]] | None = None
    gives: Mapping[str, str | None] = field(default_factory=dict)


def whole(content: Content) -> list[Cid]:
    """Return what a CAR of the file holds."""
    return content.all_of_file()


R, C = [RAW], [CAR]
CASES = [
    # Request: Accept and format
    Case("raw MUST be supported", "/ipfs/{raw}", accept=R, body=BLOCK, gives={"content-type": RAW}),
    Case("CAR SHOULD be supported", "/ipfs/{file}", accept=C, blocks=whole),
    Case("400 when Accept is missing", "/ipfs/{raw}", 400, accept=None),
    Case("any type is no form", "/ipfs/{raw}", 406, accept=["*/*"]),
    Case("pages are not made here", "/ipfs/{raw}", 406, accept=["text/html,*/*;q=0.8"]),
    Case("format=raw", "/ipfs/{raw}?format=raw", accept=None, body=BLOCK),
    Case("format=car", "/ipfs/{file}?format=car", accept=None, blocks=whole),
    Case("format takes precedence", "/ipfs/{raw}?format=raw", accept=C, body=BLOCK),
    Case("another format", "/ipfs/{raw}?format=tar", 406, accept=R),
    Case("an IPNS record is not under /ipfs", "/ipfs/{raw}?format=ipns-record", 400, accept=R),
    Case("best quality", "/ipfs/{raw}", accept=[f"{CAR};q=0.5, {RAW};q=0.9"], body=BLOCK),
    Case("best quality, said last", "/ipfs/{raw}", accept=[f"{CAR};q=0.1,{RAW}"], body=BLOCK),
    Case("quality 0 is a refusal", "/ipfs/{raw}", 406, accept=[f"{RAW};q=0"]),
    Case("quality 0.000 too", "/ipfs/{raw}", 406, accept=[f"{RAW}; q=0.000, text/html"]),
    Case(
        "equal quality: the first", "/ipfs/{raw}", accept=[f"{RAW};q=0.5,{CAR};q=0.5"], body=BLOCK
    ),
    Case("two lines", "/ipfs/{raw}", accept=["text/html", RAW], body=BLOCK),
    Case("two lines, by quality", "/ipfs/{raw}", accept=[f"{CAR};q=0.2", RAW], body=BLOCK),
    Case("upper case", "/ipfs/{raw}", accept=["Application/VND.ipld.RAW"], body=BLOCK),
    Case("quoted", "/ipfs/{file}", accept=[f'{CAR}; version="1"; order="dfs"'], blocks=whole),
    Case(
        "a comma in quotes", "/ipfs/{raw}", accept=[f'text/x;a="b,{CAR};c\\"", {RAW}'], body=BLOCK
    ),
    Case("junk beside it", "/ipfs/{raw}", accept=[f";;,,=,/;q=x, {RAW}"], body=BLOCK),
    Case("junk quality", "/ipfs/{raw}", accept=[f"{CAR};q=7, {RAW};q=0.1"], body=BLOCK),
    # Request: parameters of CAR
    Case("order", "/ipfs/{file}", accept=[f"{CAR};order=dfs"], gives={"content-type": CAR_TYPE}),
    Case(
        "unknown order, then ours",
        "/ipfs/{file}",
        accept=[f"{CAR};order=x, {CAR};q=0.5"],
        blocks=whole,
    ),
    Case("unknown order only", "/ipfs/{file}", 406, accept=[f"{CAR};order=x"]),
    Case("version 2", "/ipfs/{file}", 406, accept=[f"{CAR};version=2"]),
    Case("car-version=2", "/ipfs/{file}?format=car&car-version=2", 406),
    Case("URL before Accept", "/ipfs/{file}?car-dups=n", accept=[f"{CAR};dups=y"], blocks=whole),
    Case("no duplicates by default", "/ipfs/{twice}", accept=C, blocks=lambda c: [c.twice, c.raw]),
    Case(
        "each duplicate if asked for",
        "/ipfs/{twice}?format=car&car-dups=y",
        blocks=lambda c: [c.twice, c.raw, c.raw],
        gives={"content-type": f"{CAR}; version=1; order=dfs; dups=y"},
    ),
    # dag-scope
    Case(
        "all",
        "/ipfs/{directory}?format=car&dag-scope=all",
        blocks=lambda c: [c.directory, c.inner, *c.all_of_file()],
    ),
    Case("block", "/ipfs/{file}?format=car&dag-scope=block", blocks=lambda c: [c.file]),
    Case("entity: a file", "/ipfs/{file}?format=car&dag-scope=entity", blocks=whole),
    Case(
        "entity: a directory",
        "/ipfs/{directory}?format=car&dag-scope=entity",
        blocks=lambda c: [c.directory],
    ),
    Case(
        "entity: all shards",
        "/ipfs/{sharded}?format=car&dag-scope=entity",
        blocks=lambda c: [c.sharded, c.inner],
    ),
    Case("another scope", "/ipfs/{file}?format=car&dag-scope=some", 400),
    # entity-bytes
    Case(
        "first byte",
        "/ipfs/{file}?format=car&entity-bytes=0:0",
        blocks=lambda c: [c.file, c.nodes[0], c.leaves[0]],
    ),
    Case(
        "a part",
        "/ipfs/{file}?format=car&entity-bytes=64:191",
        blocks=lambda c: [c.file, c.nodes[0], *c.leaves[1:3]],
    ),
    Case("to the end", "/ipfs/{file}?format=car&entity-bytes=0:*", blocks=whole),
    Case(
        "from the end",
        "/ipfs/{file}?format=car&entity-bytes=-64:*",
        blocks=lambda c: [c.file, c.nodes[0], c.leaves[3]],
    ),
    Case(
        "to before the end",
        "/ipfs/{file}?format=car&entity-bytes=0:-961",
        blocks=lambda c: [c.file, c.nodes[0], c.leaves[0]],
    ),
    Case(
        "partly outside",
        "/ipfs/{file}?format=car&entity-bytes=1000:5000",
        blocks=lambda c: [c.file, c.nodes[0], c.leaves[3]],
    ),
    Case(
        "partly before",
        "/ipfs/{file}?format=car&entity-bytes=-9999:63",
        blocks=lambda c: [c.file, c.nodes[0], c.leaves[0]],
    ),
    Case("no byte", "/ipfs/{file}?format=car&entity-bytes=5:4", blocks=lambda c: [c.file]),
    Case("wholly outside", "/ipfs/{file}?format=car&entity-bytes=1024:*", 400),
    Case("no range", "/ipfs/{file}?format=car&entity-bytes=a:b", 400),
    Case("of a raw block", "/ipfs/{raw}?format=car&entity-bytes=0:3", blocks=lambda c: [c.raw]),
    Case(
        "of a directory: as entity",
        "/ipfs/{directory}?format=car&entity-bytes=0:0",
        blocks=lambda c: [c.directory],
    ),
    # Paths
    Case(
        "a path",
        "/ipfs/{directory}/sub/a%20b.txt?format=car",
        blocks=lambda c: [c.directory, c.inner, *c.all_of_file()],
    ),
    Case(
        "a path, block",
        "/ipfs/{directory}/sub/?format=car&dag-scope=block",
        blocks=lambda c: [c.directory, c.inner],
    ),
    Case(
        "a path, bytes",
        "/ipfs/{directory}/sub/a%20b.txt?format=car&entity-bytes=0:0",
        blocks=lambda c: [c.directory, c.inner, c.file, c.nodes[0], c.leaves[0]],
    ),
    Case(
        "HEAD on a path",
        "/ipfs/{directory}/sub?format=car",
        method="HEAD",
        gives={"content-type": CAR_TYPE},
    ),
    Case("a path that is not there", "/ipfs/{directory}/sub/none/x?format=car", 404),
    Case("a path into a file", "/ipfs/{file}/x?format=car", 404),
    Case("a path for a raw block", "/ipfs/{directory}/sub?format=raw", 400),
    Case("a sharded path", "/ipfs/{sharded}/name?format=car", 501),
    # Status
    Case("404 for a missing block", "/ipfs/{missing}?format=raw", 404),
    Case("404 for a missing root", "/ipfs/{missing}?format=car", 404),
    Case("404 for HEAD", "/ipfs/{missing}?format=raw", 404, method="HEAD"),
    Case("404 before 304", "/ipfs/{missing}?format=raw", 404, headers={"If-None-Match": "*"}),
    Case(
        "404 before 304 by tag",
        "/ipfs/{missing}?format=raw",
        404,
        headers={"If-None-Match": '"{missing}.raw"'},
    ),
    Case(
        "412 for only-if-cached",
        "/ipfs/{missing}?format=raw",
        412,
        headers={"Cache-Control": "max-age=0, only-if-cached"},
        body=b"",
    ),
    Case(
        "412 for HEAD",
        "/ipfs/{missing}?format=car",
        412,
        method="HEAD",
        headers={"Cache-Control": "Only-If-Cached"},
    ),
    Case(
        "only-if-cached, here",
        "/ipfs/{raw}?format=raw",
        headers={"Cache-Control": "only-if-cached"},
        body=BLOCK,
    ),
    Case("a service worker", "/ipfs/{raw}?format=raw", 400, headers={"Service-Worker": "script"}),
    # Response headers
    Case("Cache-Control", "/ipfs/{raw}?format=raw", gives={"cache-control": FOREVER}),
    Case("Cache-Control of a CAR", "/ipfs/{raw}?format=car", gives={"cache-control": FOREVER}),
    Case("nosniff", "/ipfs/{raw}?format=car", gives={"x-content-type-options": "nosniff"}),
    Case(
        "file name, raw",
        "/ipfs/{raw}?format=raw",
        gives={"content-disposition": 'attachment; filename="{raw}.bin"'},
    ),
    Case(
        "file name, CAR",
        "/ipfs/{raw}?format=car",
        gives={"content-disposition": 'attachment; filename="{raw}.car"'},
    ),
    Case(
        "filename",
        "/ipfs/{raw}?format=raw&filename=a.txt&download=false",
        gives={"content-disposition": 'attachment; filename="a.txt"'},
    ),
    Case(
        "filename in UTF-8",
        "/ipfs/{raw}?format=raw&filename=test%D1%82%22.pdf",
        gives={
            "content-disposition": 'attachment; filename="test__.pdf"; '
            "filename*=UTF-8''test%D1%82%22.pdf"
        },
    ),
    Case(
        "filename without line ends",
        "/ipfs/{raw}?format=raw&filename=a%0D%0AX:%20y",
        gives={
            "x": None,
            "content-disposition": 'attachment; filename="a__X: y"; '
            "filename*=UTF-8''a%0D%0AX%3A%20y",
        },
    ),
    Case(
        "Content-Location by Accept",
        "/ipfs/{raw}",
        accept=R,
        gives={"content-location": "/ipfs/{raw}?format=raw"},
    ),
    Case(
        "Content-Location of a CAR",
        "/ipfs/{file}?entity-bytes=0:*",
        accept=[f"{CAR};dups=y"],
        gives={"content-location": "/ipfs/{file}?entity-bytes=0:*&format=car&car-dups=y"},
    ),
    Case(
        "Content-Location: they differ",
        "/ipfs/{raw}?format=raw",
        accept=C,
        gives={"content-location": "/ipfs/{raw}?format=raw"},
    ),
    Case(
        "no Content-Location", "/ipfs/{raw}?format=raw", accept=R, gives={"content-location": None}
    ),
    Case(
        "X-Ipfs-Path",
        "/ipfs/{directory}/sub?format=car",
        gives={"x-ipfs-path": "/ipfs/{directory}/sub"},
    ),
    Case(
        "X-Ipfs-Roots",
        "/ipfs/{directory}/sub?format=car",
        gives={"x-ipfs-roots": "{directory},{inner}"},
    ),
    Case(
        "HEAD of a block",
        "/ipfs/{raw}?format=raw",
        method="HEAD",
        gives={"content-length": "11", "etag": '"{raw}.raw"'},
    ),
    # Range
    Case(
        "a range",
        "/ipfs/{raw}?format=raw",
        206,
        headers={"Range": "bytes=0-4"},
        body=b"hello",
        gives={"content-range": "bytes 0-4/11"},
    ),
    Case(
        "a range to the end",
        "/ipfs/{raw}?format=raw",
        206,
        headers={"Range": "bytes=6-"},
        body=b"world",
    ),
    Case(
        "the last bytes",
        "/ipfs/{raw}?format=raw",
        206,
        headers={"Range": "bytes=-5"},
        body=b"world",
    ),
    Case(
        "a range that ends late",
        "/ipfs/{raw}?format=raw",
        206,
        headers={"Range": "bytes=6-99"},
        body=b"world",
    ),
    Case("two ranges", "/ipfs/{raw}?format=raw", headers={"Range": "bytes=0-1,3-4"}, body=BLOCK),
    Case("no range", "/ipfs/{raw}?format=raw", headers={"Range": "lines=1-2"}, body=BLOCK),
    Case(
        "a range after the end",
        "/ipfs/{raw}?format=raw",
        416,
        headers={"Range": "bytes=11-"},
        gives={"content-range": "bytes */11"},
    ),
    Case(
        "a range of something else",
        "/ipfs/{raw}?format=raw",
        headers={"Range": "bytes=0-4", "If-Range": '"other"'},
        body=BLOCK,
    ),
    Case(
        "HEAD of a range",
        "/ipfs/{raw}?format=raw",
        206,
        method="HEAD",
        headers={"Range": "bytes=0-4"},
        gives={"content-length": "5"},
    ),
    Case("ranges of blocks", "/ipfs/{raw}?format=raw", gives={"accept-ranges": "bytes"}),
    Case("no ranges of CARs", "/ipfs/{raw}?format=car", gives={"accept-ranges": "none"}),
    # The probe, and ids that hold their block
    Case("probe", f"/ipfs/{PROBE}?format=raw", body=b"", gives={"content-type": RAW}),
    Case("probe by Accept", f"/ipfs/{PROBE}", accept=R, body=b""),
    Case("probe as CAR", f"/ipfs/{PROBE}?format=car", blocks=lambda c: []),
    Case("probe by HEAD", f"/ipfs/{PROBE}?format=raw", method="HEAD"),
    Case("probe by HEAD as CAR", f"/ipfs/{PROBE}?format=car", method="HEAD"),
    Case("another id of that kind", "/ipfs/{inline}?format=raw", body=b"tiny"),
    Case(
        "no such block in a CAR",
        "/ipfs/{old}?format=car",
        blocks=lambda c: [c.old, *c.all_of_file()],
    ),
    # Spellings
    Case("a slash at the end", "/ipfs/{raw}/?format=raw", body=BLOCK),
    Case("HEAD with a slash", "/ipfs/{raw}/?format=raw", method="HEAD"),
    *(
        Case(
            f"base {base}",
            f"/ipfs/{{raw_{base}}}?format=raw",
            body=BLOCK,
            gives={"etag": '"{raw}.raw"'},
        )
        for base in "fFbBvVkKzZuh"
    ),
    Case("CIDv0", "/ipfs/{file_v0}?format=car", blocks=whole),
    *(
        Case(f"not canonical: {name}", f"/ipfs/{{{name}}}?format=raw", 400)
        for name in ("padded", "mixed", "cut", "spare", "nonsense", "v0_with_letter", "too_long")
    ),
]


def fill(text: str, content: Content) -> str:
    """Put the ids of the content into a text of the table."""
    raw = str(content.raw)
    names = {name: str(value) for name, value in vars(content).items()}
    names |= {f"raw_{base}": encode_multibase(base, bytes(content.raw)) for base in "fFbBvVkKzZuh"}
    names |= {
        "missing": str(MISSING),
        "inline": str(InlineCid(0x55, b"tiny")),
        "file_v0": encode_base58(version_0(content.file)),
        "padded": raw + "=",
        "mixed": raw[:-1] + raw[-1].upper(),
        "cut": raw[:-1],
        "spare": raw[:-1] + "f",
        "nonsense": "nonsense",
        "v0_with_letter": "z" + encode_base58(version_0(content.file)),
        "too_long": "f" + "01551220" + "00" * 300,
    }
    return text.format_map(names)
