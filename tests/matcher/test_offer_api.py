"""The door for offers: what comes in, what is refused and how, what is told about it."""

import json

import pytest

from tests.matcher.fake_town import FakeTown
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.content_ids import app_cid, raw_cid
from wasmarket.kernel.documents.manifest import dump_manifest, read_manifest
from wasmarket.kernel.events import CounterBumped, OfferCancelled, OfferPublished
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit

ZEROS = "0x" + "0" * 128


@pytest.fixture
def stocked(town):
    town.register_peer()
    return town


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["request_id"]
    return answer.status_code, body["type"].removeprefix("urn:wasmarket:"), body.get("field")


def test_post_provider_offer__signed__is_listed_and_a_replay_does_nothing(stocked):
    ask = stocked.ask()

    first, again = stocked.post_ask(ask), stocked.post_ask(ask)

    expected = {"hash": hash_offer(ask), "status": "posted", "deal": None, "reasons": []}
    assert (first.status_code, first.json()) == (201, expected)
    assert (again.status_code, again.json()) == (200, expected)
    assert len(stocked.http.get("/v1/provider-offers").json()["items"]) == 1


def test_post_developer_offer__signed__is_listed_with_its_terms_for_all_to_check(stocked):
    bid = stocked.bid()
    answer = stocked.post_bid(bid)
    again = stocked.post_bid(bid)

    assert (answer.status_code, answer.json()["status"], again.status_code) == (201, "posted", 200)
    full = stocked.status(bid)
    assert full["offer"]["max_price"] == "100"
    assert len(bytes.fromhex(full["signature"][2:])) == 64
    assert full["source"] == "posted"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"peer": 7}, (400, "invalid-input", "peer")),
        ({"price": 0}, (400, "invalid-input", "price")),
        ({"price": 2**48}, (400, "invalid-input", "price")),
        ({"valid_until": 1_000}, (400, "expired", "valid_until")),
        ({"counter": 1}, (400, "invalid-input", "counter")),
    ],
)
def test_post_provider_offer__bad__names_field_and_remedy(stocked, members, expected):
    answer = stocked.post_ask(stocked.ask(**members))

    assert problem(answer) == expected
    assert answer.json()["remedy"]
    assert stocked.http.get("/v1/provider-offers").json()["items"] == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"units": 0}, (400, "invalid-input", "min_units")),
        ({"min_units": 3}, (400, "invalid-input", "min_units")),
        ({"units": 2**16}, (400, "invalid-input", "units")),
        ({"max_price": 0}, (400, "invalid-input", "max_price")),
        ({"deposit": 2**63}, (400, "invalid-input", "deposit")),
        ({"deposit": 0}, (400, "invalid-input", "deposit")),
        ({"epochs": 2**31}, (400, "invalid-input", "epochs")),
        ({"providers_mode": 3}, (400, "invalid-input", "providers_mode")),
        ({"min_regions": 3}, (400, "invalid-input", "min_regions")),
        ({"min_regions": 2, "regions": 8}, (400, "invalid-input", "min_regions")),
        ({"traits": 2**96}, (400, "invalid-input", "traits")),
        ({"app": "0x" + "0" * 64}, (400, "invalid-input", "app")),
        ({"valid_until": 5}, (400, "expired", "valid_until")),
        ({"counter": 9}, (400, "invalid-input", "counter")),
    ],
)
def test_post_developer_offer__bad__names_field(stocked, members, expected):
    assert problem(stocked.post_bid(stocked.bid(**members))) == expected


def test_post__wrong_signer__is_refused(stocked):
    assert problem(stocked.post_ask(stocked.ask(), stocked.other)) == (
        400,
        "invalid-signature",
        "signature",
    )
    assert problem(stocked.post_bid(stocked.bid(), stocked.other)) == (
        400,
        "invalid-signature",
        "signature",
    )


@pytest.mark.parametrize("signature", ["0x12", "zz", "0x" + "ff" * 64, ZEROS, None])
def test_post__no_valid_signature__is_refused(stocked, signature):
    body = stocked.signed(stocked.ask(), stocked.provider) | {"signature": signature}

    answer = stocked.http.post("/v1/provider-offers", json=body)

    assert problem(answer)[:2] == (400, "invalid-signature")


