"""`wasmarket receipt verify`: names that are none, peers that answer with something else."""

from types import SimpleNamespace

import pytest

from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket_cli.developer import receipts
from wasmarket_cli.developer.receipts import (
    LOOK_BACK,
    NotProven,
    _check_name,
    _fetch,
    _parse_name,
    check_receipt,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["5", "5:1:zz", "a:1", "5:1:00:7", ""])
def test_name__that_is_none__is_refused_with_what_to_give(name):
    with pytest.raises(InvalidInput) as refused:
        _parse_name(name)

    assert "Wasmarket-Receipt" in refused.value.remedy


def test_name__with_and_without_its_hash__is_read():
    assert _parse_name("5:1") == (5, 1, None)
    assert _parse_name("5:1:00ff") == (5, 1, b"\x00\xff")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "not a receipt with its proofs"),
        ({"summary": None}, "not closed yet"),
        ({"summary": {"packed": "0x00"}, "packed": "zz"}, "not a receipt with its proofs"),
        ({"summary": 7}, "not a receipt with its proofs"),
    ],
)
def test_answer__that_proves_nothing__is_not_proven(answer, words):
    with pytest.raises(NotProven, match=words):
        check_receipt(answer, None)


def test_answer__of_another_receipt__is_not_proven():
    receipt = SimpleNamespace(deal=7, assignment=5, sequence=2)
    proven = SimpleNamespace(receipt=receipt, summary=SimpleNamespace(assignment=5))

    _check_name(proven, 7, 5, 2)
    for named in ((8, 5, 2), (7, 6, 2), (7, 5, 3)):
        with pytest.raises(NotProven, match="the peer gave receipt 5:2 of deal 7"):
            _check_name(proven, *named)


@pytest.mark.parametrize(("epoch", "asked"), [(None, LOOK_BACK), (40, 1)])
def test_receipt__that_the_peer_does_not_have__is_looked_for_and_not_found(
    monkeypatch, epoch, asked
):
    paths = []

    def send(method, path, **options):
        paths.append((path, options["headers"]))
        raise NotFound("no such receipt")

    client = SimpleNamespace(gateway=SimpleNamespace(send=send))
    monkeypatch.setattr(receipts, "DeveloperClient", lambda wiring: client)
    wiring = SimpleNamespace(
        deployment=SimpleNamespace(epoch_of=lambda seconds: 100),
        clock=SimpleNamespace(refresh=lambda: 0),
    )

    with pytest.raises(NotFound, match="no receipt 5:2 of deal 7"):
        _fetch(wiring, 7, (5, 2), epoch, 3)

    assert len(paths) == asked
    assert paths[0] == (f"/v1/deals/7/receipts/{epoch or 100}/2", {"Wasmarket-Peer": "3"})
