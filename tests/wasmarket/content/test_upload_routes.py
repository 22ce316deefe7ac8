"""Uploads: signed, bounded, checked, and kept as long as promised."""

import asyncio
import threading

import httpx
import pytest

from wasmarket.content import upload_routes
from wasmarket.content.car import read_car, write_car
from wasmarket.content.importer import import_bytes
from wasmarket.content.ledger import Quota
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.content_ids import app_hash, dag_pb_cid, raw_cid
from wasmarket.kernel.documents.foreign_cids import InlineCid
from wasmarket.kernel.documents.manifest import Manifest, Module, Service, dump_manifest
from wasmarket.kernel.multibase import encode_base58, encode_multibase
from wasmarket.kernel.units import Timestamp

pytestmark = pytest.mark.unit

DEVELOPER = to_address(b"\x01" * 20)
MIB = 1024 * 1024
CAR = "application/vnd.ipld.car"
DAG_PB = "application/vnd.ipld.dag-pb"


@pytest.fixture
def client(gateway, open_client):
    return open_client(gateway.app)


@pytest.fixture
def post(client, sign):
    def send(body, kind="application/octet-stream", path="/v1/blocks"):
        headers = {"Content-Type": kind, **sign(DEVELOPER)("POST", path, body)}
        return client.post(path, content=body, headers=headers)

    return send


def car_of(*blocks):
    return b"".join(write_car([raw_cid(blocks[0])], [(raw_cid(block), block) for block in blocks]))


def test_upload__one_block__served_under_its_id(post, client, gateway):
    answer = post(b"some bytes")

    cid = raw_cid(b"some bytes")
    assert answer.status_code == 201
    assert answer.json() == {"cids": [str(cid)], "kept_until": gateway.now + 7 * 86_400}
    assert client.get(f"/ipfs/{cid}?format=raw").content == b"some bytes"


def test_upload__car__all_blocks_stored(post, gateway):
    answer = post(car_of(b"a", b"b"), CAR)

    assert answer.status_code == 201
    assert answer.json()["cids"] == [str(raw_cid(b"a")), str(raw_cid(b"b"))]
    assert set(gateway.folder.cids()) == {raw_cid(b"a"), raw_cid(b"b")}


def test_upload__car_with_ids_of_other_tools__stored_under_ours(post, gateway):
    node = b"\x0a\x02\x08\x01"
    v0, inline = b"\x12\x20" + dag_pb_cid(node).digest, InlineCid(0x55, b"tiny")
    car = b"".join(write_car([v0], [(v0, node), (inline, b"tiny"), (raw_cid(b"a"), b"a")]))

    answer = post(car, CAR)

    assert answer.status_code == 201
    assert answer.json()["cids"] == [str(dag_pb_cid(node)), str(raw_cid(b"a"))]
    assert set(gateway.folder.cids()) == {dag_pb_cid(node), raw_cid(b"a")}


@pytest.mark.parametrize("spell", [bytes, lambda cid: b"\x12\x20" + cid.digest])
def test_pin__id_in_another_spelling__keeps_the_block(post, gateway, spell):
    node = b"\x0a\x02\x08\x01"
    post(node, DAG_PB)
    data = spell(dag_pb_cid(node))
    text = encode_base58(data) if len(data) == 34 else encode_multibase("k", data)

    answer = post(b"", path=f"/v1/blocks/{text}/pin")

    assert answer.status_code == 200
    assert answer.json()["cids"] == [str(dag_pb_cid(node))]
    assert post(b"", path="/v1/blocks/bafkqaaa/pin").status_code == 400


def test_upload__dag_pb_node__stored_as_such(post, gateway):
    blocks = {}
    imported = import_bytes(bytes(2 * MIB), blocks.__setitem__)

    assert post(blocks[imported.cid], DAG_PB).status_code == 201
    assert list(gateway.folder.cids()) == [imported.cid]


def test_upload__not_signed__unauthorized_and_nothing_kept(client, gateway):
    answer = client.post("/v1/blocks", content=b"some bytes")

    assert answer.status_code == 401
    assert list(gateway.folder.cids()) == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "slug"),
    [
        (b"\xff", DAG_PB, 400, "bad-content"),
        (b"\xff", CAR, 400, "bad-content"),
        (b"x", "text/html", 400, "invalid-input"),
        (bytes(2 * MIB + 1), "application/octet-stream", 413, "too-large"),
        (bytes(9 * MIB + 1), CAR, 413, "too-large"),
    ],
    ids=["no node", "no CAR", "unknown kind", "block too large", "body too large"],
)
def test_upload__bad_body__refused_and_nothing_kept(post, gateway, body, kind, status, slug):
    answer = post(body, kind)

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:wasmarket:{slug}"
    assert list(gateway.folder.cids()) == []
    assert gateway.ledger.used_by(DEVELOPER) == 0


def test_upload__largest_block__taken(post):
    assert post(bytes(2 * MIB)).status_code == 201


def test_upload__car_with_a_block_under_a_wrong_id__nothing_kept(post, gateway):
    body = car_of(b"a") + b"\x25" + bytes(raw_cid(b"b")) + b"c"

    answer = post(body, CAR)

    assert answer.status_code == 400
    assert list(gateway.folder.cids()) == []


