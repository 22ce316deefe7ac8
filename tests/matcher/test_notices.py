"""Notices: hints to peers, tried again, given up, harmful to nobody."""

import json
import threading

import pytest

from wasmarket.kernel.errors import Unreachable

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


def test_run__store_away_for_a_moment__goes_on(matched):
    matched.index()
    messenger, stop, calls = matched.matcher.messenger, threading.Event(), []
    send = messenger.send_due

    def flaky():
        calls.append(1)
        if len(calls) == 1:
            raise Unreachable("the store does not answer")
        stop.set()
        return send()

    messenger.send_due = flaky
    messenger.run(stop, 0.001, lambda: True)

    assert len(matched.posted) == 1


def test_run__not_the_elected_process__sends_nothing(matched):
    matched.index()
    stop, asked = threading.Event(), []

    def may_send():
        asked.append(1)
        if len(asked) == 3:
            stop.set()
        return False

    matched.matcher.messenger.run(stop, 0.001, may_send)

    assert matched.posted == []
