"""A reorganisation gives an assignment's number to another deal: papers of the two stay apart."""

import pytest

from peer.copies.folders import ReceiptCopies, restore_receipts
from peer.folder import PeerFolder
from peer.vouchers.book import VoucherBook
from tests.peer.receipt_logs import DOMAIN, open_log
from tests.peer.test_receipt_chain import all_records, assert_whole, call
from tests.peer.test_vouchers import METER, OTHER, voucher
from wasmarket.kernel.documents.receipts import unpack_receipt
from wasmarket.kernel.errors import Conflict

pytestmark = pytest.mark.unit


def deals_of(log):
    return [unpack_receipt(packed).deal for packed in all_records(log.get(9))]


def append(log, deal, count=1, offer=None):
    for _ in range(count):
        log.append(log.open(9, deal, offer), call(time=60))
    log.flush()


def test_receipts__number_given_to_another_deal__begin_anew_and_come_back_with_it(tmp_path):
    folder = PeerFolder(tmp_path)
    log = open_log(folder)
    append(log, 7, count=2)

    append(log, 8)
    assert deals_of(log) == [8]
    log.close()
    log = open_log(folder)
    assert deals_of(log) == [8]
    append(log, 7)

    assert deals_of(log) == [7, 7, 7]
    assert_whole(all_records(log.get(9)))
    append(log, 8)
    assert deals_of(log) == [8, 8]
    log.close()


def test_receipts__number_of_the_deal_given_to_another_too__are_told_apart_by_its_offer(tmp_path):
    folder, offers = PeerFolder(tmp_path), ["0x" + "a" * 64, "0x" + "b" * 64]
    log = open_log(folder)
    append(log, 7, offer=offers[0])
    append(log, 7, offer=offers[1], count=2)
    log.close()

    log = open_log(folder)
    # Whoever does not know the offer means the one that is there.
    assert log.open(9, 7) is log.open(9, 7, offers[1])
    assert len(deals_of(log)) == 2
    append(log, 7, offer=offers[0])

    assert len(deals_of(log)) == 2
    assert_whole(all_records(log.get(9)))
    log.close()


def test_receipts__of_an_older_version__are_those_of_the_deal_that_comes_first(tmp_path):
    folder = PeerFolder(tmp_path)
    log = open_log(folder)
    append(log, 7)
    append(log, 7, offer="0x" + "a" * 64)
    log.close()

    log = open_log(folder)
    append(log, 7, offer="0x" + "b" * 64)

    assert len(deals_of(log)) == 1
    assert [path.name for path in (tmp_path / "replaced").iterdir()] == ["9-7-0x" + "a" * 64]
    log.close()


def test_receipts__of_a_call_that_ends_after_that__go_nowhere(tmp_path):
    log = open_log(PeerFolder(tmp_path))
    append(log, 7)
    before = log.get(9)
    append(log, 8)

    with pytest.raises(Conflict, match="not one of deal 7 any more"):
        log.append(before, call(time=60))

    assert deals_of(log) == [8]
    log.close()


def test_receipts__copied_before__are_not_restored_into_those_of_the_other_deal(tmp_path):
    folder, place = PeerFolder(tmp_path / "peer"), tmp_path / "copy"
    log = open_log(folder, copies=(place,))
    copies = ReceiptCopies(folder, [place], log.flush)
    append(log, 7, count=2)
    copies.step()
    append(log, 8)
    copies.step()
    log.close()

    lost = PeerFolder(tmp_path / "new")
    for known in (folder, lost):
        restore_receipts(known, [place])
        log = open_log(known, copies=(place,))
        assert deals_of(log) == [8]
        log.close()


def test_receipts__of_the_first_deal_signed__the_other_gets_none(tmp_path):
    log = open_log(PeerFolder(tmp_path))
    chain = log.open(9, 7)
    log.sign(chain, log.append(chain, call(time=60)))

    # A receipt of this number with another deal would contradict what was signed.
    with pytest.raises(Conflict, match="a match that the chain took back"):
        append(log, 8)
    log.close()


def test_receipts__put_aside__go_once_they_are_old(tmp_path):
    folder = PeerFolder(tmp_path)
    log = open_log(folder)
    append(log, 7)
    append(log, 8)

    log.prune(1, live=[9])
    assert [path.name for path in (tmp_path / "replaced").iterdir()] == ["9-7"]
    log.prune(2, live=[9])

    assert list((tmp_path / "replaced").iterdir()) == []
    log.close()


@pytest.mark.parametrize("work", [1, 500, 501])
def test_voucher__of_another_meter_before__does_not_stand_for_the_new_deal(tmp_path, work):
    book = VoucherBook(tmp_path, DOMAIN)
    book.accept(voucher(500, key=OTHER.key), OTHER.address)

    assert book.accept(voucher(work), METER.address) == work

    assert VoucherBook(tmp_path, DOMAIN).work_of(7) == work
