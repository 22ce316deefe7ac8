"""Offers published on chain enter the book without anybody posting them."""

import pytest

from wasmarket.kernel.events import OfferPublished
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit


def publish(town, offer, account):
    data = encode_published(offer)
    town.chain.mine(OfferPublished(account.address, hash_offer(offer), data))


@pytest.fixture
def stocked(town):
    town.register_peer()
    town.fund()
    return town


def test_published__ask_and_bid__are_matched_without_signatures(stocked):
    publish(stocked, stocked.ask(), stocked.provider)
    publish(stocked, stocked.bid(), stocked.developer)

    stocked.turn()

    [sent] = stocked.sender.sent
    assert [int(str(word), 16) for word in sent.args[3][0][-2:]] == [0, 0]
    stocked.index()
    assert stocked.status(stocked.bid())["source"] == "published"
    assert stocked.status(stocked.bid())["status"] == "pending"


def test_published__by_somebody_else_or_for_an_unknown_peer__is_passed_over(stocked):
    publish(stocked, stocked.ask(), stocked.other)
    publish(stocked, stocked.ask(9), stocked.provider)
    publish(stocked, stocked.bid(), stocked.other)
    publish(stocked, stocked.bid(min_units=9), stocked.developer)

    stocked.turn()

    assert stocked.http.get("/v1/provider-offers").json()["items"] == []
    assert stocked.http.get("/v1/developer-offers").json()["items"] == []


def test_published__undone_by_a_reorg__fills_nothing_more(stocked):
    publish(stocked, stocked.ask(), stocked.provider)
    stocked.turn()
    stocked.chain.reorg(1, [])
    stocked.post_bid(stocked.bid())

    stocked.turn()

    assert stocked.sender.sent == []


def test_published__after_a_reorg__are_looked_at_again(stocked):
    publish(stocked, stocked.ask(), stocked.provider)
    stocked.turn()
    other = stocked.ask(salt=3)
    replaced = OfferPublished(stocked.provider.address, hash_offer(other), encode_published(other))
    stocked.chain.reorg(1, [replaced])

    stocked.turn()

    offers = stocked.http.get("/v1/provider-offers").json()["items"]
    assert hash_offer(other) in {offer["hash"] for offer in offers}


def test_delete__published_offer__is_refused_so_that_no_book_can_hide_it(stocked):
    publish(stocked, stocked.ask(), stocked.provider)
    stocked.turn()
    target = f"/v1/provider-offers/{hash_offer(stocked.ask())}"

    refused = stocked.signed_request("DELETE", target, stocked.provider)

    assert (refused.status_code, refused.json()["field"]) == (409, "hash")
    assert "Market.cancel" in refused.json()["remedy"]
    assert stocked.http.get(target).json()["status"] == "posted"


def test_published__before_its_peer_is_registered__is_taken_in_with_the_peer(stocked):
    publish(stocked, stocked.ask(2, price=5), stocked.provider)
    stocked.post_bid(stocked.bid())
    stocked.turn()
    before = list(stocked.sender.sent)

    stocked.register_peer(2)
    stocked.turn()

    assert before == []
    assert [fill[0] for fill in stocked.sender.sent[0].args[3]] == [2]


def test_published__for_a_peer_that_another_registers__is_never_taken_in(stocked):
    publish(stocked, stocked.ask(2, price=5), stocked.provider)
    stocked.turn()
    stocked.register_peer(2, provider=stocked.other)
    stocked.post_bid(stocked.bid())

    stocked.turn()

    assert stocked.sender.sent == []
    assert stocked.http.get("/v1/provider-offers").json()["items"] == []
