"""Copies of receipts: never ahead of the peer, and enough to go on or to answer from."""

import shutil

import pytest

from peer.chain_state.view import OpenAsk
from peer.copies.folders import ReceiptCopies, restore_receipts
from peer.duties.answers import Answers, EvidencePlace
from peer.duties.commitments import Commitments
from peer.folder import PeerFolder
from tests.peer.receipt_logs import SECONDS, open_log
from tests.peer.test_peer_state import chain_view
from tests.peer.test_receipt_chain import call

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path):
    return PeerFolder(tmp_path / "peer")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "copy"


def test_copy__of_what_grew__is_the_same_again(folder, place):
    log = open_log(folder)
    keeper = ReceiptCopies(folder, [place], log.flush)
    for _ in range(3):
        log.append(log.open(9, 7), call(time=SECONDS))
        keeper.step()

    name = folder.receipts_of(9) / "0000000001.receipts"
    assert (place / "receipts" / "9" / name.name).read_bytes() == name.read_bytes()
    assert (place / "receipts" / "9" / "deal").read_text() == "7"
    log.close()


def test_copy__peer_lost_its_disk__answers_and_goes_on_from_it(folder, place):
    log = open_log(folder, copies=[place])
    log.append(log.open(9, 7), call(time=SECONDS))
    Commitments(folder.commitments, log, SECONDS).prepare(chain_view(), 1)
    log.sign(log.get(9), log.append(log.get(9), call(time=2 * SECONDS)))
    ReceiptCopies(folder, [place], log.flush).step()
    head = log.get(9).head
    log.close()
    shutil.rmtree(folder.path)

    assert Answers([EvidencePlace(place)]).find(OpenAsk(1, 9, 1, 0, 0))[1].receipt.sequence == 0
    again = PeerFolder(folder.path)
    assert restore_receipts(again, [place]) == 4
    log = open_log(again, floor=2, copies=[place])
    assert (log.get(9).head, log.problems()) == (head, [])
    log.close()


def test_restore__what_is_here_and_no_beginning_of_the_copy__stays(folder, place):
    log = open_log(folder)
    log.open(9, 7).append_all([call(time=SECONDS)] * 3)
    ReceiptCopies(folder, [place], log.flush).step()
    log.close()
    path = folder.receipts_of(9) / "0000000001.receipts"
    path.write_bytes(path.read_bytes()[:400] + b"other")
    before = path.read_bytes()

    assert restore_receipts(folder, [place]) == 0
    assert path.read_bytes() == before


def test_restore__older_backup__gets_the_rest(folder, place):
    log = open_log(folder)
    chain = log.open(9, 7)
    chain.append_all([call(time=SECONDS)] * 3)
    ReceiptCopies(folder, [place], log.flush).step()
    head = chain.head
    log.close()
    path = folder.receipts_of(9) / "0000000001.receipts"
    path.write_bytes(path.read_bytes()[: 416 * 2])

    assert restore_receipts(folder, [place]) == 1
    log = open_log(folder)
    assert log.get(9).head == head
    log.close()


def test_prune__old_epochs__go_from_the_copy_too(folder, place):
    log = open_log(folder)
    for epoch in range(3):
        log.append(log.open(9, 7), call(time=epoch * SECONDS))
    keeper = ReceiptCopies(folder, [place], log.flush)
    keeper.step()

    keeper.prune(2)

    assert [p.name for p in sorted((place / "receipts" / "9").glob("*.receipts"))] == [
        "0000000002.receipts"
    ]
    log.close()