def test_upload__body_longer_than_declared_in_pieces__refused(client, sign):
    def pieces():
        for _ in range(10):
            yield bytes(MIB)

    headers = {"Content-Type": CAR, **sign(DEVELOPER)("POST", "/v1/blocks", bytes(10 * MIB))}
    answer = client.post("/v1/blocks", content=pieces(), headers=headers)

    assert answer.status_code == 413


def test_upload__over_quota__limit_with_remedy_and_nothing_kept(make_gateway, open_client, sign):
    gateway = make_gateway("small", Quota(signer_bytes=4_096))
    body = car_of(b"a", b"b")
    headers = {"Content-Type": CAR, **sign(DEVELOPER)("POST", "/v1/blocks", body)}

    answer = open_client(gateway.app).post("/v1/blocks", content=body, headers=headers)

    assert answer.status_code == 429
    assert answer.json()["remedy"]
    assert list(gateway.folder.cids()) == []


def test_upload__too_many_blocks__refused(post):
    answer = post(car_of(*(i.to_bytes(4, "big") for i in range(8_193))), CAR)

    assert answer.status_code == 413


def test_upload__car_of_blocks_that_ids_hold__are_counted_too(post, gateway):
    cheap = InlineCid(0x55, b"")
    car = b"".join(write_car([], [(cheap, b"")] * 8_193))

    answer = post(car, CAR)

    assert answer.status_code == 413
    assert "more than 8192 blocks" in answer.json()["detail"]
    assert post(b"".join(write_car([], [(cheap, b"")] * 8_192)), CAR).status_code == 201


def test_upload__while_a_car_is_read__others_are_answered(gateway, sign, monkeypatch):
    reads, answered = threading.Event(), threading.Event()

    def read_slowly(*arguments, **options):
        reads.set()
        # On the event loop nobody could be answered before this gives up.
        assert answered.wait(20)
        return read_car(*arguments, **options)

    async def ask():
        transport = httpx.ASGITransport(gateway.app)
        body = car_of(b"a", b"b")
        headers = {"Content-Type": CAR, **sign(DEVELOPER)("POST", "/v1/blocks", body)}
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            upload = asyncio.create_task(client.post("/v1/blocks", content=body, headers=headers))
            assert await asyncio.to_thread(reads.wait, 20)
            other = await client.get(f"/ipfs/{raw_cid(b'kept')}?format=raw")
            answered.set()
            return other, await upload

    gateway.folder.put(raw_cid(b"kept"), b"kept")
    monkeypatch.setattr(upload_routes, "read_car", read_slowly)

    other, uploaded = asyncio.run(ask())

    assert (other.content, uploaded.status_code) == (b"kept", 201)


@pytest.fixture
def app_blocks():
    blocks = {}
    module = import_bytes(b"\0asm" * 400_000, blocks.__setitem__).cid
    manifest = dump_manifest(Manifest("app", (Service("s", 65_536, (Module("m", module),)),)))
    blocks[raw_cid(manifest)] = manifest
    return raw_cid(manifest), blocks


def test_pin__app__renews_all_it_needs(post, gateway, app_blocks):
    root, blocks = app_blocks
    post(b"".join(write_car([root], blocks.items())), CAR)
    start = gateway.now
    gateway.now = Timestamp(start + 6 * 86_400)

    answer = post(b"", path=f"/v1/blocks/{root}/pin")

    assert answer.status_code == 200
    assert set(answer.json()["cids"]) == {str(cid) for cid in blocks}
    assert answer.json()["kept_until"] == start + 13 * 86_400
    assert gateway.ledger.collect_garbage([], Timestamp(start + 12 * 86_400)) == []


def test_pin__part_missing__not_found_names_it(post, gateway, app_blocks):
    root, blocks = app_blocks
    missing = raw_cid((b"\0asm" * 400_000)[:MIB])
    del blocks[missing]
    post(b"".join(write_car([root], blocks.items())), CAR)

    answer = post(b"", path=f"/v1/blocks/{root}/pin")

    assert answer.status_code == 404
    assert str(missing) in answer.json()["detail"]


def test_pin__unknown_or_misspelt__refused(post):
    assert post(b"", path=f"/v1/blocks/{dag_pb_cid(b'')}/pin").status_code == 404
    assert post(b"", path="/v1/blocks/nonsense/pin").status_code == 400


def test_pin__not_signed__unauthorized(client):
    assert client.post(f"/v1/blocks/{raw_cid(b'a')}/pin").status_code == 401


def test_collect_garbage__after_upload__live_app_stays_over_http(post, client, gateway, app_blocks):
    root, blocks = app_blocks
    post(b"".join(write_car([root], blocks.items())), CAR)
    post(b"forgotten")

    removed = gateway.ledger.collect_garbage([app_hash(root)], Timestamp(gateway.now + 30 * 86_400))

    assert removed == [raw_cid(b"forgotten")]
    assert client.get(f"/ipfs/{root}?format=raw").status_code == 200
