"""What takes too many calls for a node, on the same bytecode in this process."""

import random

import pytest

from tests.contracts.driver.boa_chain import BoaChain
from tests.contracts.driver.stage import PRICE, ROOT, Stage
from tests.contracts.driver.typed_data import Domain

pytestmark = pytest.mark.unit

START = 2_000_000_000  # the first second of epoch 20,000,000, which is a multiple of 256


@pytest.fixture(scope="module")
def deployed_here():
    stage = Stage(BoaChain(START))
    stage.fund()
    stage.words_every = stage.views_every = 25
    return stage


@pytest.fixture
def here(deployed_here):
    stage = deployed_here.fork()
    snapshot = stage.chain.snapshot()
    stage.chain.travel(START)
    yield stage
    stage.check_conservation()
    stage.chain.restore(snapshot)


@pytest.fixture
def alone(deployed_here):
    """The contracts without the model: too many calls to follow."""
    snapshot = deployed_here.chain.snapshot()
    deployed_here.chain.travel(START)
    yield deployed_here.fork()
    deployed_here.chain.restore(snapshot)


def test_match__after_255_lapses__reverts(alone):
    chain, market, roles = alone.chain, alone.contracts["market"], alone.roles
    peer = alone.register(units=300)
    offer = alone.bid(units=300, deposit=2 * PRICE, valid_until=2**200)
    told = alone._encode_match(offer, offer.developer, [alone.fill(peer)], [])

    def send(role, function, *arguments):
        return chain.send(roles[role], market, function, arguments).reason

    for number in range(1, 256):
        assert send("matcher", "match", *told) is None
        assert send("wallet", "activate", [number]) is None
        chain.travel(chain.now + 2 * alone.parameters.epoch_seconds)
        assert send("developer", "top_up", 1, 2 * PRICE) is None

    assert alone.deal(1)["run"] == 255
    assert send("matcher", "match", *told) == "matching: too many lapses"
    assert send("developer", "stop", 1) is None
    assert send("stranger", "release", list(range(200, 256))) is None
    assert alone.peer(peer)["used"] == 255 - 56


def test_proven__random_history_over_word_edges__is_the_naive_count(here):
    peer, dice, proven = here.register(), random.Random(7), set()
    first = here.epoch
    for _ in range(520):
        here.next_epoch()
        ago = here.epoch - 1 - first
        if ago < 260 or dice.random() < 0.4:
            commitments = [(peer, ROOT)]
            receipt = here.chain.send(
                here.roles["wallet"],
                here.contracts["proofs"],
                "commit",
                (here.epoch - 1, commitments),
            )
            assert receipt.error is None
            proven.add(here.epoch - 1)

    edges = [first + n for n in (-1, 0, 1, 254, 255, 256, 257, 510, 511, 512, 519, 520)]
    for low in edges:
        for high in edges:
            expected = sum(epoch in proven for epoch in range(low, high + 1))
            answer = here.view("proofs", "proven", peer, low, high)
            assert answer == (expected, low <= high and low in proven), (low - first, high - first)
    assert here.view("proofs", "proven", peer, first, first + 255) == (256, True)


def test_proven__longest_range_a_claim_asks_for__is_answered(here):
    for first in (0, 1, 255, 256):
        assert here.view("proofs", "proven", 1, first, first + 1_023) == (0, False)


def test_domain_separator__chain_id_changes__is_rebuilt_and_old_signatures_die(here):
    peer = here.register()
    offer, fill = here.bid(), here.fill(peer)
    signature = here.domain.sign(offer, here.chain.keys[offer.developer])
    market = here.contracts["market"]
    told = here._encode_match(offer, signature, [fill], [])
    patch = here.chain.env.evm.patch
    before = patch.chain_id
    try:
        patch.chain_id = 999
        separator = here.view("market", "domain_separator")
        receipt = here.chain.send(here.roles["matcher"], market, "match", told)
    finally:
        patch.chain_id = before

    assert separator == Domain("Wasmarket", 999, market.address).separator
    assert receipt.reason == "matching: bad signature"
