"""Papers are fetched from peers that need not be honest: what they send is bounded."""

import json

import httpx
import pytest

from meter.papers.fetch import ANSWER_SECONDS, PaperFetcher
from tests.meter.shown_papers import Chain, ShownEpoch
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES, pack_receipt, pack_summary
from wasmarket.kernel.errors import Unreachable

pytestmark = pytest.mark.unit

URL, PEER, DEAL, HELD, EPOCH = "http://peer", 3, 7, 9, 5


class Peer:
    """Answers as it is told; `pages` of receipts that were asked for."""

    def __init__(self, shown, *, packed=None):
        self.shown = shown
        self.packed = packed
        self.pages = 0

    def __call__(self, request):
        if request.url.path.endswith("/packed"):
            self.pages += 1
            after = int(request.url.params["after"])
            whole = b"".join(pack_receipt(r) for r in self.shown.receipts if r.sequence > after)
            return httpx.Response(200, content=whole if self.packed is None else self.packed())
        part = {
            "packed": pack_summary(self.shown.summaries[0]).hex(),
            "index": 0,
            "size": 1,
            "proof": [],
        }
        return httpx.Response(200, content=json.dumps({"summaries": [part]}))


@pytest.fixture
def shown():
    made = Chain(PEER, DEAL, HELD)
    receipts = made.run(EPOCH)
    return ShownEpoch([made.sum_up(EPOCH, receipts)], receipts)


def fetch(peer, root, read_clock=lambda: 0.0):
    with httpx.Client(transport=httpx.MockTransport(peer)) as client:
        return PaperFetcher(client, read_clock).fetch(URL, DEAL, HELD, EPOCH, root)


def test_fetch__summary_that_leads_to_the_root__brings_its_receipts(shown):
    papers = fetch(Peer(shown), shown.root)

    assert papers.receipts == tuple(pack_receipt(receipt) for receipt in shown.receipts)


def test_fetch__summary_of_another_root__asks_for_no_receipts(shown):
    peer = Peer(shown)

    papers = fetch(peer, b"r" * 32)

    assert (len(papers.summaries), papers.receipts, peer.pages) == (1, (), 0)


def test_fetch__receipts_that_drip__is_given_up(shown):
    now = [0.0]

    def drip():
        while True:
            now[0] += ANSWER_SECONDS / 4
            yield b"x"

    with pytest.raises(Unreachable, match="too slow"):
        fetch(Peer(shown, packed=drip), shown.root, lambda: now[0])
    assert now[0] <= 2 * ANSWER_SECONDS


def test_fetch__answer_without_an_end__is_given_up(shown):
    def flood():
        while True:
            yield b"x" * (RECEIPT_BYTES << 10)

    with pytest.raises(Unreachable, match="more than"):
        fetch(Peer(shown, packed=flood), shown.root)