@pytest.mark.parametrize("signature", [ZEROS, None, "0x" + "1b" * 64])
def test_post__approved_on_chain__needs_no_signature(stocked, signature):
    ask = stocked.ask()
    stocked.ledger.approved.add(hash_offer(ask))
    stocked.chain.mine(OfferPublished(stocked.provider.address, hash_offer(ask), b"no terms"))
    stocked.index()
    body = stocked.signed(ask, stocked.provider) | {"signature": signature}

    answer = stocked.http.post("/v1/provider-offers", json=body)

    assert answer.status_code == 201
    stored = stocked.http.get(f"/v1/provider-offers/{hash_offer(ask)}").json()
    assert (stored["signature"], stored["source"]) == (None, "published")


@pytest.mark.parametrize("is_indexed", [False, True])
def test_post__published_with_its_terms__comes_from_the_chain_in_its_turn(stocked, is_indexed):
    ask = stocked.ask()
    stocked.ledger.approved.add(hash_offer(ask))
    published = OfferPublished(stocked.provider.address, hash_offer(ask), encode_published(ask))
    stocked.chain.mine(published)
    if is_indexed:
        stocked.index()
    body = stocked.signed(ask, stocked.provider) | {"signature": None}

    early = stocked.http.post("/v1/provider-offers", json=body)
    stocked.turn()
    later = stocked.http.post("/v1/provider-offers", json=body)

    assert (problem(early)[:2], later.status_code) == ((409, "conflict"), 200)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("offer"),
        lambda body: body.update(extra=1),
        lambda body: body["offer"].pop("price"),
        lambda body: body["offer"].update(price=1.5),
        lambda body: body["offer"].update(price="-1"),
        lambda body: body["offer"].update(developer="0x12"),
        lambda body: body["offer"].update(more="1"),
    ],
)
def test_post__malformed__is_bad_input(stocked, change):
    body = stocked.signed(stocked.ask(), stocked.provider)
    change(body)

    status, kind, field = problem(stocked.http.post("/v1/provider-offers", json=body))

    assert (status, kind) == (400, "invalid-input")
    assert field


def test_post__not_json_or_too_large__is_refused(stocked):
    headers = {"Content-Type": "application/json"}
    garbage = stocked.http.post("/v1/provider-offers", content=b"{", headers=headers)
    large = stocked.http.post("/v1/provider-offers", content=b" " * 70_000, headers=headers)

    async def chunks():
        for _ in range(70):
            yield b" " * 1_000

    endless = stocked.http.post("/v1/provider-offers", content=chunks(), headers=headers)

    assert problem(garbage)[0] == 400
    assert problem(large)[:2] == (413, "too-large")
    assert problem(endless)[:2] == (413, "too-large")


def test_post__peer_registered_but_not_indexed_yet__is_taken(stocked):
    stocked.ledger.peers[2] = stocked.other.address

    assert stocked.post_ask(stocked.ask(2), stocked.other).status_code == 201


def test_post__node_away__is_judged_by_the_store(stocked):
    stocked.chain.mine(CounterBumped(stocked.provider.address, 1))
    stocked.index()
    stocked.chain.offline = True

    old, new = stocked.post_ask(stocked.ask()), stocked.post_ask(stocked.ask(counter=1))

    assert problem(old)[2] == "counter"
    assert new.status_code == 201


def test_post__cancelled_on_chain__is_a_conflict(stocked):
    ask = stocked.ask()
    stocked.ledger.cancelled.add(hash_offer(ask))

    assert problem(stocked.post_ask(ask))[:2] == (409, "conflict")


def test_post_developer_offer__permit__is_checked_kept_and_replaced(stocked):
    bid = stocked.bid()

    wrong = stocked.post_bid(bid, permit=stocked.permit(5, nonce=3))
    late = stocked.post_bid(bid, permit=stocked.permit(5, deadline=1_000))
    malformed = stocked.post_bid(bid, permit={"value": "1", "deadline": "2", "signature": "0x"})
    good = stocked.post_bid(bid, permit=stocked.permit(5))
    replayed = stocked.post_bid(bid, permit=stocked.permit(5))
    replaced = stocked.post_bid(bid, permit=stocked.permit(6))

    assert problem(wrong)[1:] == ("invalid-signature", "permit.signature")
    assert problem(late)[1:] == ("invalid-input", "permit.deadline")
    assert problem(malformed)[1:] == ("invalid-signature", "permit.signature")
    assert [a.status_code for a in (good, replayed, replaced)] == [201, 200, 200]


