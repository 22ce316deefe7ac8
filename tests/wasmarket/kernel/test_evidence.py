"""Evidence for Audits: what is packed, what leads where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.audits.evidence import (
    NO_RECEIPT,
    NO_SUMMARY,
    build_called,
    build_summed,
    join_words,
    split_words,
)
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import (
    CallStatus,
    Receipt,
    Summary,
    epoch_tree,
    pack_receipt,
)
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit


def receipt(sequence):
    return Receipt(
        7,
        9,
        sequence,
        b"a" * 32,
        b"f" * 32,
        b"i" * 32,
        b"o" * 32,
        CallStatus.ANSWERED,
        3,
        4,
        5,
        60,
        b"p" * 32,
    )


def summary(assignment, root=b"r" * 32, count=1):
    return Summary(3, 1, assignment, 7, 0, count, 3, 4, root, b"h" * 32)


@given(size=st.integers(1, 40))
def test_evidence__of_any_place_in_a_tree_of_any_size__leads_to_the_root(size):
    receipts = [receipt(sequence) for sequence in range(size)]
    tree = MerkleTree(pack_receipt(entry) for entry in receipts)
    summaries = [summary(number + 1, tree.root, size) for number in range(size)]
    epoch = epoch_tree(summaries)

    for place in range(size):
        summed = build_summed(summaries[place], place, size, epoch.prove(place))
        called = build_called(receipts[place], place, tree.prove(place))
        assert summed.leads_to(epoch.root)
        assert called.leads_to(summed.summary)
        assert (summed.summary, called.receipt) == (summaries[place], receipts[place])
        assert not called.leads_to(summary(1, b"x" * 32, size))


def test_words__of_a_receipt__join_again():
    packed = pack_receipt(receipt(5))

    assert len(split_words(packed)) == 13
    assert join_words(split_words(packed)) == packed


def test_nothing__has_as_many_words_as_something():
    assert (len(NO_RECEIPT.fields), len(NO_SUMMARY.fields)) == (13, 10)


@pytest.mark.parametrize("path", [[b"short"], [bytes(32)] * 17])
def test_summed__path_that_no_tree_has__is_refused(path):
    with pytest.raises(InvalidInput, match="path"):
        build_summed(summary(1), 0, 1, path)
