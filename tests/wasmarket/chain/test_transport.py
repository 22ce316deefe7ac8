"""Transport: retries, batches, and errors that say what to do and tell no secrets."""

import json

import httpx
import pytest

from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.rpc import Fees, Rpc
from wasmarket.chain.reading.transport import BATCH
from wasmarket.kernel.errors import ConfigError, TimedOut, TooLarge, Unreachable

pytestmark = pytest.mark.unit

URL = "http://127.0.0.1:1/v1/secret-key?token=abc"


class Node:
    """Answers with the given responses, the last again and again; keeps what it was asked."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.asked = []

    def __call__(self, request):
        self.asked.append(json.loads(request.content))
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return response(self.asked[-1]) if callable(response) else response


def answering(answer):
    """Answer each request alone or in a batch, there in reverse order, with parts of an answer."""

    def respond(body):
        if isinstance(body, dict):
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], **answer(body)})
        answers = [{"jsonrpc": "2.0", "id": entry["id"], **answer(entry)} for entry in body]
        return httpx.Response(200, json=answers[::-1])

    return respond


def first_parameter(entry):
    return {"result": entry["params"][0] if entry["params"] else "0x2a"}


echo = answering(first_parameter)


def reads(count):
    return [("eth_getCode", [number]) for number in range(count)]


def refusal(code, message, data=None):
    error = {"code": code, "message": message, "data": data}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "error": error})


def connect(node, pauses=None):
    sleep = (pauses if pauses is not None else []).append
    return Rpc(URL, transport=httpx.MockTransport(node), sleep=sleep)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(429),
        httpx.Response(503),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        refusal(-32005, "rate limit reached"),
        refusal(429, "slow down"),
        refusal(-32005, "limit exceeded"),
        refusal(-32005, "daily request count exceeded, request rate limited"),
        refusal(-32007, "50/second request limit reached - reduce calls per second"),
        refusal(-32000, "Your app has exceeded its compute units per second capacity"),
        refusal(-32000, "Too many connections"),
        refusal(-32090, "Too many requests, reason: call rate limit exhausted"),
        refusal(-32603, "project ID request rate exceeded", {"rate": {"backoff_seconds": 0.01}}),
        httpx.Response(200, json={"id": 0, "error": "rate limit reached"}),
    ],
    ids=str,
)
def test_request__passing_trouble__is_retried_with_growing_pauses(trouble):
    pauses = []

    answer = connect(Node(trouble, trouble, echo), pauses).request("eth_chainId")

    assert answer == "0x2a"
    assert pauses == [0.1, 0.2]


def test_request__retry_after__is_honoured():
    pauses = []

    connect(Node(httpx.Response(429, headers={"retry-after": "2"}), echo), pauses).request(
        "eth_chainId"
    )

    assert pauses == [2.0]


def test_request__nothing_listens__says_where_and_what_to_do():
    node = Node(httpx.ConnectError("refused"))

    with pytest.raises(Unreachable) as caught:
        connect(node).request("eth_chainId")

    assert "http://127.0.0.1:1" in str(caught.value)
    assert "RPC URL" in caught.value.remedy
    assert len(node.asked) == 4


@pytest.mark.parametrize(
    "response",
    [
        httpx.ConnectError("x"),
        httpx.Response(502),
        httpx.Response(200, text="<html>"),
        httpx.ReadTimeout("x"),
    ],
    ids=str,
)
def test_request__any_failure__keeps_the_url_key_secret(response):
    with pytest.raises((Unreachable, TimedOut)) as caught:
        connect(Node(response)).request("eth_chainId")

    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_request__read_timeout__is_not_repeated():
    node = Node(httpx.ReadTimeout("slow"))

    with pytest.raises(TimedOut):
        connect(node).request("eth_getLogs")

    assert len(node.asked) == 1


def test_request__too_large__says_so():
    with pytest.raises(TooLarge):
        connect(Node(httpx.Response(413))).request("eth_getLogs")


def test_request__node_refuses__keeps_code_and_data():
    with pytest.raises(RpcError) as caught:
        connect(Node(refusal(-32601, "no such method", {"a": 1}))).request("eth_foo")

    assert (caught.value.code, caught.value.data) == (-32601, {"a": 1})


def test_request__answer_of_another_shape__is_an_rpc_error():
    with pytest.raises(RpcError):
        connect(Node(echo)).request("eth_getLogs", [], list[int])


def test_batch__more_than_one_chunk__keeps_the_order():
    node = Node(echo)

    answers = connect(node).batch(reads(2 * BATCH + 1))

    assert answers == list(range(2 * BATCH + 1))
    assert [len(asked) for asked in node.asked[:2]] == [BATCH, BATCH]
    assert node.asked[2]["params"] == [2 * BATCH]


def test_batch__one_refused__gives_its_error_in_place():
    def answer(entry):
        number = entry["params"][0]
        return {"error": {"code": -32000, "message": "no"}} if number == 1 else {"result": number}

    first, second, third = connect(Node(answering(answer))).batch(reads(3))

    assert (first, third) == (0, 2)
    assert isinstance(second, RpcError)
    assert second.detail == "no"


def test_batch__empty__asks_nothing():
    node = Node(echo)

    assert connect(node).batch([]) == []
    assert node.asked == []


@pytest.mark.parametrize("url", ["", "ws://host", "127.0.0.1:8545", "http://"])
def test_rpc__not_an_http_url__raises_config_error(url):
    with pytest.raises(ConfigError):
        Rpc(url)


@pytest.mark.parametrize(
    ("message", "unknown"),
    [
        ("unknown block", True),
        ("Block not found", True),
        ("header for hash not found", True),
        ("block 0x12 does not exist", True),
        ("Method not found", False),
        ("query timeout", False),
    ],
)
def test_fetch_block_logs__refused__tells_unknown_blocks_from_errors(message, unknown):
    def answer(entry):
        return {"error": {"code": -32000, "message": message}}

    rpc = connect(Node(answering(answer)))

    if unknown:
        assert rpc.fetch_block_logs([], ["0x" + "12" * 32]) == [None]
    else:
        with pytest.raises(RpcError, match=message):
            rpc.fetch_block_logs([], ["0x" + "12" * 32])


def test_fetch_fees__node_without_tip_suggestion__takes_one_gwei():
    def answer(entry):
        if entry["method"] == "eth_maxPriorityFeePerGas":
            return {"error": {"code": -32601, "message": "no such method"}}
        return {"result": {"baseFeePerGas": "0x7"}}

    assert connect(Node(answering(answer))).fetch_fees() == Fees(7, 10**9)
