"""Heads that callers hand in: kept only if they can be held against the peer that signed."""

from dataclasses import replace

import pytest

from meter.chain.facts import ChainFacts, KnownAssignment, PeerPlace
from meter.heads import HeadIntake
from meter.journal import Journal
from tests.meter.shown_papers import Chain
from wasmarket.chain.reading.blocks import Block, BlockRef, Log
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.documents.receipts import pack_receipt, receipt_hash
from wasmarket.kernel.errors import Conflict, Forbidden, InvalidInput
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.signing.usage import ReceiptHead, sign_head
from wasmarket.kernel.units import Address, BlockNumber, Timestamp

pytestmark = pytest.mark.unit

WALLET, STRANGER = Account.from_key(b"\x05" * 32), Account.from_key(b"\x06" * 32)
DOMAIN = market_domain(1, Address("0x" + "11" * 20))
PEER, DEAL, HELD, EPOCH = 3, 7, 9, 20


class Intake:
    """An intake in epoch 20, and the peer's receipts by the epoch that it shows them in."""

    def __init__(self, folder, place):
        self.facts = ChainFacts(60)
        self.facts.head = BlockRef(BlockNumber(1), ZERO_HASH, ZERO_HASH, Timestamp(EPOCH * 60 + 30))
        self.facts.peers[PEER] = place
        self.facts.assignments[HELD] = KnownAssignment(HELD, DEAL, PEER, 1, 1, opened=1)
        self.shown = {}
        self.journal = Journal(folder / "journal.jsonl")
        self._heads = HeadIntake(self.journal, DOMAIN, lambda: self.facts, self._fetch)

    def show(self, epoch, receipts):
        self.shown.setdefault(epoch, []).extend(receipts)

    def take(self, receipt, signer=WALLET):
        digest = receipt_hash(pack_receipt(receipt))
        head = ReceiptHead(HELD, receipt.sequence, digest)
        return self._heads.take_signed([SignedHead(head, sign_head(DOMAIN, head, signer.key))])

    def _fetch(self, endpoint, deal, assignment, epoch, sequence):
        after = [r for r in self.shown.get(epoch, []) if r.sequence >= sequence]
        return pack_receipt(after[0]) if after else None


@pytest.fixture
def intake(tmp_path):
    made = Intake(tmp_path, PeerPlace("http://peer", WALLET.address))
    yield made
    made.journal.close()


def test_take__receipt_of_the_epoch_begun__is_kept_once(intake):
    receipts = Chain(PEER, DEAL, HELD).run(EPOCH)
    intake.show(EPOCH, receipts)

    assert intake.take(receipts[1]) == 1
    assert intake.take(receipts[1]) == 0


def test_take__epoch_went_on_meanwhile__is_found_in_the_one_before(intake):
    chain = Chain(PEER, DEAL, HELD)
    before = chain.run(EPOCH - 1)
    intake.show(EPOCH - 1, before)
    intake.show(EPOCH, chain.run(EPOCH))

    assert intake.take(before[1]) == 1


@pytest.mark.parametrize("epoch", [0, EPOCH - 9, EPOCH - 1, EPOCH + 1, EPOCH + 10_000])
def test_take__receipt_says_another_time__is_refused_since_it_binds_nobody(intake, epoch):
    [receipt, *_] = Chain(PEER, DEAL, HELD).run(EPOCH)
    receipt = replace(receipt, time=epoch * 60)
    intake.show(EPOCH, [receipt])

    with pytest.raises(Conflict, match=f"receipt of epoch {epoch}"):
        intake.take(receipt)
    assert intake.journal.book(HELD).heads == []


@pytest.mark.parametrize("changed", [{"deal": 8}, {"assignment": 10}])
def test_take__receipt_of_another_deal_or_assignment__is_refused(intake, changed):
    [receipt, *_] = Chain(PEER, DEAL, HELD).run(EPOCH)
    receipt = replace(receipt, **changed)
    intake.show(EPOCH, [receipt])

    with pytest.raises(Conflict, match="another deal"):
        intake.take(receipt)


def test_take__receipt_is_shown_nowhere__is_refused(intake):
    receipts = Chain(PEER, DEAL, HELD).run(EPOCH)
    intake.show(EPOCH, receipts[1:])

    with pytest.raises(InvalidInput, match="shows no receipt 0"):
        intake.take(receipts[0])


def test_take__signed_by_a_stranger__is_refused(intake):
    receipts = Chain(PEER, DEAL, HELD).run(EPOCH)
    intake.show(EPOCH, receipts)

    with pytest.raises(Forbidden, match="no wallet of peer 3"):
        intake.take(receipts[0], STRANGER)


@pytest.mark.parametrize(("epoch", "is_taken"), [(EPOCH, True), (EPOCH - 1, False)])
def test_take__signed_by_the_wallet_before__counts_to_its_last_epoch(intake, epoch, is_taken):
    facts, now = intake.facts, intake.facts.head
    changed = BlockRef(now.number, ZERO_HASH, ZERO_HASH, Timestamp(epoch * 60))
    event = events.PeerWallet(PEER, STRANGER.address)
    log = Log(event, STRANGER.address, now.number, ZERO_HASH, ZERO_HASH, 0, changed.timestamp)
    facts.apply(Block(changed, (log,)))
    facts.head = now
    receipts = Chain(PEER, DEAL, HELD).run(EPOCH)
    intake.show(EPOCH, receipts)

    if is_taken:
        assert intake.take(receipts[0]) == 1
    else:
        with pytest.raises(Forbidden):
            intake.take(receipts[0])
