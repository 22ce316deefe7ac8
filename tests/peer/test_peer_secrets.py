"""Secrets on real peers: sealed to each, passed on to one that joins, gone with the assignment."""

import base64
import json
import secrets
from dataclasses import asdict

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.peer.apps import build_reading_secret
from tests.peer.peer_runner import publish, wait_until
from tests.peer.tcp_proxy import TcpProxy
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.app_parts import Effectors, Limits
from wasmarket.kernel.reasons import DropReason
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.signing.secrets import hash_packed, pack_secret, seal_secret

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]
POLICY = 'effectors = ["secret"]\n'
PATIENT = Limits(call_ms=20_000)
ASKING = Effectors(secrets=("TOKEN",))


def make_key():
    """Return the public key of a peer that has no part in any of these deals."""
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def make_app(peer):
    return publish(peer.blocks, build_reading_secret(), effectors=ASKING, limits=PATIENT)


def sign(peer, deal, version, digests, by=None):
    path, body = f"/v1/deals/{deal}/secrets", {"version": version, "secrets": digests}
    text = json.dumps(body)
    header = peer.sign("PUT", path, text.encode(), by)["Authorization"]
    return DeveloperDocument(path, text, header)


def give(peer, deal, version, document=None, boxes=None):
    value = {"version": version, "boxes": boxes or {}}
    if document is not None:
        value["document"] = asdict(document)
    url = f"{peer.url}/v1/deals/{deal}/secrets/copy"
    return httpx.put(url, json=value, trust_env=False, timeout=60)


def set_secret(peer, deal, version, value):
    """Seal a value to one peer only; return the signed list."""
    packed = pack_secret(value)
    document = sign(peer, deal, version, {"TOKEN": hash_packed(packed)})
    answer = give(peer, deal, version, document, {"TOKEN": seal_secret(packed, raw(peer.key))})
    assert answer.json() == {"version": version, "missing": []}, answer.text
    return document


def read_sum(peer, deal):
    answer = peer.call(deal, "sum", [])
    return answer.json()["result"] if answer.status_code == 200 else None


@pytest.fixture
def start_peer(make_peer):
    def start():
        peer = make_peer()
        peer.policy = POLICY
        peer.start()
        return peer

    return start


def test_secret__of_one_peer__is_sealed_by_it_to_one_that_joins_and_seen_nowhere(world, start_peer):
    first, second = start_peer(), start_peer()
    value = b"shh-" + secrets.token_hex(16).encode()
    first.move()
    match = world.match(make_app(first), [first.number], room=1)
    deal = match.deal
    first.wait_for_state(deal, "serving")
    set_secret(first, deal, 1, value)
    proxy = TcpProxy(int(second.url.rpartition(":")[2]))
    proxy.heard = bytearray()
    try:
        make_app(second)
        endpoint = f"http://127.0.0.1:{proxy.port}"
        world.send(world.provider, world.market.call("set_endpoint", second.number, endpoint))
        world.refill(deal, [second.number], current=match.assignments)
        second.wait_for_state(deal, "serving")

        assert wait_until("it is sealed", lambda: read_sum(second, deal) == sum(value))
        assert b"boxes" in proxy.heard
        writings = (value, value.hex().encode(), base64.b64encode(value).rstrip(b"="))
        places = {"wire": bytes(proxy.heard)}
        for peer in (first, second):
            places[f"metrics of {peer.number}"] = peer.get("/metrics").content
            for path in peer.folder.path.rglob("*"):
                if path.is_file():
                    places[str(path)] = path.read_bytes()
        found = [name for name, data in places.items() for one in writings if one in data]
        assert found == []
    finally:
        proxy.close()


def test_secret__after_a_power_cut__is_still_there_until_the_assignment_is_over(world, start_peer):
    peer = start_peer()
    peer.move()
    match = world.match(make_app(peer), [peer.number])
    peer.wait_for_state(match.deal, "serving")
    set_secret(peer, match.deal, 1, b"kept")
    file = peer.folder.service(match.deal) / "secrets.json"

    peer.kill()
    peer.start()
    wait_until("it is read again", lambda: read_sum(peer, match.deal) == sum(b"kept"))
    assert file.exists()
    dropped = world.market.call("drop", list(match.assignments), int(DropReason.SCALE_DOWN))
    world.send(world.developer, dropped)
    world.start_epoch()

    assert wait_until("it is gone", lambda: not file.exists())


def test_secrets__what_is_not_the_developers_or_not_for_this_peer__changes_nothing(
    world, start_peer
):
    peer = start_peer()
    peer.move()
    deal = world.match(make_app(peer), [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    old = set_secret(peer, deal, 1, b"old")
    set_secret(peer, deal, 2, b"new")
    packed = pack_secret(b"forged")
    promised = {"TOKEN": hash_packed(packed)}
    own = seal_secret(packed, raw(peer.key))

    replayed = give(peer, deal, 1, old)
    forged = give(peer, deal, 9, sign(peer, deal, 9, promised, by=world.stranger), {"TOKEN": own})
    swapped = give(peer, deal, 2, None, {"TOKEN": own})
    assert replayed.json() == {"version": 2, "missing": []}
    assert forged.status_code == 403
    assert swapped.json() == {"version": 2, "missing": []}
    assert read_sum(peer, deal) == sum(b"new")

    another = sign(peer, deal, 3, promised)
    for box in (seal_secret(packed, make_key()), "AAAA", "%%"):
        refused = give(peer, deal, 3, another, {"TOKEN": box})
        assert refused.status_code == 400
    assert give(peer, deal, 3).json() == {"version": 3, "missing": ["TOKEN"]}
    assert peer.call(deal, "error", []).json()["result"] > 0
    assert give(peer, deal + 1_000, 1).status_code == 404
    assert give(peer, deal, 3, None, {"TOKEN": "A" * 100_000}).status_code == 400
    told = peer.signed("GET", f"/v1/deals/{deal}/secrets").json()
    assert (told["version"], told["missing"]) == (3, ["TOKEN"])
    assert peer.get(f"/v1/deals/{deal}/secrets").status_code == 401
