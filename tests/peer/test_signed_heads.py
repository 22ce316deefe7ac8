"""What a peer signs by its wallet: never more than is on the disk, never two of one number."""

import pytest

from peer.folder import PeerFolder
from peer.receipts.epoch_files import ChainHead
from peer.receipts.heads import ReceiptsBehind
from peer.receipts.high_water import HIGH_WATER_FILE, MARK_BYTES, HighWater
from tests.peer.receipt_logs import DOMAIN, WALLET, open_log
from tests.peer.test_receipt_chain import call
from wasmarket.kernel.errors import Conflict, InvalidInput
from wasmarket.kernel.signing.heads import dump_head, parse_head
from wasmarket.kernel.signing.usage import signer_of_head

pytestmark = pytest.mark.unit


def sign_one(folder, copies=()):
    """Append a receipt, sign it, and end the process."""
    log = open_log(folder, copies=copies)
    chain = log.open(9, 7)
    signed = log.sign(chain, log.append(chain, call(time=60)))
    log.close()
    return signed


def remove_receipts(folder):
    for path in folder.receipts_of(9).glob("*.receipts"):
        path.unlink()


def test_head__signed__is_the_wallets_and_survives_its_header(tmp_path):
    signed = sign_one(PeerFolder(tmp_path))

    read = parse_head(dump_head(signed))

    assert read == signed
    assert signer_of_head(DOMAIN, read.head, read.signature) == WALLET.address


@pytest.mark.parametrize(
    "text", ["", "1:2:3", "1:2:" + "ab" * 31 + ":0x", "a:2:" + "ab" * 32 + ":"]
)
def test_head__of_another_form__is_refused(text):
    with pytest.raises(InvalidInput):
        parse_head(text)


def test_head__signed_again_after_a_restart__is_the_same(tmp_path):
    folder = PeerFolder(tmp_path)
    first = sign_one(folder)

    log = open_log(folder)
    again = log.sign(log.get(9), ChainHead(first.head.sequence, first.head.receipt))
    log.close()

    assert again == first


@pytest.mark.parametrize("place", ["own", "copy"])
def test_chain__without_the_receipt_that_was_signed__does_not_go_on(tmp_path, place):
    folder, copy = PeerFolder(tmp_path / "peer"), tmp_path / "copy"
    sign_one(folder, [copy])
    remove_receipts(folder)
    # An older backup has an older mark too; the one at the other place still counts.
    ((copy if place == "own" else folder.path) / HIGH_WATER_FILE).unlink()

    log = open_log(folder, copies=[copy])
    chain = log.open(9, 7)

    with pytest.raises(Conflict, match="older backup"):
        log.append(chain, call(time=60))
    with pytest.raises(ReceiptsBehind):
        log.sign(chain, ChainHead(0, b"h" * 32))
    assert len(log.problems()) == 1
    log.close()


def test_chain__whose_signed_receipt_is_another__does_not_go_on(tmp_path):
    folder = PeerFolder(tmp_path)
    sign_one(folder)
    remove_receipts(folder)
    (folder.path / HIGH_WATER_FILE).rename(tmp_path / "kept")
    log = open_log(folder)
    log.append(log.get(9), call(time=60, fuel=1))
    log.close()
    (tmp_path / "kept").rename(folder.path / HIGH_WATER_FILE)

    log = open_log(folder)

    assert log.problems()
    log.close()


def test_chain__whose_signed_receipts_were_pruned__goes_on(tmp_path):
    folder = PeerFolder(tmp_path)
    sign_one(folder)
    log = open_log(folder)
    log.append(log.get(9), call(time=600))
    log.prune(5, live=[9])
    log.close()

    log = open_log(folder, floor=11)

    assert log.problems() == []
    log.close()


def test_sign__while_something_forbids_it__gives_nothing(tmp_path):
    log = open_log(PeerFolder(tmp_path))
    chain = log.open(9, 7)
    head = log.append(chain, call(time=60))
    log.signer.find_obstacle = lambda assignment: f"not {assignment}"

    with pytest.raises(ReceiptsBehind, match="not 9"):
        log.sign(chain, head)
    log.close()


def test_marks__second_process_with_the_same_copies__is_refused(tmp_path):
    first = HighWater([tmp_path / "a", tmp_path / "shared"])

    with pytest.raises(Conflict, match="another process"):
        HighWater([tmp_path / "b", tmp_path / "shared"])

    first.close()
    HighWater([tmp_path / "b", tmp_path / "shared"]).close()


@pytest.mark.parametrize("cut", [1, MARK_BYTES - 1])
def test_marks__torn_at_the_end__keep_what_is_whole(tmp_path, cut):
    marks = HighWater([tmp_path])
    for sequence in range(3):
        marks.raise_to(9, ChainHead(sequence, bytes([sequence]) * 32))
    marks.close()
    path = tmp_path / HIGH_WATER_FILE
    path.write_bytes(path.read_bytes()[:-cut])

    marks = HighWater([tmp_path])

    assert marks.find(9) == ChainHead(1, bytes([1]) * 32)
    marks.close()
