"""Delegated routing: who has a block, in the words of IPFS."""

import json

import pytest
from fastapi import FastAPI

from wasmarket.content.folder import BlockFolder
from wasmarket.content.routing_routes import create_routing_router, multiaddr, peer_id
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.multibase import encode_multibase
from wasmarket.serving.problems import add_problem_handlers

pytestmark = pytest.mark.unit

BLOCK = b"hello world"
CID = raw_cid(BLOCK)
# A key of libp2p's specification of peer ids; the id was computed by multiformats.
KEY = bytes.fromhex("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
ID = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"


@pytest.fixture
def place():
    return {"url": "https://peer.example.org"}


@pytest.fixture
def client(open_client, tmp_path, place):
    folder = BlockFolder(tmp_path)
    folder.put(CID, BLOCK)
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(create_routing_router(folder, KEY, lambda: place["url"]))
    return open_client(app)


def test_providers__a_block_that_is_here__names_id_address_and_protocol(client):
    answer = client.get(f"/routing/v1/providers/{CID}")

    [record] = answer.json()["Providers"]
    assert record["ID"] == peer_id(KEY)
    assert record["Addrs"] == ["/dns/peer.example.org/tcp/443/https"]
    assert (record["Schema"], record["Protocols"]) == ("peer", ["transport-ipfs-gateway-http"])


def test_providers__streamed__one_record_a_line(client):
    answer = client.get(f"/routing/v1/providers/{CID}", headers={"Accept": "application/x-ndjson"})

    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    [line] = answer.text.splitlines()
    assert json.loads(line)["Schema"] == "peer"


def test_providers__not_here_or_nowhere_reached__nobody(client, place):
    assert client.get(f"/routing/v1/providers/{raw_cid(b'x')}").json() == {"Providers": []}
    place["url"] = ""
    assert client.get(f"/routing/v1/providers/{CID}").json() == {"Providers": []}


def test_providers__no_cid__is_refused(client):
    assert client.get("/routing/v1/providers/nonsense").status_code == 400


def test_providers__id_in_any_base__is_found_by_pages_of_every_origin(client):
    answer = client.get(f"/routing/v1/providers/{encode_multibase('z', bytes(CID))}")

    assert len(answer.json()["Providers"]) == 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert client.get("/routing/v1/providers/bafkqaaa").json() == {"Providers": []}


def test_peer_id__is_the_one_that_ipfs_tools_give_the_key():
    assert peer_id(KEY) == ID


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8610", "/ip4/127.0.0.1/tcp/8610/http"),
        ("http://[::1]:80/x", "/ip6/::1/tcp/80/http"),
        ("https://a.example:8443", "/dns/a.example/tcp/8443/https"),
    ],
)
def test_multiaddr__of_a_url(url, address):
    assert multiaddr(url) == address
