"""Notices: hints to peers, tried again, given up, harmful to nobody."""

import json

import pytest

pytestmark = pytest.mark.unit


@pytest.fixture
def matched(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    return town


def test_send_due__assignment_not_indexed_yet__waits(matched):
    assert matched.matcher.messenger.send_due() == 0


def test_send_due__peer_answers__is_sent_once(matched):
    matched.index()

    arrived = [matched.matcher.messenger.send_due() for _ in range(2)]

    assert arrived == [1, 0]
    [(url, body)] = matched.posted
    assert url == "http://peer1/v1/notices"
    assert json.loads(body) == {
        "deal": 1,
        "assignment": 1,
        "block": matched.chain.head.number,
        "tx": matched.sender.sent[0].tx_hash,
        "sources": ["http://content"],
    }


@pytest.mark.parametrize("answer", [500, 302, None])
def test_send_due__peer_fails__is_tried_again_later_and_given_up(matched, answer):
    matched.index()
    matched.peer_answer = answer
    for _ in range(200):
        assert matched.matcher.messenger.send_due() == 0
        matched.wall += 1

    assert len(matched.posted) == 5


@pytest.mark.parametrize("endpoint", ["", "ftp://x", "http://[", "http://\ufffd", "file:///etc"])
def test_send_due__endpoint_is_nonsense__is_given_up_without_harm(town, endpoint):
    town.register_peer(endpoint=endpoint)
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.index()

    for _ in range(100):
        town.matcher.messenger.send_due()
        town.wall += 1

    assert all(url.startswith("http://") for url, _ in town.posted)


def test_loops__not_the_elected_process__sends_nothing(matched):
    matched.index()
    matched.matcher.leader.release()
    [notices] = [loop for loop in matched.matcher.loops if loop.name == "notices"]

    notices.take_turn()
    assert notices.problem == ""
    assert matched.posted == []

    matched.matcher.leader.acquire()
    notices.take_turn()
    assert len(matched.posted) == 1
