"""Wishes and peers' documents at a matcher: taken in, honoured, shown, and refused when forged."""

import json
from dataclasses import replace

import httpx
import pytest

from matcher.orderbook.document import load_book, replay
from tests.matcher.fake_town import FakeTown, peer_key
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.events import Committed, Ended, PeerUnits
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.selection.peer_document import Hardware, PeerClaim
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.matching.book_documents import fetch_book
from wasmarket.store.matching.matches import fetch_latest_matches

pytestmark = pytest.mark.unit

DE, FI = region_index("DE"), region_index("FI")
FSN, HEL = "hetzner-fsn1", "hetzner-hel1"


@pytest.fixture
def town(database):
    """Two peers that answer, the dearer one in Falkenstein; asks of both."""
    town = FakeTown(database, peer_check_seconds=60)
    town.register_peer(1, region=FI)
    town.register_peer(2, region=DE)
    for number, price in ((1, 10), (2, 20)):
        town.post_ask(town.ask(peer=number, price=price))
    town.fund()
    return town


def quote(town, wish, units=4):
    return town.http.post("/v1/quotes", json={"units": units, "wish": wish})


def document_of(town, number):
    return town.http.get(f"/v1/peers/{number}").json()["document"]


def problem(answer):
    body = answer.json()
    return answer.status_code, body["type"].removeprefix("urn:wasmarket:"), body.get("field")


def ask_again(town):
    town.wall += 61
    town.ask_peers()


def test_quote__data_center_wished__is_of_the_peers_that_say_so(town):
    town.say(1, site=HEL)
    town.say(2, site=FSN)
    town.ask_peers()

    assert [point["price_max"] for point in quote(town, {}).json()] == ["10"]
    assert [point["price_max"] for point in quote(town, {"data_centers": [FSN]}).json()] == ["20"]
    assert quote(town, {"data_centers": ["ovh-gra"]}).json() == []


def test_match__data_center_wished__takes_that_peer_and_the_record_shows_why(town):
    town.say(2, site=FSN)
    town.ask_peers()
    bid = town.bid(units=2, deposit=10_000)
    wish = {"data_centers": [FSN], "provider_weights": {town.provider.address: 900_000}}

    assert town.post_bid(bid, wish=wish).status_code == 201
    town.turn()

    with town.database.read() as session:
        [record] = fetch_latest_matches(session, before=None, limit=9)
        content = fetch_book(session, record.book)
    document = load_book(content)
    [match] = replay(document).matches
    assert [fill.ask.offer.peer for fill in match.fills] == [2]
    assert [fill["price"] for fill in record.fills] == ["20"]
    evidence = document.evidence[hash_offer(bid)].wish
    assert evidence.is_by(town.developer.address, hash_offer(bid), town.domain)
    shown = json.loads(content)
    assert [entry["peer"] for entry in shown["facts"]] == [2]
    assert shown["facts"][0]["document"]["site"] == {"id": FSN}
    full = town.status(bid)
    assert full["wish"] == wish


def test_match__no_wish__record_shows_no_facts(town):
    town.say(2, site=FSN)
    town.ask_peers()
    town.post_bid(town.bid(units=2, deposit=10_000))
    town.turn()

    with town.database.read() as session:
        [record] = fetch_latest_matches(session, before=None, limit=9)
        assert "facts" not in json.loads(fetch_book(session, record.book))


def test_explain__wish_excludes__names_it_and_how_many_and_what_would_help(town):
    town.say(1, site=HEL)
    town.say(2, site=FSN)
    town.ask_peers()
    bid = town.bid(units=8, min_units=8, deposit=10_000)
    town.post_bid(bid, wish={"data_centers": [FSN]})

    answer = town.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()

    excluded = {row["constraint"]: row for row in answer["excluded"]}
    assert excluded["data_centers"]["alone"] == {"peers": 1, "units": 4}
    assert answer["together"] == ["data_centers"]
    [change] = [row for row in answer["relaxations"] if row["field"] == "data_centers"]
    assert (change["to"], change["units"], change["peers"]) == ([FSN, HEL], 8, 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"wish_signature": None}, (401, "unauthorized", "wish_signature")),
        ({"wish_signature": "0x" + "00" * 64}, (403, "forbidden", "wish_signature")),
        ({"wish": {"max_evictions": 1}}, (403, "forbidden", "wish_signature")),
        ({"wish": {"max_evictions": -1}}, (400, "invalid-input", "wish.max_evictions")),
        ({"wish": {"data_centers": ["<b>"]}}, (400, "invalid-input", "wish.data_centers")),
        ({"wish": {"min_uptime_ppm": 1_000_001}}, (400, "invalid-input", "wish.min_uptime_ppm")),
        ({"wish": {"max_latency_ms": 5}}, (400, "invalid-input", "wish.gateway")),
        ({"wish": {"nothing": 1}}, (400, "invalid-input", "wish.nothing")),
        (
            {"wish": {"provider_weights": {"0x" + "11" * 20: 99_999}}},
            (400, "invalid-input", "wish.provider_weights"),
        ),
    ],
)
def test_post_developer_offer__wish_is_not_the_developers_or_no_wish__is_refused(
    town, change, expected
):
    body = town.signed(town.bid(), town.developer, wish={"max_evictions": 0}) | change

    answer = town.http.post("/v1/developer-offers", json=body)

    assert problem(answer) == expected
    assert town.http.get("/v1/developer-offers").json()["items"] == []