MANIFEST = {
    "wasmarket": 1,
    "name": "greeting",
    "services": [
        {
            "name": "greeting",
            "abi": "raw",
            "total_memory_limit": 2**20,
            "modules": [{"name": "m", "cid": str(raw_cid(b"wasm"))}],
        }
    ],
    "effectors": {"http": {"hosts": ["api.example.org"]}},
}


def publish(town, content):
    """Put content where the matcher looks for it; return what the chain calls it."""
    town.content[f"/ipfs/{raw_cid(content)}"] = content
    return to_hash(sha256(content))


def test_post_developer_offer__app_with_effectors__must_ask_for_their_traits(stocked):
    manifest = read_manifest(MANIFEST)
    app = publish(stocked, dump_manifest(manifest))

    without = stocked.post_bid(stocked.bid(app=app))
    enough = stocked.post_bid(stocked.bid(app=app, traits=manifest.traits | 1 << 40))

    assert problem(without) == (400, "invalid-input", "traits")
    assert "http" in without.json()["remedy"]
    assert enough.status_code == 201


def test_post_developer_offer__app_that_is_no_manifest__is_refused(stocked):
    app = publish(stocked, b"hello")

    assert problem(stocked.post_bid(stocked.bid(app=app))) == (400, "invalid-input", "app")


def test_post_developer_offer__source_lies_about_the_app__is_left_to_the_peers(stocked):
    app = to_hash(sha256(b"what was asked for"))
    stocked.content[f"/ipfs/{app_cid(app)}"] = b"something else"

    assert stocked.post_bid(stocked.bid(app=app)).status_code == 201


def test_delete__by_the_owner__leaves_this_book_and_says_what_is_final(stocked):
    bid, ask = stocked.bid(), stocked.ask()
    stocked.post_bid(bid)
    stocked.post_ask(ask)

    for path, offer, owner in (
        ("developer-offers", bid, stocked.developer),
        ("provider-offers", ask, stocked.provider),
    ):
        target = f"/v1/{path}/{hash_offer(offer)}"
        stranger = stocked.signed_request("DELETE", target, stocked.other)
        unsigned = stocked.http.request("DELETE", target)
        gone = stocked.signed_request("DELETE", target, owner)
        assert problem(stranger)[:2] == (403, "forbidden")
        assert problem(unsigned)[:2] == (401, "unauthorized")
        assert gone.json()["status"] == "cancelled"
        assert "Market.cancel" in gone.json()["reasons"][-1]
    stocked.fund()
    stocked.turn()
    assert stocked.sender.sent == []


@pytest.mark.parametrize("path", ["developer-offers", "provider-offers"])
def test_get__unknown_or_bad_hash__says_so(stocked, path):
    unknown = stocked.http.get(f"/v1/{path}/0x" + "9" * 64)
    bad = stocked.http.get(f"/v1/{path}/nonsense")

    assert problem(unknown)[:2] == (404, "not-found")
    assert problem(bad) == (400, "invalid-input", "hash")


def test_get__lists__are_paged_and_filtered(stocked):
    stocked.register_peer(2, provider=stocked.other)
    for salt in range(3):
        stocked.post_ask(stocked.ask(salt=salt))
        stocked.post_bid(stocked.bid(salt=salt))
    stocked.post_ask(stocked.ask(2), stocked.other)

    for path in ("provider-offers", "developer-offers"):
        first = stocked.http.get(f"/v1/{path}?limit=2").json()
        rest = stocked.http.get(f"/v1/{path}?limit=9&cursor={first['next']}").json()
        assert len(first["items"]) == 2
        assert rest["next"] is None
        seen = [item["hash"] for item in first["items"] + rest["items"]]
        assert len(set(seen)) == len(seen)
    owned = stocked.http.get(f"/v1/provider-offers?provider={stocked.other.address}").json()
    by_peer = stocked.http.get("/v1/provider-offers?peer=1").json()
    nobody = stocked.http.get(f"/v1/developer-offers?developer={stocked.other.address}").json()
    assert [len(page["items"]) for page in (owned, by_peer, nobody)] == [1, 3, 0]
    assert problem(stocked.http.get("/v1/provider-offers?cursor=!"))[2] == "cursor"
    assert problem(stocked.http.get("/v1/provider-offers?provider=0x1"))[2] == "provider"


