"""Flows of an app: JSON in, JSON out, a receipt, the data kept."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.peer.choreography.conftest import serve_pair
from tests.peer.peer_runner import GREETING
from tests.peer.services import publish_services
from wasmarket.kernel.documents.app_parts import Flow
from wasmarket.kernel.documents.aqua_types import FlowInterface
from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.documents.receipts import function_hash, unpack_receipt
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.particles import verify_particle

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ECHO = """(xor
 (seq (call %init_peer_id% ("getDataSrv" "-relay-") [] -relay-)
 (seq (call %init_peer_id% ("getDataSrv" "name") [] name)
 (seq (call %init_peer_id% ("greeting" "greeting") [name] x)
  (call %init_peer_id% ("callbackSrv" "response") [x]))))
 (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0]))"""
TWICE = """(seq (call %init_peer_id% ("getDataSrv" "name") [] name)
 (call %init_peer_id% ("callbackSrv" "response") [name name]))"""
SLOW = '(call %init_peer_id% ("peer" "timeout") [60000 "late"] x)'
NAME = FlowInterface((("name", "string"),), ("string",))
FLOWS = (
    Flow("greet", ECHO, NAME, 30_000),
    Flow("late", SLOW, FlowInterface(), 300),
    Flow("own", ECHO, NAME, 30_000, "developer"),
    Flow("twice", TWICE, FlowInterface((("name", "string"),), ("string", "string")), 30_000),
)


@pytest.fixture(scope="module")
def flowing(world, make_module_peer):
    peer = make_module_peer(units=16)
    peer.start()
    peer.move()
    app = publish_services(peer.blocks, {"greeting": GREETING.read_bytes()}, flows=FLOWS)
    return serve_pair(world, [peer], app)


def start(pair, name, body, **headers) -> httpx.Response:
    return httpx.post(
        f"{pair.peers[0].url}/v1/deals/{pair.deal}/flows/{name}",
        content=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
        timeout=60,
        trust_env=False,
    )


def test_flow__with_arguments__gives_its_result_and_a_receipt(flowing, world):
    answer = start(flowing, "greet", ["Bob"])

    assert answer.json() == {"result": "Hi, Bob"}
    assignment, sequence, digest = answer.headers["wasmarket-receipt"].split(":")
    peer = flowing.peers[0]
    page = peer.get(f"/v1/deals/{flowing.deal}/receipts/{world.epoch}").json()["items"]
    [item] = [item for item in page if item["hash"] == "0x" + digest]
    receipt = unpack_receipt(bytes.fromhex(item["packed"][2:]))
    assert (receipt.assignment, receipt.sequence) == (int(assignment), int(sequence))
    assert receipt.function == function_hash("flows", "greet")
    assert "0x" + receipt.app.hex() == peer.get(f"/v1/deals/{flowing.deal}").json()["app"]
    assert receipt.output == sha256(answer.content)


def test_flow__finished__leaves_its_signed_particle_and_data(flowing):
    answer = start(flowing, "greet", {"name": "Eve"})

    kept = flowing.peers[0].get(f"/v1/flows/{answer.headers['wasmarket-particle']}").json()

    assert (kept["flow"], kept["init_peer_id"]) == ("greet", flowing.workers[0])
    assert base64.b64decode(kept["output"]) == answer.content
    assert base64.b64decode(kept["data"]).startswith(b"\x83\xa7version")
    verify_particle(
        Particle(
            kept["id"],
            kept["init_peer_id"],
            kept["timestamp"],
            kept["ttl"],
            kept["script"],
            base64.b64decode(kept["signature"]),
        )
    )


@pytest.mark.parametrize(
    ("name", "body", "status", "cause"),
    [
        ("none", [], 404, "it has: greet, late, own, twice"),
        ("greet", [], 400, "takes 1 arguments"),
        ("greet", [7], 400, "expected string"),
        ("greet", "x", 400, "array or an object"),
        ("late", [], 504, "did not end within 300 ms"),
    ],
)
def test_flow__that_cannot_be__says_why(flowing, name, body, status, cause):
    answer = start(flowing, name, body)

    assert answer.status_code == status
    assert cause in answer.json()["detail"] + answer.json().get("remedy", "")


def test_flow__with_an_idempotency_key__runs_once_however_often_it_is_sent(flowing):
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(start, flowing, "greet", ["Ann"], **{"Idempotency-Key": "a"})
            for _ in range(4)
        ]
    answers = [future.result() for future in sent]

    assert {answer.headers["wasmarket-particle"] for answer in answers} == {
        answers[0].headers["wasmarket-particle"]
    }
    other = start(flowing, "greet", ["Bea"], **{"Idempotency-Key": "a"})
    assert other.status_code == 409


def test_flow__whose_data_is_damaged__is_one_that_is_not_kept(flowing):
    peer = flowing.peers[0]
    particle = start(flowing, "greet", ["Dan"]).headers["wasmarket-particle"]
    [path] = peer.folder.path.rglob(f"{particle}.flow")
    path.write_bytes(path.read_bytes()[:40])

    assert peer.get(f"/v1/flows/{particle}").status_code == 404


def test_flow__of_the_developer_alone__takes_nobody_else(flowing, world):
    peer, path = flowing.peers[0], f"/v1/deals/{flowing.deal}/flows/own"
    body = json.dumps(["Ida"]).encode()

    assert start(flowing, "own", ["Ida"]).status_code == 401
    assert peer.signed("POST", path, body).json() == {"result": "Hi, Ida"}
    refused = peer.signed("POST", path, body, by=world.provider)
    assert refused.status_code == 403
    assert "is started by the deal's developer" in refused.json()["detail"]


def test_flow__whose_result_is_longer_than_the_apps_limit__says_so(flowing):
    answer = start(flowing, "twice", ["x" * 600_000])

    assert answer.status_code == 502
    assert "over 1048576" in answer.json()["detail"]
    assert "output_bytes" in answer.json()["remedy"]


def test_flow__of_a_deal_with_keys__asks_for_one(flowing):
    peer, path = flowing.peers[0], f"/v1/deals/{flowing.deal}/access"
    document = {"version": 1, "mode": "keys", "key_hashes": [sha256(b"secret").hex()]}
    try:
        peer.signed("PUT", path, json.dumps(document).encode())
        assert start(flowing, "greet", ["x"]).status_code == 401
        let_in = start(flowing, "greet", ["x"], Authorization="Bearer secret")
        assert let_in.json() == {"result": "Hi, x"}, "the deal's own flow is no stranger"
    finally:
        peer.signed("PUT", path, b'{"version":2,"mode":"public"}')
