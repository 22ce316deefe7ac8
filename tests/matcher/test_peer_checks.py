"""Nothing is offered of a peer whose endpoint does not answer with its registered key."""

import pytest

from matcher.offers.peer_checks import STALE_AFTER
from tests.matcher.fake_town import FakeTown, peer_key
from wasmarket.kernel.events import PeerEndpoint
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit

EVERY = 60


@pytest.fixture
def town(database):
    return FakeTown(database, peer_check_seconds=EVERY)


def offer(town, number=1, price=10):
    """Have a registered peer's offer posted."""
    ask = town.ask(peer=number, price=price)
    assert town.post_ask(ask).status_code == 201
    return ask


def quote(town, units=4):
    return town.http.post("/v1/quotes", json={"units": units}).json()


def reasons(town, ask):
    return town.http.get(f"/v1/provider-offers/{hash_offer(ask)}").json()["reasons"]


def test_offer__of_a_peer_that_was_not_asked_yet__is_not_quoted(town):
    town.register_peer()
    offer(town)

    town.turn()
    before = quote(town)
    town.ask_peers()

    assert before == []
    assert [point["units"] for point in quote(town)] == [4]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "nobody there"),
        ((peer_key(2), 1), "registered is"),
        ((peer_key(1), 2), "answers as peer 2"),
        ((peer_key(1), 0), "not yet found itself"),
    ],
)
def test_offer__endpoint_without_the_peer__is_passed_over_and_its_provider_sees_why(
    town, found, why
):
    town.register_peer()
    town.at_endpoint["peer1"] = found
    ask = offer(town)
    town.fund()
    bid = town.bid()
    town.post_bid(bid)

    town.ask_peers()
    town.turn()

    [reason] = reasons(town, ask)
    assert reason.startswith("peer 1's endpoint http://peer1 does not answer with its key since")
    assert why in reason
    assert town.status(bid)["status"] == "unmatched"
    shown = town.http.get("/v1/peers/1").json()["reachable"]
    assert (shown["answers"], why in shown["problem"]) == (False, True)
    explained = town.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()
    assert "1 peers with 4 free units are passed over" in explained["notes"][0]
    status = town.http.get("/v1/status").json()
    assert status["extra"]["peers"] == {
        "answering": 0,
        "unreachable": 1,
        "block": status["indexed"],
    }


def test_offer__second_peer_with_the_endpoint_and_key_of_another__is_passed_over(town):
    town.register_peer(1)
    key = town.http.get("/v1/peers/1").json()["key"]
    town.register_peer(2, provider=town.other, endpoint="http://peer1", key=key)
    real, copy = town.ask(peer=1, price=20), town.ask(peer=2, price=10)
    town.post_ask(real)
    town.post_ask(copy, town.other)

    town.ask_peers()
    town.turn()

    assert [point["price_max"] for point in quote(town)] == ["20"]
    assert "answers as peer 1" in reasons(town, copy)[0]


def test_offer__peer_that_starts_later__is_offered_once_it_answers(town):
    town.register_peer()
    town.at_endpoint["peer1"] = None
    offer(town)
    town.ask_peers()
    assert quote(town) == []

    del town.at_endpoint["peer1"]
    town.wall += 1
    town.ask_peers()

    assert [point["units"] for point in quote(town)] == [4]


def test_offer__posted_again_by_a_peer_that_was_away__has_it_asked_at_once(town):
    town.register_peer()
    town.at_endpoint["peer1"] = None
    ask = offer(town)
    for _ in range(6):
        town.wall += 200
        town.ask_peers()
    del town.at_endpoint["peer1"]
    assert town.ask_peers() == 0

    town.post_ask(ask)
    town.ask_peers()

    assert [point["units"] for point in quote(town)] == [4]


def test_offer__peer_that_fails_once__stays_and_goes_with_the_second_failure(town):
    town.register_peer()
    offer(town)
    town.ask_peers()
    town.at_endpoint["peer1"] = None
    town.wall += EVERY

    town.ask_peers()
    once = quote(town)
    town.wall += 1
    town.ask_peers()

    assert (bool(once), quote(town)) == (True, [])


def test_offer__another_key_at_the_endpoint__goes_at_once(town):
    town.register_peer()
    offer(town)
    town.ask_peers()
    town.at_endpoint["peer1"] = (peer_key(2), 1)
    town.wall += EVERY

    town.ask_peers()

    assert quote(town) == []


def test_offer__peer_that_moves_to_another_endpoint__must_answer_there_first(town):
    town.register_peer()
    offer(town)
    town.ask_peers()
    town.at_endpoint["elsewhere"] = None

    town.chain.mine(PeerEndpoint(peer=1, endpoint="http://elsewhere"))
    town.turn()

    assert quote(town) == []


def test_turn__answers_from_before_a_long_stop__count_no_more(town):
    town.register_peer()
    offer(town)
    town.ask_peers()
    town.fund()
    bid = town.bid()
    town.post_bid(bid)

    town.wall += EVERY * STALE_AFTER + 1
    town.turn()

    assert town.status(bid)["status"] == "unmatched"


def test_turn__peer_answers__is_matched(town):
    town.register_peer()
    offer(town)
    town.fund()
    bid = town.bid()
    town.post_bid(bid)
    town.ask_peers()

    town.turn()
    town.index()

    assert town.status(bid)["status"] == "pending"


def test_step__peers_without_offers__are_left_alone(town):
    town.register_peer()

    assert town.ask_peers() == 0


def test_feed__peers_that_come_and_go__equals_reading_all(town):
    for number in (1, 2, 3):
        town.register_peer(number)
        offer(town, number, price=10 * number)
    town.at_endpoint["peer2"] = None
    town.ask_peers()
    town.turn()
    incremental = quote(town, 12)

    town.matcher = town.build()
    town.http.app = town.matcher.app
    town.http.come_from("127.0.0.1")

    assert quote(town, 12) == incremental
    assert [point["price_max"] for point in incremental] == ["10", "30"]
