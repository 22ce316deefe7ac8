"""Make before break: a replacement is active before the old one goes, where there is room."""

import pytest

from tests.matcher.fake_town import Http
from wasmarket.kernel.events import Activated, Ended
from wasmarket.kernel.reasons import DropReason, EndKind
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit

PATH = "/v1/deals/1/replacements"


@pytest.fixture
def dealing(town):
    """A deal of two units by one peer, active, of an offer for four; another peer could serve."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid(units=4), target=2)
    town.turn()
    activate(town, 1)
    town.register_peer(2, provider=town.other)
    town.post_ask(town.ask(2, price=20), town.other)
    town.turn()
    return town


def activate(town, assignment):
    epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(assignment, 1, epoch, 0, 900, 20))
    town.index()


def units_by_peer(town):
    alive = town.http.get("/v1/deals/1").json()["assignments"]
    peers = {a["peer"] for a in alive}
    return {peer: sum(a["units"] for a in alive if a["peer"] == peer) for peer in peers}


def ask_for(town, assignment=1, account=None, **options):
    requirement = {"assignment": assignment}
    return town.signed_request("POST", PATH, account or town.developer, requirement, **options)


def status(town):
    return [(w["assignment"], w["status"]) for w in town.http.get(PATH).json()["items"]]


def test_target__units_above_it__are_kept_back(dealing):
    assert units_by_peer(dealing) == {1: 2}


def test_replacement__asked_for__is_active_before_the_old_one_is_dropped(dealing):
    answer = ask_for(dealing)
    wanted = status(dealing)
    dealing.turn()
    dealing.index()
    placed, beside = status(dealing), units_by_peer(dealing)
    activate(dealing, 2)
    ready = status(dealing)
    epoch = dealing.chain.head.timestamp // 60
    why = DropReason.REPLACED
    dealing.chain.mine(Ended(1, 1, 1, epoch, EndKind.DROPPED, why, 900, 40))
    dealing.turn()
    dealing.turn()
    dealing.index()

    assert (answer.status_code, answer.json()["status"]) == (201, "wanted")
    assert (wanted, placed, ready) == ([(1, "wanted")], [(1, "placed")], [(1, "ready")])
    assert beside == {1: 2, 2: 2}
    assert status(dealing) == [(1, "done")]
    assert units_by_peer(dealing) == {2: 2}
    assert ask_for(dealing).status_code == 409


def test_replacement__asked_again__is_the_same_wish(dealing):
    first, again = ask_for(dealing), ask_for(dealing)
    dealing.turn()
    dealing.turn()
    dealing.index()

    assert (first.status_code, again.status_code) == (201, 200)
    assert units_by_peer(dealing) == {1: 2, 2: 2}


def test_replacement__only_the_same_peer_could_serve__waits_and_explains(dealing):
    dealing.signed_request(
        "DELETE", f"/v1/provider-offers/{hash_offer(dealing.ask(2, price=20))}", dealing.other
    )
    ask_for(dealing)
    dealing.turn()
    dealing.index()

    explained = dealing.http.get(
        f"/v1/developer-offers/{hash_offer(dealing.bid(units=4))}/explain"
    ).json()
    assert units_by_peer(dealing) == {1: 2}
    assert status(dealing) == [(1, "wanted")]
    assert (explained["want"], explained["units"]) == (2, 0)


def test_replacement__no_room_in_the_offer__is_refused_and_says_so(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.index()

    answer = ask_for(town)

    assert answer.status_code == 409
    assert "the offer allows 2 units, 2 are in use" in answer.json()["detail"]
    assert "--spare" in answer.json()["remedy"]


def test_replacement__room_for_one__the_second_wish_is_refused(dealing):
    dealing.post_bid(dealing.bid(units=3, salt=1, max_units_per_provider=1), target=2)
    dealing.turn()
    dealing.index()
    deal = dealing.http.get("/v1/deals/2").json()
    first, second = [a["id"] for a in deal["assignments"]]
    path = "/v1/deals/2/replacements"

    one = dealing.signed_request("POST", path, dealing.developer, {"assignment": first})
    two = dealing.signed_request("POST", path, dealing.developer, {"assignment": second})

    assert (one.status_code, two.status_code) == (201, 409)


def test_replacement__taken_back_before_it_was_placed__nothing_is_added(dealing):
    ask_for(dealing)

    answer = dealing.signed_request("DELETE", f"{PATH}/1", dealing.developer)
    dealing.turn()
    dealing.index()

    assert answer.status_code == 200
    assert status(dealing) == []
    assert units_by_peer(dealing) == {1: 2}
    assert dealing.signed_request("DELETE", f"{PATH}/1", dealing.developer).status_code == 404


@pytest.mark.parametrize(("assignment", "who", "code"), [(1, "other", 403), (9, "developer", 404)])
def test_replacement__by_a_stranger_or_of_nothing__is_refused(dealing, assignment, who, code):
    assert ask_for(dealing, assignment, getattr(dealing, who)).status_code == code


def test_target__raised_by_the_developer__is_filled_up_to(dealing):
    target = f"/v1/developer-offers/{hash_offer(dealing.bid(units=4))}/target"

    stranger = dealing.signed_request("PUT", target, dealing.other, {"units": 3})
    too_many = dealing.signed_request("PUT", target, dealing.developer, {"units": 5})
    dealing.signed_request("PUT", target, dealing.developer, {"units": None})
    dealing.turn()
    dealing.index()

    assert (stranger.status_code, too_many.status_code) == (403, 400)
    assert too_many.json()["field"] == "target"
    assert sum(units_by_peer(dealing).values()) == 4


def test_match_record__of_a_held_back_offer__replays(dealing):
    records = dealing.http.get("/v1/deals/1/matches").json()["items"]
    book = dealing.http.get(f"/v1/books/{records[0]['book']}")

    assert records[0]["fills"][0]["units"] == 2
    assert book.json()["demands"][0]["hold"] == 2


def test_signed_request__sent_to_another_process_too__counts_once(dealing):
    second = Http(dealing.build().app)
    nonce = "0x" + "5" * 64

    first = ask_for(dealing, nonce=nonce)
    replayed = ask_for(dealing, nonce=nonce, http=second)

    assert first.status_code == 201
    assert replayed.status_code == 409
    assert "sent before" in replayed.json()["detail"]
