"""A receipt must lead to the peer's root by its bytes; whatever is forged breaks the proof."""

import copy
from dataclasses import replace

import pytest

from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import (
    CallStatus,
    Receipt,
    Summary,
    epoch_tree,
    pack_receipt,
    pack_summary,
    receipt_hash,
    receipts_root,
)
from wasmarket_cli.developer.receipts import NotProven, _check_name, check_receipt

pytestmark = pytest.mark.unit


def make_receipt(sequence):
    return Receipt(
        deal=1,
        assignment=2,
        sequence=sequence,
        app=b"\1" * 32,
        function=b"\2" * 32,
        input=b"\3" * 32,
        output=b"\4" * 32,
        status=CallStatus.ANSWERED,
        fuel=5,
        size=8,
        duration_us=6,
        time=7,
        previous=b"\0" * 32,
    )


RECORDS = [pack_receipt(make_receipt(sequence)) for sequence in range(5)]
SUMMARIES = [
    Summary(
        peer=9,
        epoch=4,
        assignment=number,
        deal=1,
        first_sequence=0,
        count=5 if number == 2 else 0,
        fuel=25,
        work=5_000_665,
        receipts_root=receipts_root(RECORDS) if number == 2 else b"\0" * 32,
        chain_head=b"\5" * 32,
    )
    for number in (1, 2, 3)
]


def answer_for(sequence=3):
    """Return what an honest peer answers."""
    tree = epoch_tree(SUMMARIES)
    return {
        "root": "0x" + tree.root.hex(),
        "packed": "0x" + RECORDS[sequence].hex(),
        "index": sequence,
        "size": len(RECORDS),
        "proof": ["0x" + node.hex() for node in MerkleTree(RECORDS).prove(sequence)],
        "summary": {
            "packed": "0x" + pack_summary(SUMMARIES[1]).hex(),
            "index": 1,
            "size": 3,
            "proof": ["0x" + node.hex() for node in tree.prove(1)],
        },
    }


def test_check__honest__is_proven_with_its_facts():
    proven = check_receipt(answer_for(), receipt_hash(RECORDS[3]))

    assert (proven.receipt, proven.summary) == (make_receipt(3), SUMMARIES[1])
    assert proven.root == answer_for()["root"]
    assert check_receipt(answer_for(), None) == proven
    _check_name(proven, 1, 2, 3)


@pytest.mark.parametrize("name", [(2, 2, 3), (1, 1, 3), (1, 2, 4)])
def test_check_name__another_receipt_than_asked_for__is_refused(name):
    proven = check_receipt(answer_for(), None)

    with pytest.raises(NotProven, match="the peer gave receipt 2:3 of deal 1"):
        _check_name(proven, *name)


def test_check_name__summary_of_another_assignment__is_refused():
    proven = check_receipt(answer_for(), None)
    other = replace(proven, summary=replace(proven.summary, assignment=1))

    with pytest.raises(NotProven):
        _check_name(other, 1, 2, 3)


def test_check__another_receipt_than_the_header_named__is_refused():
    with pytest.raises(NotProven, match="another one"):
        check_receipt(answer_for(), receipt_hash(RECORDS[2]))


def flip(text, position):
    """Change one hex digit."""
    digit = "0" if text[position] != "0" else "1"
    return text[:position] + digit + text[position + 1 :]


def forge(path, change):
    """Return the honest answer with one member changed."""
    answer = copy.deepcopy(answer_for())
    place = answer
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = change(place[path[-1]])
    return answer


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("packed",), lambda text: flip(text, -1)),
        (("packed",), lambda _: "0x" + RECORDS[2].hex()),
        (("index",), lambda index: index + 1),
        (("index",), lambda _: 10**9),
        (("index",), lambda _: -1),
        (("size",), lambda size: size + 1),
        (("size",), lambda _: 0),
        (("proof",), lambda proof: proof[:-1]),
        (("proof",), lambda proof: [*proof, proof[0]]),
        (("proof",), lambda proof: [flip(proof[0], 5), *proof[1:]]),
        (("proof",), lambda _: []),
        (("root",), lambda text: flip(text, 7)),
        (("summary", "packed"), lambda text: flip(text, -1)),
        (("summary", "packed"), lambda _: "0x" + pack_summary(SUMMARIES[0]).hex()),
        (("summary", "index"), lambda _: 0),
        (("summary", "proof"), lambda proof: proof[:-1]),
        (("packed",), lambda text: text[:-2]),
        (("packed",), lambda _: "nonsense"),
        (("packed",), lambda _: None),
        (("proof",), lambda _: 5),
        (("proof",), lambda _: ["0x12"]),
        (("index",), lambda _: "x"),
        (("summary",), lambda _: {}),
        (("summary",), lambda _: []),
    ],
)
def test_check__forged_or_broken__is_refused(path, change):
    with pytest.raises(NotProven):
        check_receipt(forge(path, change), None)


def test_check__epoch_still_open__says_to_wait():
    with pytest.raises(NotProven, match="not closed yet") as caught:
        check_receipt(answer_for() | {"summary": None}, None)

    assert caught.value.remedy


@pytest.mark.parametrize("answer", [{}, {"summary": {}}, [], None, "text"])
def test_check__no_receipt_at_all__is_refused(answer):
    with pytest.raises(NotProven):
        check_receipt(answer, None)
