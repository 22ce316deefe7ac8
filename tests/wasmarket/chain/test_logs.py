"""LogReader: finds the span that the node can answer, and loses no log."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.logs import LogReader, is_too_much
from wasmarket.kernel.errors import TimedOut, TooLarge
from wasmarket.kernel.events import PeerUnits
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

DEPLOYMENT = fake_deployment()
ADDRESSES = Decoder(DEPLOYMENT).addresses


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    limit=st.integers(4, 30),
    span=st.integers(1, 64),
)
def test_scan__any_limit__gives_every_log_once_in_order(counts, limit, span):
    chain = FakeChain(DEPLOYMENT, max_logs=limit)
    for count in counts:
        chain.mine(*[PeerUnits(1, 1)] * count)

    stretches = list(LogReader(chain, ADDRESSES, span).scan(2, chain.head.number))

    chain.max_logs = None
    assert [log for s in stretches for log in s.logs] == chain.fetch_logs(
        ADDRESSES, 2, chain.head.number
    )
    assert stretches[0].first == 2
    assert stretches[-1].last == chain.head.number
    assert all(a.last + 1 == b.first for a, b in pairwise(stretches))


def test_scan__one_block_too_many__raises_the_nodes_error():
    chain = FakeChain(DEPLOYMENT, max_logs=3)
    chain.mine(*[PeerUnits(1, 1)] * 4)

    with pytest.raises(RpcError, match="more than 3"):
        list(LogReader(chain, ADDRESSES).scan(1, chain.head.number))


def test_scan__small_answers__grow_the_span_again():
    chain = FakeChain(DEPLOYMENT)
    chain.mine_many(100)
    reader = LogReader(chain, ADDRESSES, span=1)

    spans = [s.last - s.first + 1 for s in reader.scan(1, 100)]

    assert spans == [1, 2, 4, 8, 16, 32, 37]


def test_scan__time_runs_out__halves_the_span():
    chain = FakeChain(DEPLOYMENT)
    chain.mine_many(10)
    answer = chain.fetch_logs

    def slow(addresses, first, last):
        if last - first > 3:
            raise TimedOut("slow")
        return answer(addresses, first, last)

    chain.fetch_logs = slow
    stretches = list(LogReader(chain, ADDRESSES).scan(1, 11))

    assert stretches[-1].last == 11
    assert max(s.last - s.first for s in stretches) <= 3


@pytest.mark.parametrize(
    ("message", "smaller_helps"),
    [
        ("query returned more than 10000 results", True),
        ("Log response size exceeded", True),
        ("block range is too wide", True),
        ("query timeout", True),
        ("eth_getLogs is limited to a 1024 block range", True),
        ("BlockOutOfRangeError: block height is 0 but requested was 5", False),
        ("method not found", False),
        ("invalid params", False),
    ],
)
def test_is_too_much__messages_of_nodes__are_told_apart(message, smaller_helps):
    assert is_too_much(RpcError(message, code=-32000)) is smaller_helps


def test_is_too_much__no_rpc_error__means_yes():
    assert is_too_much(TimedOut("slow"))
    assert is_too_much(TooLarge("413"))
