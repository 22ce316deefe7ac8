"""A receipt chain on disk: nothing lost, nothing that does not follow."""

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.receipts.chain_file import CallRecord, ReceiptChain
from peer.receipts.epoch_files import NO_HEAD
from wasmarket.kernel.documents.receipts import (
    RECEIPT_BYTES,
    ZERO,
    CallStatus,
    receipt_hash,
    unpack_receipt,
)

pytestmark = pytest.mark.unit

SECONDS = 60


def call(time=0, fuel=0, size=0):
    return CallRecord(
        app=b"m" * 32,
        function=b"f" * 32,
        input=b"i" * 32,
        output=b"o" * 32,
        status=CallStatus.ANSWERED,
        fuel=fuel,
        size=size,
        duration_us=5,
        time=time,
    )


def open_chain(folder, floor=0):
    return ReceiptChain(folder, deal=7, assignment=9, epoch_seconds=SECONDS, floor=floor)


def all_records(chain):
    return [packed for epoch in chain.epochs() for packed in chain.read_epoch(epoch)]


def assert_whole(records):
    previous = ZERO
    for sequence, packed in enumerate(records):
        receipt = unpack_receipt(packed)
        assert (receipt.sequence, receipt.previous) == (sequence, previous)
        previous = receipt_hash(packed)


def test_append__first_receipts__chain_from_zero(tmp_path):
    chain = open_chain(tmp_path)

    heads = [chain.append(call(time=61)), chain.append(call(time=62))]

    records = chain.read_epoch(1)
    assert_whole(records)
    assert [head.hash for head in heads] == [receipt_hash(packed) for packed in records]
    first = unpack_receipt(records[0])
    assert (first.deal, first.assignment, first.time) == (7, 9, 61)


@given(times=st.lists(st.integers(0, 10 * SECONDS), max_size=30))
@settings(max_examples=25, deadline=None)
def test_append__times_in_any_order__epochs_never_go_back(tmp_path_factory, times):
    chain = open_chain(tmp_path_factory.mktemp("chain"))
    for time in times:
        chain.append(call(time=time))

    assert_whole(all_records(chain))
    for epoch in chain.epochs():
        for packed in chain.read_epoch(epoch):
            assert unpack_receipt(packed).time // SECONDS == epoch
    chain.close()


@given(cut=st.integers(0, 6 * RECEIPT_BYTES), epochs=st.lists(st.integers(0, 2), max_size=6))
@settings(max_examples=40, deadline=None)
def test_open__tail_cut_anywhere__keeps_the_longest_whole_chain(tmp_path_factory, cut, epochs):
    folder = tmp_path_factory.mktemp("chain")
    chain = open_chain(folder)
    for epoch in sorted(epochs):
        chain.append(call(time=epoch * SECONDS))
    before = all_records(chain)
    chain.close()
    newest = max(folder.iterdir(), default=None)
    size = newest.stat().st_size if newest else 0
    lost = min(cut, size)
    if newest:
        os.truncate(newest, size - lost)

    again = open_chain(folder)

    kept = all_records(again)
    assert kept == before[: len(before) - -(-lost // RECEIPT_BYTES)]
    again.append(call(time=9 * SECONDS))
    assert_whole(all_records(again))
    again.close()


@pytest.mark.parametrize("damaged", [0, 1, 2, 3])
def test_open__record_of_zeros__is_cut_with_all_after_it(tmp_path, damaged):
    chain = open_chain(tmp_path)
    for epoch in (0, 0, 1, 1):
        chain.append(call(time=epoch * SECONDS))
    before = all_records(chain)
    chain.close()
    path = sorted(tmp_path.iterdir())[damaged // 2]
    data = bytearray(path.read_bytes())
    start = damaged % 2 * RECEIPT_BYTES
    data[start : start + RECEIPT_BYTES] = bytes(RECEIPT_BYTES)
    path.write_bytes(data)

    again = open_chain(tmp_path)

    assert all_records(again) == before[:damaged]
    again.append(call(time=SECONDS))
    assert_whole(all_records(again))


def test_open__below_the_floor__is_left_alone(tmp_path):
    chain = open_chain(tmp_path)
    chain.append(call(time=0))
    chain.append(call(time=SECONDS))
    chain.close()

    again = open_chain(tmp_path, floor=1)
    again.append(call(time=0))

    assert len(again.read_epoch(0)) == 1
    assert unpack_receipt(again.read_epoch(1)[1]).time == SECONDS


def test_close_epoch__late_call__goes_into_the_next(tmp_path):
    chain = open_chain(tmp_path)
    chain.append(call(time=30))
    chain.close_epoch(0)

    chain.append(call(time=59))

    assert len(chain.read_epoch(0)) == 1
    assert unpack_receipt(chain.read_epoch(1)[0]).time == SECONDS


def test_summarize__busy_then_idle__says_both(tmp_path):
    chain = open_chain(tmp_path)
    chain.append(call(time=0, fuel=3))
    head = chain.append(call(time=1, fuel=4))
    chain.close_epoch(1)

    busy, idle = chain.summarize(5, 0), chain.summarize(5, 1)

    assert (busy.peer, busy.first_sequence, busy.count, busy.fuel) == (5, 0, 2, 7)
    assert (idle.first_sequence, idle.count, idle.receipts_root) == (2, 0, ZERO)
    assert busy.chain_head == idle.chain_head == head.hash


def test_append__disk_full__leaves_the_chain_whole(tmp_path, monkeypatch):
    chain = open_chain(tmp_path)
    chain.append(call())
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:100]))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        chain.append(call())

    monkeypatch.setattr(os, "write", real)
    chain.append(call())
    assert_whole(all_records(chain))
    assert len(all_records(chain)) == 2


def test_flush__says_which_head_is_safe(tmp_path):
    chain = open_chain(tmp_path)

    assert chain.flush() == NO_HEAD
    head = chain.append(call())
    assert chain.flush() == head


@pytest.mark.parametrize(("after", "count"), [(-1, 10), (-1, 2), (3, 10), (5, 1), (7, 5), (99, 5)])
def test_read_some__behind_a_sequence__gives_what_follows(tmp_path, after, count):
    chain = open_chain(tmp_path)
    for time in (0, 0, 0, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS):
        chain.append(call(time=time))
    expected = [packed for packed in chain.read_epoch(1) if unpack_receipt(packed).sequence > after]

    assert chain.read_some(1, after, count) == expected[:count]
    assert chain.read_some(2, after, count) == []


def test_prune__idle_for_long_then_called__goes_on_after_a_restart(tmp_path):
    chain = open_chain(tmp_path)
    chain.append(call(time=0))
    chain.append(call(time=SECONDS))
    head = chain.append(call(time=50 * SECONDS))
    chain.prune(40)
    chain.close()

    again = open_chain(tmp_path, floor=50)

    assert again.head == head
    again.close()
