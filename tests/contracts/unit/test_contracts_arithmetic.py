"""The pure sums of the contracts against loops that have no cleverness: small domains whole."""

import os
from itertools import product

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.driver.boa_chain import BoaChain
from tests.contracts.driver.words import LAYOUTS, unpack

pytestmark = pytest.mark.unit

WINDOW = 1
PEER = 7
FRACTION = 65_536
BIGGEST_RATE = (2**48 - 1) * (2**16 - 1)
WORDS = st.integers(0, 2**256 - 1)
FULL = 2**256 - 1
PROFILE = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "25")) * 5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Sums:
    """The mock over a Proofs contract whose bits are written directly."""

    def __init__(self):
        self.chain = BoaChain(1_000_000)
        self.proofs = self.chain.deploy("Proofs", self.chain.deployer, 10, WINDOW)
        self.billing = self.chain.deploy("MockBilling", self.proofs.address, WINDOW)
        self.packing = self.chain.deploy("MockPacking")

    def ask(self, contract, function, *arguments):
        return self.chain.read([(contract, function, arguments)])[0]

    def set_bits(self, index, word):
        slot = self.proofs.handle["_bits"].to_bytes(32, "big")
        for key in (PEER, index):
            slot = keccak(slot + encode(["uint256"], [key]))
        self.chain.env.set_storage(self.proofs.address, int.from_bytes(slot, "big"), word)


@pytest.fixture(scope="module")
def sums():
    return Sums()


def settle_slowly(balance, rate, settled, end, epoch):
    """Bill one boundary after the other."""
    run, last = 0, 0
    while settled < min(epoch, end):
        if rate and balance < rate:
            run, last, rate = run + 1, settled, 0
        settled, balance = settled + 1, balance - rate
    return balance, rate, settled, run, last


@pytest.mark.parametrize("rate", range(4))
def test_settle__every_small_deal__is_billing_each_boundary(sums, rate):
    for balance, end, epoch in product(range(10), range(1, 6), range(1, 7)):
        deal = (balance, rate, 1, end, 3, 0, False, False)

        told, last = sums.ask(sums.billing, "settle", deal, epoch)

        expected = settle_slowly(balance, rate, 1, end, epoch)
        assert (told[0], told[1], told[2], told[5], last) == expected
        assert told[4] == (0 if last else 3)


def claim_slowly(rate, skipped, first, last, bits):
    """Pay or refund one epoch after the other."""
    paid = refunded = 0
    for epoch in range(first, last + 1):
        put_aside = rate * (FRACTION - skipped) // FRACTION if epoch == first else rate
        if bits >> epoch & 1:
            paid += put_aside
        else:
            refunded += put_aside
    return paid, refunded


@pytest.mark.parametrize("skipped", [0, 1, 32_768, 65_535])
@pytest.mark.parametrize("price", [1, 3, 65_537])
def test_claimable__every_small_range__is_paying_each_epoch(sums, price, skipped):
    bits = 0b0110_1001_1100_1010
    sums.set_bits(0, bits)
    for first, end, epoch in product(range(1, 6), range(8), range(1, 11)):
        record = (1, PEER, 2, price, first, first, 0, skipped, 0, 2)

        last, paid, refunded = sums.ask(sums.billing, "claimable", record, end, epoch)

        final = min(end, epoch - 1 - WINDOW)
        assert last == (final if final >= first else 0)
        assert (paid, refunded) == claim_slowly(2 * price, skipped, first, final, bits)


def test_claimable__longest_and_dearest__does_not_overflow(sums):
    sums.set_bits(0, 0)
    for index in range(1, 6):
        sums.set_bits(index, FULL)
    record = (1, PEER, 2**16 - 1, 2**48 - 1, 256, 256, 0, 65_535, 0, 2)

    last, paid, refunded = sums.ask(sums.billing, "claimable", record, 2**32 - 1, 2**31)

    assert last == 256 + 1_023
    assert paid == 1_023 * BIGGEST_RATE + BIGGEST_RATE // FRACTION
    assert refunded == 0


def test_share__every_65536th__is_rounded_down_and_falls(sums):
    shares = [sums.ask(sums.billing, "share", 1_000, skipped) for skipped in range(0, FRACTION, 64)]

    assert shares == [1_000 * (FRACTION - s) // FRACTION for s in range(0, FRACTION, 64)]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("skipped", [0, 1, 65_535])
def test_put_aside__every_small_range__is_what_no_epoch_was_paid_of(sums, skipped):
    for first, end in product(range(1, 6), range(8)):
        record = (1, PEER, 2, 65_537, 1, first, end, skipped, 0, 3)

        expected = sum(claim_slowly(2 * 65_537, skipped, first, end, 0))

        assert sums.ask(sums.billing, "put_aside", record) == expected


@pytest.mark.parametrize(
    ("price", "work", "due"),
    [
        (1, 10**12 - 1, 0),
        (1, 10**12, 1),
        (3, 333_333_333_334, 1),
        (2**48 - 1, 10**12, 2**48 - 1),
        (2**48 - 1, 2**96 - 1, 2**48 - 1),
        (1, 0, 0),
    ],
)
def test_due__work__is_rounded_for_the_developer_and_capped(sums, price, work, due):
    assert sums.ask(sums.billing, "due", price, work) == due


@given(
    words=st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS), first=st.integers(0, 255), data=st.data()
)
@PROFILE
def test_proven__any_words__is_the_naive_count(sums, words, first, data):
    for index, word in enumerate(words):
        sums.set_bits(index, word)
    history = sum(word << 256 * index for index, word in enumerate(words))
    last = first + data.draw(st.integers(0, 1_023))

    told = sums.ask(sums.proofs, "proven", PEER, first, last)

    within = history >> first & (1 << last - first + 1) - 1
    assert told == (within.bit_count(), bool(within & 1))


@pytest.mark.parametrize("bit", [0, 127, 128, 255])
def test_proven__each_range_around_a_bit__counts_it_within_only(sums, bit):
    sums.set_bits(0, 1 << bit)
    sums.set_bits(1, 0)
    for first, last in product(range(max(0, bit - 3), bit + 4), repeat=2):
        count, is_first = sums.ask(sums.proofs, "proven", PEER, first, last)

        assert (count, is_first) == (int(first <= bit <= last), first == bit <= last)


@given(word=WORDS, record=st.sampled_from(["deal", "assignment", "peer", "account", "counts"]))
@PROFILE
def test_pack__any_record__comes_back_and_fills_its_own_bits(sums, word, record):
    values, rest = [], word
    for name, bits in LAYOUTS[record]:
        value, rest = rest & (1 << bits) - 1, rest >> bits
        as_solid = {
            "provider": lambda v: "0x" + v.to_bytes(20, "big").hex(),
            "stopped": bool,
            "metered": bool,
        }
        values.append(as_solid.get(name, int)(value))

    packed, back = sums.ask(sums.packing, record, tuple(values))

    plain = [int(v, 16) if isinstance(v, str) else int(v) for v in values]
    assert list(unpack(record, packed).values()) == plain
    assert [int(v, 16) if isinstance(v, str) else int(v) for v in back] == plain