def test_get__statuses_of_asks__follow_the_chain(stocked):
    asks = [stocked.ask(salt=n) for n in range(2)]
    late = stocked.ask(salt=5, valid_until=stocked.chain.head.timestamp + 30)
    for ask in (*asks, late):
        stocked.post_ask(ask)
    stocked.chain.mine(OfferCancelled(stocked.provider.address, hash_offer(asks[0])))
    stocked.chain.advance(60)
    stocked.index()

    def statuses():
        items = stocked.http.get("/v1/provider-offers").json()["items"]
        return [item["status"] for item in items]

    before = statuses()
    stocked.chain.mine(CounterBumped(stocked.provider.address, 1))
    stocked.index()

    assert before == ["cancelled", "posted", "expired"]
    assert statuses() == ["cancelled", "cancelled", "cancelled"]


def test_explain__price_too_low__names_constraint_and_change(stocked):
    stocked.post_ask(stocked.ask(price=104))
    bid = stocked.bid(units=3)
    stocked.post_bid(bid)

    answer = stocked.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()

    assert (answer["want"], answer["units"]) == (3, 0)
    prices = {entry["constraint"]: entry for entry in answer["excluded"]}["max_price"]
    assert prices["last"] == {"peers": 1, "units": 4}
    assert answer["price_distance"] == {"any": "4", "all": "4"}
    assert answer["relaxations"] == [
        {
            "field": "max_price",
            "from": "100",
            "to": "104",
            "units": 3,
            "price": "104",
            "peers": None,
        }
    ]


def test_explain__provider_list__is_shown_as_addresses(stocked):
    stocked.post_ask(stocked.ask())
    bid = stocked.bid(providers_mode=1, providers=(stocked.other.address,))
    stocked.post_bid(bid)

    answer = stocked.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()

    [change] = answer["relaxations"]
    assert change["from"] == [stocked.other.address]
    assert change["to"] == [stocked.other.address, stocked.provider.address]


def test_nothing_indexed_yet__503_and_not_ready(template, tmp_path):
    database = copy_store(template, tmp_path / "empty.sqlite")
    town = FakeTown.__new__(FakeTown)
    town.index = lambda: None
    town.__init__(database)

    assert problem(town.http.get("/v1/peers"))[:2] == (503, "not-indexed")
    ready = town.http.get("/v1/health/ready")
    assert (ready.status_code, ready.json()["reason"]) == (503, "nothing is indexed yet")
    assert town.http.get("/v1/status").json()["indexed"] is None
    assert not town.matcher.settlement_loop.take_turn()
    database.close()


def test_openapi__every_route_of_the_design__is_there(stocked):
    paths = json.loads(stocked.http.get("/openapi.json").text)["paths"]

    assert {
        "/v1/developer-offers",
        "/v1/provider-offers",
        "/v1/developer-offers/{hash}",
        "/v1/provider-offers/{hash}",
        "/v1/developer-offers/{hash}/explain",
        "/v1/quotes",
        "/v1/book/depth",
        "/v1/deals",
        "/v1/deals/{deal}",
        "/v1/deals/{deal}/assignments",
        "/v1/deals/{deal}/matches",
        "/v1/assignments/{assignment}",
        "/v1/peers",
        "/v1/peers/{peer}",
        "/v1/providers/{address}",
        "/v1/providers/{address}/opportunities",
        "/v1/epochs/{epoch}",
        "/v1/matches/{match}",
        "/v1/books/{digest}",
        "/v1/events",
        "/v1/status",
        "/v1/health/live",
        "/v1/health/ready",
    } <= set(paths)