def test_post_developer_offer__wish_of_another_offer_or_account__is_refused(town):
    one, other = town.bid(salt=1), town.bid(salt=2)
    wish = {"max_evictions": 0}
    taken = town.signed(one, town.developer, wish=wish)["wish_signature"]
    stranger = town.signed(other, town.other, wish=wish)["wish_signature"]

    for signature in (taken, stranger):
        body = town.signed(other, town.developer) | {"wish": wish, "wish_signature": signature}
        assert problem(town.http.post("/v1/developer-offers", json=body))[0] == 403


def test_post_developer_offer__budget_of_a_metered_deal__is_refused(town):
    bid = replace(town.bid(), meter=town.other.address)

    answer = town.post_bid(bid, wish={"budget_per_month": "5"})

    assert problem(answer) == (400, "invalid-input", "wish.budget_per_month")


def test_post_developer_offer__known_one_with_another_wish__is_refused_and_the_same_is_not(town):
    bid = town.bid()
    town.post_bid(bid, wish={"max_evictions": 0})

    assert town.post_bid(bid, wish={"max_evictions": 0}).status_code == 200
    assert problem(town.post_bid(bid, wish={"max_evictions": 1})) == (409, "conflict", "wish")
    plain = town.bid(salt=5)
    town.post_bid(plain)
    assert problem(town.post_bid(plain, wish={"max_evictions": 1})) == (409, "conflict", "wish")


def test_peers__filtered__are_those_that_say_so(town):
    town.say(1, site=HEL, claims=(PeerClaim("renewable"), PeerClaim("iso_27001")))
    town.say(2, site=FSN, hardware=Hardware("cpu", 8, 64_000))
    town.ask_peers()

    def found(query):
        return [peer["id"] for peer in town.http.get(f"/v1/peers?{query}").json()["items"]]

    assert found("") == [1, 2]
    assert found(f"site={FSN}") == [2]
    assert found("claim=renewable") == [1]
    assert found("claim=renewable&claim=iso_27001") == [1]
    assert found("claim=renewable&claim=other") == []
    assert found("claim=renew") == []
    assert found("min_speed=1") == []
    assert found(f"region={DE}") == [2]
    assert found("min_memory_mib=1024") == [1, 2]
    assert found("min_memory_mib=1025") == []
    assert town.http.get("/v1/peers?claim=%25").status_code == 400
    signed = town.http.get("/v1/peers/2/document").json()
    assert signed["document"]["hardware"]["memory_mib"] == 64_000
    assert town.http.get("/v1/sites").json()[0]["id"]


def test_document__expires__counts_no_more(town):
    said = town.say(2, site=FSN, expires=town.chain.head.timestamp + 100)
    town.ask_peers()
    assert quote(town, {"data_centers": [FSN]}).json() != []

    town.chain.mine(timestamp=said.expires)
    town.index()

    assert quote(town, {"data_centers": [FSN]}).json() == []
    assert document_of(town, 2) is None
    assert town.http.get("/v1/peers/2/document").status_code == 404


def test_document__peer_says_another_thing_later__the_newer_counts(town):
    town.say(2, site=FSN)
    town.ask_peers()
    town.chain.mine()
    town.index()
    town.say(2, site="hetzner-nbg1")
    ask_again(town)

    assert quote(town, {"data_centers": [FSN]}).json() == []
    assert quote(town, {"data_centers": ["hetzner-nbg1"]}).json() != []


def test_document__older_one_shown_again__the_newer_stays(town):
    town.say(2, site=FSN)
    old = dict(town.documents)
    town.chain.mine()
    town.index()
    town.say(2, site="hetzner-nbg1")
    town.ask_peers()
    town.documents = old
    ask_again(town)

    assert document_of(town, 2)["site"]["id"] == "hetzner-nbg1"


