"""Batches and repetition: nodes that take few requests at once, and what must go out only once."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasmarket.chain.test_transport import Node, connect, echo, first_parameter, reads
from wasmarket.kernel.errors import MarketError, TimedOut, Unreachable

pytestmark = pytest.mark.unit

SLOW_DOWN = {"code": -32005, "message": "rate limit reached"}


class Frugal:
    """A node that takes at most `most` requests at once and refuses more in its own way."""

    def __init__(self, most, refuse):
        self.most, self.refuse = most, refuse
        self.taken, self.refused = [], 0

    def __call__(self, request):
        body = json.loads(request.content)
        if isinstance(body, list) and len(body) > self.most:
            self.refused += 1
            return self.refuse(body, self.most)
        self.taken.append(len(body) if isinstance(body, list) else 1)
        return echo(body)


def one_error(body, most):
    error = {"code": -32600, "message": "batch limit"}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "error": error})


def one_result(body, most):
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "result": "0x1"})


def listed_error(body, most):
    error = {"code": -32600, "message": "batch too large"}
    return httpx.Response(200, json=[{"id": body[0]["id"], "error": error}])


def error_for_each(body, most):
    error = {"code": -32600, "message": "batch of more than 3"}
    return httpx.Response(200, json=[{"id": entry["id"], "error": error} for entry in body])


def the_first_few(body, most):
    return echo(body[:most]) if most > 0 else httpx.Response(200, json=[])


def the_first_few_and_errors(body, most):
    error = {"code": -32003, "message": "response too large"}
    answers = [
        {"id": entry["id"], **(first_parameter(entry) if place < most else {"error": error})}
        for place, entry in enumerate(body)
    ]
    return httpx.Response(200, json=answers)


def status(code):
    def refuse(body, most):
        return httpx.Response(code, text="no batches here")

    return refuse


REFUSALS = [
    *(one_error, one_result, listed_error, error_for_each, the_first_few, the_first_few_and_errors),
    *(status(code) for code in (400, 404, 405, 413, 415, 422, 500, 501)),
]


@pytest.mark.parametrize("refuse", REFUSALS)
@pytest.mark.parametrize("most", [0, 1, 3, 10])
def test_batch__node_takes_few_at_once__all_are_answered_and_it_is_remembered(refuse, most):
    node = Frugal(most, refuse)
    rpc = connect(node)

    assert rpc.batch(reads(150)) == list(range(150))
    refused = node.refused
    assert rpc.batch(reads(150)) == list(range(150))

    assert node.refused == refused
    assert max(node.taken) <= max(most, 1)


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(0, 20),
    refuse=st.sampled_from(REFUSALS),
    counts=st.lists(st.integers(0, 130), max_size=4),
)
def test_batch__any_limit_of_a_node__gives_every_answer_in_order(most, refuse, counts):
    rpc = connect(Frugal(most, refuse))

    for count in counts:
        assert rpc.batch(reads(count)) == list(range(count))


def test_batch__node_counts_each_request__waits_and_asks_for_fewer():
    left = [5]
    pauses = []

    def answer(body):
        entries = body if isinstance(body, list) else [body]
        taken, left[0] = min(left[0], len(entries)), 5
        answers = [
            {"id": entry["id"], **(first_parameter(entry) if place < taken else refusal())}
            for place, entry in enumerate(entries)
        ]
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def refusal():
        return {"error": SLOW_DOWN}

    assert connect(Node(answer), pauses).batch(reads(40)) == list(range(40))
    assert pauses


def test_batch__node_only_asks_for_fewer_requests__is_unreachable():
    def answer(body):
        if isinstance(body, dict):
            return httpx.Response(200, json={"id": 0, "error": SLOW_DOWN})
        return httpx.Response(200, json=[{"id": e["id"], "error": SLOW_DOWN} for e in body])

    with pytest.raises(Unreachable, match="rate limit reached"):
        connect(Node(answer)).batch(reads(40))


def test_batch__out_of_time__asks_for_fewer_the_next_time():
    node = Node(httpx.ReadTimeout("slow"), echo)
    rpc = connect(node)
    with pytest.raises(TimedOut):
        rpc.batch(reads(100))

    assert rpc.batch(reads(100)) == list(range(100))

    assert [len(asked) for asked in node.asked] == [100, 50, 50]


def test_batch__nothing_listens__is_not_asked_in_ever_smaller_batches():
    node = Node(httpx.ConnectError("refused"))

    with pytest.raises(Unreachable):
        connect(node).batch(reads(100))

    assert len(node.asked) == 4


DOES_SOMETHING = [
    "eth_sendRawTransaction",
    "eth_sendTransaction",
    "anvil_mine",
    "evm_snapshot",
    "evm_increaseTime",
    "eth_getFilterChanges",
    "wallet_whatever",
]


@pytest.mark.parametrize("method", DOES_SOMETHING)
@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(504),
        httpx.Response(429),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"id": 0, "error": SLOW_DOWN}),
        httpx.ReadError("closed"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
    ],
    ids=str,
)
def test_request__does_something__is_sent_once_whatever_comes_back(method, trouble):
    node = Node(trouble)
    with pytest.raises(MarketError):
        connect(node).request(method, ["0x00"])

    assert len(node.asked) == 1


def test_batch__does_something__is_never_sent_twice():
    node = Node(echo, httpx.Response(504))
    with pytest.raises(MarketError):
        connect(node).batch([("eth_sendRawTransaction", ["0x1"])] * 2)

    assert len(node.asked) == 2


@settings(max_examples=200, deadline=None)
@given(body=st.one_of(st.binary(max_size=60), st.integers(1, 3).map(lambda n: b"[" * 10**5 * n)))
def test_request__any_bytes__raise_an_error_of_ours(body):
    with pytest.raises(MarketError):
        connect(Node(lambda _: httpx.Response(200, content=body))).request("eth_chainId", (), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "result", "error", "code", "data", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(document=JSON)
def test_batch__any_document__raises_or_answers_each_request(document):
    text = json.dumps(document)
    rpc = connect(Node(lambda _: httpx.Response(200, text=text)))

    try:
        answers = rpc.batch(reads(5), str)
    except MarketError:
        return
    assert len(answers) == 5
    assert all(isinstance(answer, str | MarketError) for answer in answers)
