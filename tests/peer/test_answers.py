"""Answers to asks: what proves a receipt, or that there is none, from a folder or a copy of it."""

import shutil

import pytest

from peer.chain_state.view import OpenAsk
from peer.duties.answers import Answers, EvidencePlace
from peer.duties.commitments import Commitments
from peer.folder import PeerFolder
from tests.peer.receipt_logs import SECONDS, open_log
from tests.peer.test_peer_state import chain_view
from tests.peer.test_receipt_chain import call
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.audits.evidence import NO_RECEIPT
from wasmarket.kernel.errors import NotFound

pytestmark = pytest.mark.unit

RECEIPTS = 5


@pytest.fixture
def folder(tmp_path):
    return PeerFolder(tmp_path / "peer")


@pytest.fixture
def closed(folder):
    """Epoch 1 with five receipts, closed; the process has ended."""
    log = open_log(folder)
    chain = log.open(9, 7)
    chain.append_all([call(time=SECONDS + n) for n in range(RECEIPTS)])
    commitment = Commitments(folder.commitments, log, SECONDS).prepare(chain_view(), 1)
    Commitments(folder.commitments, log, SECONDS).prepare(chain_view(epoch=3), 2)
    log.close()
    return commitment


def ask(sequence, epoch=1, assignment=9):
    return OpenAsk(1, assignment, epoch, sequence, 0)


@pytest.mark.parametrize("sequence", range(RECEIPTS))
def test_answer__receipt_that_is_there__leads_to_the_root(folder, closed, sequence):
    summed, called = Answers([EvidencePlace(folder.path)]).find(ask(sequence))

    assert summed.leads_to(raw(closed.root))
    assert called.leads_to(summed.summary)
    assert called.receipt.sequence == sequence


@pytest.mark.parametrize(("epoch", "sequence"), [(1, RECEIPTS), (1, 2**64 - 1), (2, 0), (2, 5)])
def test_answer__receipt_that_is_not_there__is_shown_by_the_summary(
    folder, closed, epoch, sequence
):
    summed, called = Answers([EvidencePlace(folder.path)]).find(ask(sequence, epoch))

    assert called == NO_RECEIPT
    assert summed.summary.epoch == epoch


@pytest.mark.parametrize("damage", ["receipts", "commitments"])
def test_answer__own_disk_lost__comes_from_the_copy(folder, closed, tmp_path, damage):
    shutil.copytree(folder.path, tmp_path / "copy")
    shutil.rmtree(folder.path / damage)
    answers = Answers([EvidencePlace(folder.path), EvidencePlace(tmp_path / "copy")])

    summed, called = answers.find(ask(2))

    assert summed.leads_to(raw(closed.root))
    assert called.receipt.sequence == 2


def test_answer__restored_meanwhile__is_found(folder, closed, tmp_path):
    shutil.copytree(folder.path, tmp_path / "copy")
    receipts = folder.receipts_of(9)
    shutil.rmtree(receipts)
    answers = Answers([EvidencePlace(folder.path)])
    with pytest.raises(NotFound, match="not here whole"):
        answers.find(ask(2))

    shutil.copytree(tmp_path / "copy" / "receipts" / "9", receipts)

    assert answers.find(ask(2))[1].receipt.sequence == 2


@pytest.mark.parametrize("asked", [ask(0, epoch=3), ask(0, assignment=8)])
def test_answer__epoch_or_assignment_without_a_summary__is_not_found(folder, closed, asked):
    with pytest.raises(NotFound):
        Answers([EvidencePlace(folder.path)]).find(asked)
