"""The gateway hands the last access document to peers that start later; without it, no calls."""

import asyncio
import json

import httpx
import pytest

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.upstream.access_documents import REST_SECONDS
from tests.gateway.peers import APP, DEAL, FakeDirectory, ScriptedGateway, result
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.signatures import address_of
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

KEY = b"\x05" * 32
PATH = f"/v1/deals/{DEAL}/access"


class AccessPeer:
    """A peer that remembers the version of the document it has."""

    def __init__(self, version=0):
        self.version = version
        self.copies = []
        self.calls = 0

    def __call__(self, request):
        if request.url.path.endswith("/access/copy"):
            copy = json.loads(request.content)
            self.copies.append(copy)
            self.version = max(self.version, copy["version"])
            return httpx.Response(200, json={"version": self.version})
        if request.method == "PUT":
            self.version = json.loads(request.content)["version"]
            return httpx.Response(200, json={"version": self.version})
        self.calls += 1
        return result("ok")


class Town:
    def __init__(self, peers=1):
        self.directory = FakeDirectory()
        self.gateway = ScriptedGateway(self.directory)
        self.domain = market_domain(fake_deployment().chain_id, fake_deployment().market)
        self.peers = {}
        self.run_on(*range(1, peers + 1))

    def run_on(self, *numbers, status=DealStatus.RUNNING):
        for number in numbers:
            self.peers.setdefault(number, AccessPeer())
            self.gateway.peers.scripts[number] = self.peers[number]
        routes = tuple(PeerRoute(number, f"http://peer{number}", 0) for number in numbers)
        self.directory.routes[DEAL] = DealRoute(DEAL, address_of(KEY), APP, status, routes)
        self.gateway.now += 10

    def put(self, version=1, key=KEY):
        body = json.dumps({"version": version, "mode": "keys"}).encode()
        request = Request("PUT", PATH, body, 1_000_100, "0x" + f"{version:02x}" * 32)
        headers = {"Authorization": sign_request(request, self.domain, key)}
        return self.gateway.send("PUT", PATH, content=body, headers=headers)


def test_call__peer_that_started_later__gets_the_document_first():
    town = Town()
    assert town.put(3).status_code == 200
    town.run_on(2)

    assert town.gateway.call().status_code == 200

    (copy,) = town.peers[2].copies
    assert copy["version"] == 3
    assert copy["document"]["target"] == PATH
    assert json.loads(copy["document"]["body"]) == {"version": 3, "mode": "keys"}
    assert copy["document"]["authorization"].startswith("Wasmarket ")


def test_call__peer_that_has_it__is_not_told_again():
    town = Town(2)
    town.put()

    for _ in range(4):
        assert town.gateway.call().status_code == 200

    assert [peer.copies for peer in town.peers.values()] == [[], []]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={}),
        httpx.Response(200, json={"version": 0}),
        httpx.Response(200, json={"version": "1e999"}),
        httpx.Response(200, content=b'{"version":1e999}'),
        httpx.Response(200, content=b"[" * 4_000),
    ],
)
def test_call__peer_that_does_not_take_it__gets_no_call(answer):
    town = Town()
    town.put(1)
    town.run_on(2)
    town.gateway.peers.scripts[2] = lambda request: answer

    refused = town.gateway.call()

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:wasmarket:unreachable")
    assert {request.method for request in town.gateway.peers.requests[1:]} == {"PUT"}
    town.gateway.peers.scripts[2] = town.peers[2]
    town.gateway.now += REST_SECONDS
    assert town.gateway.call().status_code == 200


def test_call__one_of_two_does_not_take_it__goes_to_the_other():
    town = Town(1)
    town.put(1)
    town.run_on(1, 2)
    town.gateway.peers.scripts[2] = lambda request: httpx.Response(500, json={})

    assert [town.gateway.call().status_code for _ in range(4)] == [200] * 4
    assert town.peers[1].calls == 4


def test_put__older_version__does_not_replace_the_last():
    town = Town()
    town.put(5)
    town.put(4)
    town.run_on(2)
    town.gateway.call()

    assert [copy["version"] for copy in town.peers[2].copies] == [5]


def test_put__that_the_developer_did_not_sign__is_not_kept():
    town = Town()
    # A peer that takes everything: what it says is passed on, but nobody else is told.
    assert town.put(3, key=b"\x06" * 32).status_code == 200
    town.run_on(2)

    assert town.gateway.call().status_code == 200
    assert town.peers[2].copies == []


def test_document__after_a_restart__is_handed_over_still():
    town = Town()
    town.put(3)
    folder = town.gateway.settings_folder
    town.gateway = ScriptedGateway(town.directory, folder=folder)
    town.run_on(2)

    town.gateway.call()

    assert [copy["version"] for copy in town.peers[2].copies] == [3]


def test_many_calls_at_once__tell_a_new_peer_once():
    town = Town()
    town.put(3)
    town.run_on(2)

    async def run():
        async with town.gateway.open() as client:
            path = f"/v1/deals/{DEAL}/s/f"
            return await asyncio.gather(*(client.post(path, json=[]) for _ in range(10)))

    assert {answer.status_code for answer in asyncio.run(run())} == {200}
    assert len(town.peers[2].copies) == 1
