"""Proofs of single receipts: right for every place, and not a whole epoch's work each."""

import threading

import pytest

from peer.receipts.chain_file import ReceiptChain
from peer.receipts.proofs import ReceiptTrees
from tests.peer.test_receipt_chain import call
from wasmarket.kernel.documents.merkle import verify_inclusion
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES

pytestmark = pytest.mark.unit

SECONDS = 60


@pytest.fixture
def chain(tmp_path):
    """Receipts of three epochs, a hundred each, all closed."""
    made = ReceiptChain(tmp_path, deal=7, assignment=9, epoch_seconds=SECONDS)
    for epoch in range(3):
        made.append_all([call(time=epoch * SECONDS)] * 100)
    made.close_epoch(2)
    yield made
    made.close()


def test_prove__every_receipt__leads_to_the_summarys_root(chain):
    trees = ReceiptTrees()

    for epoch in range(3):
        summary = chain.summarize(1, epoch)
        for index, packed in enumerate(chain.read_epoch(epoch)):
            proof = trees.prove(chain, summary, index)
            assert verify_inclusion(packed, index, summary.count, proof, summary.receipts_root)
    assert trees.built == 3


def test_prove__room_for_one_tree__lets_the_oldest_go(chain):
    summaries = [chain.summarize(1, epoch) for epoch in range(2)]
    trees = ReceiptTrees(kept_bytes=1)

    for epoch in (0, 0, 1, 1, 0):
        assert trees.prove(chain, summaries[epoch], 5) is not None

    assert trees.built == 3


def test_prove__many_at_once__builds_the_tree_once(chain):
    summary, trees = chain.summarize(1, 1), ReceiptTrees()
    threads = [
        threading.Thread(target=trees.prove, args=(chain, summary, index)) for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert trees.built == 1


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_prove__receipts_that_are_not_what_was_committed__has_no_proof(chain, tmp_path, damage):
    summary = chain.summarize(1, 1)
    [file] = tmp_path.glob("*1.receipts")
    whole = file.read_bytes()
    file.write_bytes(
        {"changed": whole[:-1] + b"!", "cut": whole[:-RECEIPT_BYTES], "gone": b""}[damage]
    )

    assert ReceiptTrees().prove(chain, summary, 0) is None
