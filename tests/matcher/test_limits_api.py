"""Limits at the matcher's door: per signer and per client address, on offers and on requests."""

import pytest

from tests.matcher.fake_town import FakeTown, Http, make_account
from wasmarket.kernel.events import CounterBumped, OfferCancelled
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:wasmarket:")


def test_limits__too_many_live_offers_or_posts__429(database):
    town = FakeTown(database, max_offers_per_signer=2, posts_per_minute=4)
    town.register_peer()
    answers = [town.post_ask(town.ask(salt=n)) for n in range(5)]

    assert [a.status_code for a in answers] == [201, 201, 429, 429, 429]
    assert "withdraw some" in answers[2].json()["remedy"]
    assert "per minute" in answers[4].json()["detail"]
    assert answers[4].headers["retry-after"] == "15"
    town.clock += 60
    assert "live offers" in town.post_ask(town.ask(salt=9)).json()["detail"]
    bids = [town.post_bid(town.bid(salt=n)) for n in range(3)]
    assert [a.status_code for a in bids] == [201, 201, 429]


def test_limits__too_many_live_offers_from_one_address__429_whoever_signs(database):
    town = FakeTown(database, max_offers_per_address=2)
    town.register_peer(1)
    town.register_peer(2, provider=town.other)
    town.http.come_from("2001:db8::1")

    first, second = town.post_ask(town.ask()), town.post_bid(town.bid())
    town.http.come_from("2001:db8::ffff")
    full = town.post_ask(town.ask(2), town.other)
    town.http.come_from("2001:db8:0:1::1")
    elsewhere = town.post_ask(town.ask(2), town.other)

    assert (first.status_code, second.status_code, elsewhere.status_code) == (201, 201, 201)
    assert problem(full) == (429, "limit-reached")
    assert "your address" in full.json()["detail"]


def test_limits__cancelled_and_withdrawn_offers__make_room(database):
    town = FakeTown(database, max_offers_per_signer=1, max_offers_per_address=2)
    town.register_peer()
    cancelled, withdrawn, outdated = (town.ask(salt=n) for n in range(3))

    assert town.post_ask(cancelled).status_code == 201
    assert town.post_ask(withdrawn).status_code == 429
    town.chain.mine(OfferCancelled(town.provider.address, hash_offer(cancelled)))
    town.index()
    assert town.post_ask(withdrawn).status_code == 201
    path = f"/v1/provider-offers/{hash_offer(withdrawn)}"
    assert town.signed_request("DELETE", path, town.provider).status_code == 200
    assert town.post_ask(outdated).status_code == 201
    town.ledger.counters[town.provider.address] = 1
    town.chain.mine(CounterBumped(town.provider.address, 1))
    town.index()
    assert town.post_ask(town.ask(salt=3, counter=1)).status_code == 201


def test_limits__restart__still_knows_who_posted_what(database):
    town = FakeTown(database, max_offers_per_address=1)
    town.register_peer()
    town.post_ask(town.ask())

    town.http = Http(town.build().app)

    assert problem(town.post_ask(town.ask(salt=1))) == (429, "limit-reached")


def test_limits__behind_a_proxy__are_of_the_caller_and_a_forged_header_is_not_believed(database):
    town = FakeTown(database, writes_per_minute=1, proxies=("10.0.0.1",))
    town.register_peer()
    posts = [
        ("10.0.0.1", "198.51.100.1", 201),
        ("10.0.0.1", "198.51.100.1", 429),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", 429),
        ("10.0.0.1", "198.51.100.2", 201),
        ("10.0.0.9", "198.51.100.3", 201),
        ("10.0.0.9", "198.51.100.4", 429),
    ]

    answers = []
    for salt, (address, forwarded, _) in enumerate(posts):
        town.http.come_from(address)
        body = town.signed(town.ask(salt=salt), town.provider)
        answers.append(
            town.http.post(
                "/v1/provider-offers", json=body, headers={"X-Forwarded-For": forwarded}
            ).status_code
        )

    assert answers == [expected for _, _, expected in posts]


def test_limits__offers_that_an_account_did_not_sign__use_up_nothing_of_its_share(database):
    town = FakeTown(database, posts_per_minute=1)
    town.register_peer()

    forged = [town.post_ask(town.ask(salt=n), town.other).status_code for n in range(3)]

    assert (forged, town.post_ask(town.ask()).status_code) == ([400, 400, 400], 201)


def test_limits__signed_requests__count_for_their_signer(database):
    town = FakeTown(database, posts_per_minute=2)
    path = f"/v1/provider-offers/0x{'00' * 32}"

    answers = [town.signed_request("DELETE", path, town.provider) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert town.signed_request("DELETE", path, town.other).status_code == 404


def test_limits__too_many_requests_of_one_client__429(database):
    town = FakeTown(database, requests_per_minute=3)

    answers = [town.http.get("/v1/peers").status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]


def test_limits__many_new_signers_behind_one_address__429_but_questions_are_answered(database):
    town = FakeTown(database, writes_per_minute=2)
    posters = [make_account(number) for number in range(10, 13)]

    answers = [
        town.post_bid(town.bid(developer=poster.address), poster).status_code for poster in posters
    ]
    quotes = [town.http.post("/v1/quotes", json={"units": 1}).status_code for _ in range(3)]

    assert answers == [201, 201, 429]
    assert quotes == [200, 200, 200]
