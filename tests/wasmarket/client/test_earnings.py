"""What a provider has earned is found by what it is asked about, however large the market is."""

from types import SimpleNamespace

import httpx
import pytest

from wasmarket.chain.contracts.packed_words import AssignmentCode
from wasmarket.chain.contracts.views import OnchainAssignment, OnchainPeer
from wasmarket.client.earnings import BATCH, Due, Earnings
from wasmarket.client.market.provider import Provider
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address

pytestmark = pytest.mark.unit

MINE, OTHER = to_address(b"m" * 20), to_address(b"o" * 20)
MATCHER = "http://matcher.example"


class LargeMarket:
    """A chain with many assignments and a matcher that knows whose they are; all reads counted.

    Peer 1 is the provider's, peer 2 another's.
    """

    def __init__(self, size, mine):
        self.size, self.mine = size, set(mine)
        self.asked, self.read, self.peers_read, self.claimed = [], [], [], []
        self.listed = sorted(mine)
        self.is_up = True
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        lens = SimpleNamespace(read=self._read, assignments=self._assignments, peers=self._peers)
        settings = SimpleNamespace(matcher=MATCHER)
        self.wiring = SimpleNamespace(
            lens=lens,
            http=http,
            client=settings,
            account=lambda key: SimpleNamespace(address=MINE),
            market=SimpleNamespace(call=lambda *call: call),
            sender=lambda account: SimpleNamespace(send=self._send),
        )

    def _send(self, call):
        self.claimed.append(call)
        return SimpleNamespace(find=lambda kind: [])

    def _answer(self, request):
        self.asked.append(str(request.url))
        if not self.is_up:
            return httpx.Response(503)
        items = [{"id": number, "state": "active"} for number in self.listed]
        return httpx.Response(200, json={"items": items, "next": None})

    def _read(self, name):
        assert name == "assignment_count"
        return self.size

    def _assignments(self, ids):
        assert len(ids) <= BATCH
        self.read.append(list(ids))
        return [self._view(1 if number in self.mine else 2) for number in ids]

    def _view(self, peer):
        state = AssignmentCode.ACTIVE
        return OnchainAssignment(1, peer, 1, 5, 1, 1, state, True, 9, paid=7, refund=0)

    def _peers(self, ids):
        self.peers_read.append(list(ids))
        owners = {1: MINE, 2: OTHER}
        return [OnchainPeer(owners[n], 1, 1, 64, 1, ZERO_ADDRESS, 0) for n in ids]


def test_claim__without_ids_in_a_market_of_a_million__costs_two_reads_and_one_call():
    market = LargeMarket(1_000_000, mine=(3, 70, 999_999))

    total = Provider(market.wiring).claim()

    assert total.assignments == (3, 70, 999_999)
    assert market.claimed == [("claim", [3, 70, 999_999])]
    assert (len(market.asked), len(market.read), market.peers_read) == (1, 1, [[1]])


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_find_due__matcher_answers__reads_only_the_providers_assignments(size):
    market = LargeMarket(size, mine=(3, 70, 99))

    due = list(Earnings(market.wiring, MINE).find_due())

    assert due == [Due(number, 1, 1, 7, 0) for number in (3, 70, 99)]
    assert market.read == [[3, 70, 99]]
    assert len(market.asked) == 1


def test_find_due__matcher_names_anothers_too__the_chain_says_whose_they_are():
    market = LargeMarket(100, mine=(3,))
    market.listed = [3, 4]

    due = list(Earnings(market.wiring, MINE).find_due())

    assert [entry.assignment for entry in due] == [3]


def test_find_due__no_matcher__reads_all_once_and_then_what_is_new_or_the_providers():
    market = LargeMarket(150, mine=(3, 70, 99))
    market.is_up = False
    earnings = Earnings(market.wiring, MINE)

    first = list(earnings.find_due())
    before = len(market.read)
    market.size = 152
    second = list(earnings.find_due())

    assert first == second
    assert [number for ids in market.read[:before] for number in ids] == list(range(1, 151))
    assert market.read[before:] == [[3, 70, 99, 151, 152]]
