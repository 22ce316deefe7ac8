"""LogReader: finds the span that the node can answer, and loses no log."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ContradictoryAnswer, RpcError
from wasmarket.chain.reading.logs import LogReader
from wasmarket.kernel.errors import TimedOut, TooLarge, Unreachable
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
    answer = chain.fetch_range

    def slow(addresses, first, last):
        if last - first > 3:
            raise TimedOut("slow")
        return answer(addresses, first, last)

    chain.fetch_range = slow
    stretches = list(LogReader(chain, ADDRESSES).scan(1, 11))

    assert stretches[-1].last == 11
    assert max(s.last - s.first for s in stretches) <= 3


@pytest.mark.parametrize(
    "refusal",
    [
        RpcError("please narrow your filter", code=-32602),
        RpcError("zu viele Ergebnisse", code=-32005),
        RpcError("", code=-32000),
        TimedOut("slow"),
        TooLarge("413"),
        Unreachable("HTTP 504"),
    ],
    ids=str,
)
def test_scan__a_range_is_refused_in_any_words__is_read_in_smaller_ones(refusal):
    chain = RefusingChain(refusal, longest=3)
    for unit in range(20):
        chain.mine(PeerUnits(1, unit))

    stretches = list(LogReader(chain, ADDRESSES).scan(2, chain.head.number))

    assert sum(len(stretch.logs) for stretch in stretches) == 20


def test_scan__even_one_block_is_refused__raises_it_and_later_asks_for_as_many_as_before():
    chain = RefusingChain(RpcError("method not found", code=-32601), longest=0)
    chain.mine_many(40)
    reader = LogReader(chain, ADDRESSES, span=32)

    with pytest.raises(RpcError, match="method not found"):
        list(reader.scan(1, 40))

    assert reader.span == 32


class RefusingChain(FakeChain):
    """Refuses ranges of more blocks than `longest`."""

    def __init__(self, refusal, longest):
        super().__init__(DEPLOYMENT)
        self.refusal, self.longest = refusal, longest

    def fetch_range(self, addresses, first, last):
        if last - first + 1 > self.longest:
            raise self.refusal
        return super().fetch_range(addresses, first, last)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda logs: [*logs, logs[0]], "given twice"),
        (lambda logs: [structs.replace(logs[0], removed=True), *logs[1:]], "removed"),
        (lambda logs: [structs.replace(logs[0], block_number="0x999"), *logs[1:]], "not in blocks"),
        (lambda logs: [structs.replace(logs[0], log_index="one"), *logs[1:]], "not in hex"),
    ],
)
def test_scan__logs_that_cannot_be__are_refused_by_name(change, words):
    chain = FakeChain(DEPLOYMENT)
    chain.mine(PeerUnits(1, 1), PeerUnits(1, 2))
    answer = chain.fetch_logs
    chain.fetch_logs = lambda *query: change(answer(*query))

    with pytest.raises(ContradictoryAnswer, match=words):
        list(LogReader(chain, ADDRESSES).scan(1, chain.head.number))


def test_scan__node_gives_logs_of_blocks_that_it_does_not_know__is_behind():
    chain = FakeChain(DEPLOYMENT)
    chain.mine_many(3)

    with pytest.raises(RpcError, match="behind"):
        list(LogReader(chain, ADDRESSES).scan(1, chain.head.number + 2))