def test_document__peer_says_nothing_any_more__is_taken_back(town):
    town.say(2, site=FSN)
    town.ask_peers()
    town.documents.clear()
    ask_again(town)

    assert document_of(town, 2) is None
    assert quote(town, {"data_centers": [FSN]}).json() == []


@pytest.mark.parametrize(
    "forge",
    [
        lambda town: town.say(2, site=FSN, key=peer_key(1)),
        lambda town: town.say(2, site=FSN, market=town.other.address),
        lambda town: town.say(2, site=FSN, chain_id=1),
        lambda town: town.say(2, site=HEL),
        lambda town: town.say(2, site=FSN, issued=1, expires=2),
        lambda town: town.documents.update(peer2=b"x" * 100_000),
        lambda town: town.documents.update(peer2=b"[" * 20_000),
        lambda town: town.documents.update(peer2=b'{"document":{},"signature":"0x00"}'),
        lambda town: town.documents.update(peer2=b'{"document":{"a":1.5},"signature":"0x"}'),
        lambda town: town.documents.update(peer2=b"\xff\xfe"),
    ],
    ids=[
        "key", "market", "chain", "country", "over",
        "large", "deep", "empty", "float", "no_text",
    ],
)  # fmt: skip
def test_document__forged_or_not_one__counts_for_nothing_and_the_peer_is_offered_still(town, forge):
    forge(town)
    town.ask_peers()

    assert document_of(town, 2) is None
    assert quote(town, {"data_centers": [FSN, HEL]}).json() == []
    assert [point["units"] for point in quote(town, {}, units=8).json()][-1] == 8


def test_document__of_another_peer_served_by_a_peer__counts_for_nothing(town):
    town.say(1, site=HEL)
    town.documents["peer2"] = town.documents.pop("peer1")
    town.ask_peers()

    assert document_of(town, 2) is None


def test_document__answer_that_never_ends__is_cut_off(town):
    async def endless():
        while True:
            yield b"x" * 4_096

    served = town._answer_document
    town._answer_document = lambda host: (
        httpx.Response(200, content=endless()) if host == "peer2" else served(host)
    )

    town.ask_peers()

    assert document_of(town, 2) is None


def test_match__document_comes_after_the_offer__is_matched_then(town):
    town.ask_peers()
    bid = town.bid(units=2, deposit=10_000)
    town.post_bid(bid, wish={"data_centers": [FSN]})
    town.turn()
    assert town.status(bid)["deal"] is None

    town.say(2, site=FSN)
    ask_again(town)
    town.turn()
    town.index()

    assert town.status(bid)["deal"] == 1
    with town.database.read() as session:
        [record] = fetch_latest_matches(session, before=None, limit=9)
    assert [fill["price"] for fill in record.fills] == ["20"]


def test_quote__age_wished__goes_by_when_a_peer_was_registered(town):
    town.ask_peers()
    seconds = town.deployment.parameters.epoch_seconds
    assert [point["units"] for point in quote(town, {"min_age_epochs": 3}).json()] == []

    town.chain.mine(timestamp=town.chain.head.timestamp + 3 * seconds)
    town.register_peer(3, region=FI)
    town.post_ask(town.ask(peer=3, price=1))
    ask_again(town)

    assert quote(town, {}).json()[0]["price_max"] == "1"
    assert quote(town, {"min_age_epochs": 3}).json()[0]["price_max"] == "10"
    assert quote(town, {"min_uptime_ppm": 1}).json() == []


def test_quote__no_evictions_wished__is_not_of_a_peer_that_was_evicted_lately(town):
    town.ask_peers()
    wish = {"max_evictions": 0}
    assert quote(town, wish, units=8).json()[-1]["units"] == 8
    bid = town.bid(units=2, deposit=10_000)
    town.post_bid(bid)
    town.turn()
    town.index()
    [row] = town.http.get("/v1/assignments").json()["items"]
    assert row["peer"] == 1

    seconds = town.deployment.parameters.epoch_seconds
    town.chain.mine(
        PeerUnits(1, 3),
        Ended(row["id"], row["deal"], 1, 0, EndKind.EVICTED, 0, 10_000, 0),
        timestamp=town.chain.head.timestamp + seconds,
    )
    epoch = town.chain.head.timestamp // seconds + 1
    town.chain.mine(Committed(1, epoch, to_hash(b"\1" * 32)), timestamp=(epoch + 1) * seconds)
    town.index()

    assert {point["price_max"] for point in quote(town, wish).json()} == {"20"}
    assert quote(town, {"max_evictions": 1}, units=1).json()[0]["price_max"] == "10"
