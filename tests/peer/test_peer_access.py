"""Who may call, and who may look and say so."""

import json

import pytest

from peer.access import MAX_ENTRIES
from tests.peer.peer_runner import GREETING, publish
from tests.peer.runtime.guests import PARAMETERS
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.hashing import sha256
from wasmarket.serving.bodies import MAX_BODY

pytestmark = pytest.mark.e2e


@pytest.fixture
def deal(world, peer):
    match = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number])
    peer.wait_for_state(match.deal, "serving")
    return match.deal


def put_access(peer, deal, by=None, **document):
    body = json.dumps(document).encode()
    return peer.signed("PUT", f"/v1/deals/{deal}/access", body, by)


def test_access__keys__are_asked_for(peer, deal):
    key = "a secret of mine"
    document = {"version": 1, "mode": "keys", "key_hashes": [sha256(key.encode()).hex()]}

    answer = put_access(peer, deal, **document)

    assert answer.json() == document | {"signers": []}
    unknown = peer.call(deal, "greeting", ["x"])
    assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
    assert unknown.json()["type"] == "urn:wasmarket:key-wanted"
    wrong = peer.call(deal, "greeting", ["x"], headers={"Authorization": "Bearer guess"})
    assert (wrong.status_code, "developer" in wrong.json()["remedy"]) == (403, True)
    right = peer.call(deal, "greeting", ["x"], headers={"Authorization": f"Bearer {key}"})
    assert right.status_code == 200
    assert peer.get(f"/v1/deals/{deal}").json()["access_version"] == 1


def test_access__signers__are_checked_and_survive_a_restart(world, peer, deal):
    put_access(peer, deal, version=3, mode="signers", signers=[world.stranger.address])
    peer.kill()
    peer.start()
    peer.wait_for_state(deal, "serving")
    path = f"/v1/deals/{deal}/greeting/greeting"

    unsigned = peer.call(deal, "greeting", ["x"])
    assert (unsigned.status_code, unsigned.headers["www-authenticate"]) == (401, "Wasmarket")
    assert peer.signed("POST", path, b'["x"]').status_code == 403
    assert peer.signed("POST", path, b'["x"]', world.stranger).json() == {"result": "Hi, x"}


def test_access__signers__tell_the_function_who_calls(world, peer):
    app = publish(peer.blocks, PARAMETERS, health=False)
    deal = world.match(app, [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    assert peer.call(deal, "who", []).json() == {"result": ""}
    put_access(peer, deal, version=1, mode="signers", signers=[world.stranger.address])

    answer = peer.signed("POST", f"/v1/deals/{deal}/greeting/who", b"[]", world.stranger)

    assert answer.json() == {"result": world.stranger.address}


def test_access__older_or_other_of_the_same_version__is_a_conflict(peer, deal):
    put_access(peer, deal, version=2, mode="public")

    assert put_access(peer, deal, version=1, mode="public").status_code == 409
    assert put_access(peer, deal, version=2, mode="keys").status_code == 409
    assert put_access(peer, deal, version=2, mode="public").status_code == 200


@pytest.mark.parametrize(
    "document",
    [
        {"version": 0, "mode": "public"},
        {"version": 1, "mode": "everybody"},
        {"version": 1, "mode": "keys", "key_hashes": ["00"]},
        {"version": 1, "mode": "signers", "signers": ["0x1"]},
        {"version": 1, "mode": "public", "more": 1},
    ],
)
def test_access__malformed__is_refused_with_the_field(peer, deal, document):
    answer = put_access(peer, deal, **document)

    assert answer.status_code == 400
    assert answer.json()["field"]


def test_access__as_many_entries_as_there_may_be__is_taken(peer, deal):
    signers = [to_address(sha256(b"%d" % number)[:20]) for number in range(MAX_ENTRIES)]
    hashes = [sha256(b"%d" % number).hex() for number in range(MAX_ENTRIES)]

    full = put_access(peer, deal, version=1, mode="keys", signers=signers, key_hashes=hashes)
    one_more = put_access(peer, deal, version=2, mode="keys", key_hashes=[*hashes, "00" * 32])

    assert full.status_code == 200
    assert (one_more.status_code, one_more.json()["field"]) == (400, "key_hashes")
    key = {"Authorization": f"Bearer {MAX_ENTRIES - 1}"}
    assert peer.call(deal, "greeting", ["x"], headers=key).status_code == 200


def test_notice__longer_than_any_is__is_too_large(peer):
    answer = peer.post("/v1/notices", {"deal": 1, "assignment": 1, "tx": "x" * MAX_BODY})

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wasmarket:too-large")


def test_developer_routes__by_others__are_refused(world, peer, deal):
    for path in ("logs", "stats", "access"):
        target = f"/v1/deals/{deal}/{path}"
        assert peer.get(target).status_code == 401
        assert peer.signed("GET", target, by=world.stranger).status_code == 403
        assert peer.signed("GET", target).status_code == 200
    assert put_access(peer, deal, world.stranger, version=9, mode="public").status_code == 403


def test_logs__of_calls__are_the_developers(peer, deal):
    peer.call(deal, "greeting", ["you"])

    answer = peer.signed("GET", f"/v1/deals/{deal}/logs?limit=1")

    [line] = [json.loads(line) for line in answer.text.splitlines()]
    assert line["function"] == "greeting.greeting"
    assert (line["level"], line["text"]) == ("info", "greeting you")


def test_logs__followed__come_as_they_are_written(peer, deal):
    path = f"/v1/deals/{deal}/logs?limit=0&follow=true"

    with peer.stream(path) as lines:
        peer.call(deal, "greeting", ["you"])
        line = json.loads(next(lines))

    assert line["text"] == "greeting you"


def test_metrics__after_calls__count_them(peer, deal):
    peer.call(deal, "greeting", ["you"])

    text = peer.get("/metrics").text

    assert 'wasmarket_peer_deals{state="serving"}' in text
    assert 'wasmarket_loop_turns_total{loop="submitting",outcome="ok"}' in text
    [calls] = [line for line in text.splitlines() if 'calls_total{outcome="answered"}' in line]
    assert float(calls.split()[-1]) >= 1


def test_stats__after_calls__count_them(peer, deal):
    peer.call(deal, "greeting", ["you"])
    peer.call(deal, "greeting", ["too", "many"])

    stats = peer.signed("GET", f"/v1/deals/{deal}/stats").json()

    assert stats["calls"]["answered"] == 1
    assert stats["calls"]["refused"] == 1
    assert stats["receipts"][0]["sequence"] == 1


def test_notice__malformed__is_refused(peer):
    answer = peer.post("/v1/notices", {"deal": 1, "assignment": 1, "sources": ["file:///etc"]})

    assert answer.status_code == 400


def test_notice__true_or_false_for_a_number__is_refused(peer):
    for wrong in ({"deal": True}, {"assignment": True}, {"block": False}):
        answer = peer.post("/v1/notices", {"deal": 1, "assignment": 1} | wrong)

        assert answer.status_code == 400
        assert answer.json()["field"] == next(iter(wrong))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deals/0",
        "/v1/deals/4294967296",
        "/v1/deals/x",
        f"/v1/deals/1/receipts/{'9' * 300}",
        "/v1/deals/1/receipts/-1",
        "/v1/deals/1/receipts/1/-1",
    ],
)
def test_path__number_out_of_range__is_refused(peer, path):
    assert peer.get(path).status_code == 400
