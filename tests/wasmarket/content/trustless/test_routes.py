"""The trustless gateway: blocks and CAR files under their ids, nothing else."""

import io

import pytest

from wasmarket.content.car import read_car
from wasmarket.content.exporter import read_file
from wasmarket.content.importer import Profile, import_stream
from wasmarket.kernel.documents.content_ids import dag_pb_cid, raw_cid

pytestmark = pytest.mark.unit

BLOCK = b"hello world"
CID = raw_cid(BLOCK)
DATA = bytes(range(256)) * 4


@pytest.fixture
def client(gateway, open_client):
    return open_client(gateway.app)


@pytest.fixture
def file_cid(gateway):
    gateway.folder.put(CID, BLOCK)
    return import_stream(io.BytesIO(DATA), gateway.folder.put, Profile(64, 4)).cid


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("?format=raw", "*/*"),
        ("", "application/vnd.ipld.raw"),
        ("", "text/html, application/vnd.ipld.raw;q=0.9"),
        ("?format=raw", "application/vnd.ipld.car"),
    ],
)
def test_read_content__raw__the_block_with_headers_of_the_specification(
    client, file_cid, query, accept
):
    answer = client.get(f"/ipfs/{CID}{query}", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.content == BLOCK
    assert answer.headers["content-type"] == "application/vnd.ipld.raw"
    assert answer.headers["etag"] == f'"{CID}.raw"'
    assert answer.headers["cache-control"] == "public, max-age=29030400, immutable"
    assert answer.headers["content-disposition"] == f'attachment; filename="{CID}.bin"'
    assert answer.headers["x-ipfs-path"] == f"/ipfs/{CID}"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("?format=car", "*/*"),
        ("", "application/vnd.ipld.car"),
        ("", "application/vnd.ipld.car; version=1; order=dfs; dups=n"),
        ("?format=car&dag-scope=entity", "*/*"),
    ],
)
def test_read_content__car__all_blocks_of_the_file_root_first(client, file_cid, query, accept):
    answer = client.get(f"/ipfs/{file_cid}{query}", headers={"Accept": accept})

    car = read_car(answer.content)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/vnd.ipld.car; version=1")
    assert answer.headers["content-disposition"] == f'attachment; filename="{file_cid}.car"'
    assert car.roots == (file_cid,)
    assert car.blocks[0][0] == file_cid
    assert len({cid for cid, _ in car.blocks}) == len(car.blocks)
    assert read_file(file_cid, dict(car.blocks).__getitem__) == DATA


def test_read_content__car_of_one_block__only_the_root(client, file_cid):
    answer = client.get(f"/ipfs/{file_cid}?format=car&dag-scope=block")

    assert [cid for cid, _ in read_car(answer.content).blocks] == [file_cid]


@pytest.mark.parametrize("kind", ["raw", "car"])
def test_read_content__head__headers_without_a_body(client, file_cid, kind):
    answer = client.head(f"/ipfs/{CID}?format={kind}")

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-type"].startswith(f"application/vnd.ipld.{kind}")
    if kind == "raw":
        assert answer.headers["content-length"] == str(len(BLOCK))


@pytest.mark.parametrize("kind", ["raw", "car"])
def test_read_content__known_already__not_modified(client, file_cid, kind):
    etag = client.get(f"/ipfs/{CID}?format={kind}").headers["etag"]

    for known in (etag, f'"other", {etag}', "*"):
        answer = client.get(f"/ipfs/{CID}?format={kind}", headers={"If-None-Match": known})
        assert answer.status_code == 304
        assert answer.content == b""
    other = client.get(f"/ipfs/{CID}?format={kind}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "*/*"),
        ("", "text/html"),
        ("?format=tar", "*/*"),
        ("", "application/vnd.ipld.car; version=2"),
    ],
)
def test_read_content__other_form__not_acceptable_with_remedy(client, file_cid, query, accept):
    answer = client.get(f"/ipfs/{CID}{query}", headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    assert "?format=raw" in answer.json()["remedy"]


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("kind", ["raw", "car"])
def test_read_content__missing__not_found(client, method, kind):
    answer = getattr(client, method)(f"/ipfs/{raw_cid(b'nowhere')}?format={kind}")

    assert answer.status_code == 404
    if method == "get":
        assert answer.json()["type"] == "urn:wasmarket:content-not-found"


def test_read_content__part_of_a_car_missing__not_found_before_any_byte(client, gateway, file_cid):
    gateway.folder.delete(raw_cid(DATA[:64]))

    answer = client.get(f"/ipfs/{file_cid}?format=car")

    assert answer.status_code == 404
    assert str(raw_cid(DATA[:64])) in answer.json()["detail"]


def test_read_content__damaged_on_disk__not_found(client, gateway, file_cid):
    [path] = gateway.folder.root.glob(f"blocks/*/{CID}")
    path.write_bytes(b"hello w0rld")

    assert client.get(f"/ipfs/{CID}?format=raw").status_code == 404


def test_read_content__car_of_a_block_that_is_no_node__refused(client, gateway):
    gateway.folder.put(dag_pb_cid(b"\xff"), b"\xff")

    answer = client.get("/ipfs/" + str(dag_pb_cid(b"\xff")) + "?format=car")

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:wasmarket:bad-content"


@pytest.mark.parametrize(
    "cid",
    [
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3N",
        "B" + str(CID)[1:],
        str(CID)[:-1],
        "nonsense",
    ],
)
def test_read_content__other_spelling__bad_request_names_the_field(client, cid):
    answer = client.get(f"/ipfs/{cid}?format=raw")

    assert answer.status_code == 400
    assert answer.json()["field"] == "cid"
    assert answer.json()["remedy"]


@pytest.mark.parametrize("path", ["?format=car&dag-scope=some", "/index.html?format=raw"])
def test_read_content__scope_or_path_we_do_not_know__bad_request(client, file_cid, path):
    answer = client.get(f"/ipfs/{CID}{path}")

    assert answer.status_code == 400
    assert answer.json()["remedy"]


def test_openapi__both_routes__described(client):
    paths = client.get("/openapi.json").json()["paths"]

    assert set(paths) == {"/ipfs/{cid}", "/v1/blocks", "/v1/blocks/{cid}/pin"}
