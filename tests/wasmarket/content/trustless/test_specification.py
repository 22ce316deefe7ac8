"""The trustless gateway's routes, against the table of its specification."""

import httpx
import pytest
from fastapi import FastAPI

from tests.wasmarket.content.conftest import InProcess
from tests.wasmarket.content.trustless.asking import ask_case, check_case
from tests.wasmarket.content.trustless.specification import CASES, Case, Content, fill
from wasmarket.content.car import read_car
from wasmarket.content.folder import BlockFolder
from wasmarket.content.trustless.routes import create_gateway_router
from wasmarket.kernel.documents.foreign_cids import read_any_cid
from wasmarket.serving.problems import add_problem_handlers

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return BlockFolder(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def content(folder):
    return Content(folder)


@pytest.fixture(scope="module")
def client(folder):
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(create_gateway_router(folder))
    with httpx.Client(transport=InProcess(app), base_url="http://gateway") as client:
        yield client


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_routes__line_of_the_specification__is_kept(client, content, case):
    check_case(client, case, content)


def test_etag__of_each_answer_that_differs__differs(client, content):
    paths = [
        "/ipfs/{file}?format=raw",
        "/ipfs/{file}?format=car",
        "/ipfs/{file}?format=car&dag-scope=block",
        "/ipfs/{file}?format=car&dag-scope=entity",
        "/ipfs/{file}?format=car&dag-scope=all",
        "/ipfs/{file}?format=car&car-dups=y",
        "/ipfs/{file}?format=car&entity-bytes=0:0",
        "/ipfs/{file}?format=car&entity-bytes=0:*",
        "/ipfs/{file}?format=car&entity-bytes=-1:*",
        "/ipfs/{directory}?format=car",
        "/ipfs/{directory}/sub?format=car",
        "/ipfs/{directory}/sub/a%20b.txt?format=car",
    ]

    etags = [client.get(fill(path, content)).headers["etag"] for path in paths]

    assert len(set(etags)) == len(paths)
    for path, etag in zip(paths, etags, strict=True):
        again = client.get(fill(path, content), headers={"If-None-Match": f'"x", {etag}'})
        assert (again.status_code, again.content) == (304, b"")


def test_etag__of_the_same_content__is_the_same_in_every_base(client, content):
    texts = {fill(f"{{raw_{base}}}", content) for base in "fbkz"}

    etags = {client.get(f"/ipfs/{text}?format=raw").headers["etag"] for text in texts}

    assert len(texts) == 4
    assert etags == {f'"{content.raw}.raw"'}


def test_car__ids__are_spelled_as_they_were_asked_for_and_linked(client, content):
    asked = read_any_cid(fill("{file_v0}", content))
    linked = client.get(fill("/ipfs/{old}?format=car", content)).content

    car = client.get(f"/ipfs/{asked.text}?format=car&dag-scope=block").content

    assert car.count(asked.data) == 2
    assert linked.count(bytes(content.file)) == 0
    assert linked.count(asked.data) == 2


def test_preflight__from_any_origin__is_allowed(client, content):
    for path in ("/ipfs/{raw}", "/ipfs/{raw}/", "/ipfs/{directory}/sub"):
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        answer = client.options(fill(path, content), headers=asked)

        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "HEAD" in answer.headers["access-control-allow-methods"]
        assert "Range" in answer.headers["access-control-allow-headers"]


def test_accept__of_many_pieces__is_read_or_refused(client, content):
    many = Case("", "/ipfs/{raw}", accept=["text/html;q=0.1," * 400])
    long = Case("", "/ipfs/{raw}", accept=["a/b;c=" + "d" * 9_000])

    assert ask_case(client, many, content).status_code == 406
    assert ask_case(client, long, content).status_code == 400


def test_car__root_of_the_probe__is_the_probe(client):
    [root] = read_car(client.get("/ipfs/bafkqaaa?format=car").content).roots

    assert str(root) == "bafkqaaa"
