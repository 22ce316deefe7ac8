"""Vouchers are brought to peers whose answers may be anything."""

import httpx
import pytest

from meter.chain.facts import ChainFacts, KnownAssignment, PeerPlace
from meter.journal import Journal
from meter.vouchers import VoucherClerk
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Address

pytestmark = pytest.mark.unit

METER = Account.from_key(b"\x05" * 32)
HELD = KnownAssignment(9, 7, 3, 1, 1, opened=1)


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.jsonl")
    made.book(HELD.id).work = 10
    yield made
    made.close()


def settle(journal, answer):
    facts = ChainFacts(60)
    facts.peers[HELD.peer] = PeerPlace("http://peer", METER.address)
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        domain = market_domain(1, Address("0x" + "11" * 20))
        clerk = VoucherClerk(journal, domain, METER, client)
        clerk.settle(facts, HELD)
    return clerk.silent


def test_voucher__answer_that_has_no_end__is_delivered_without_reading_it(journal):
    def endless():
        raise AssertionError("read")
        yield b""

    assert settle(journal, lambda _: httpx.Response(200, content=endless())) == {}
    assert journal.book(HELD.id).delivered == 10


def test_voucher__refused__is_kept_and_told(journal):
    told = settle(journal, lambda _: httpx.Response(503))

    assert "503" in told[HELD.id]
    assert (journal.book(HELD.id).signed, journal.book(HELD.id).delivered) == (10, 0)
