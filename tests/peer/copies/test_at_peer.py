"""Copies at another peer: whose its policy names, bounded, never changed, read by anybody."""

import pytest

from peer.chain_state.view import OpenAsk
from peer.copies.remote import RemoteCopies, find_evidence
from peer.duties.answers import Answers
from tests.peer.copies.archives import KeepingPeer, make_peer
from tests.peer.receipt_logs import WALLET
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound, Refused

pytestmark = pytest.mark.unit

STRANGER = Account.from_key(b"\x09" * 32)
RECEIPTS = "receipts/9/0000000001.receipts"
CLOSED = "commitments/0000000001.json"
FIRST = OpenAsk(1, 9, 1, 0, 0)


@pytest.fixture
def keeper(tmp_path):
    return KeepingPeer(tmp_path / "kept")


def bring(folder, store):
    copies = RemoteCopies(folder, [store])
    copies.step()
    return copies


def test_step__closed_epochs__are_there_once_and_whole(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer", epochs=(1, 2))
    copies = bring(folder, keeper.store())

    assert keeper.store().sizes() == {
        name: (folder.path / name).stat().st_size
        for epoch in (1, 2)
        for name in (f"commitments/{epoch:010d}.json", f"receipts/9/{epoch:010d}.receipts")
    }
    sent = len(keeper.requests)
    copies.step()
    assert len(keeper.requests) == sent


def test_step__receipts_of_an_open_epoch__stay_here(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer")
    (folder.receipts_of(9) / "0000000002.receipts").write_bytes(b"r" * 416)

    bring(folder, keeper.store())

    assert set(keeper.store().sizes()) == {RECEIPTS, CLOSED}


def test_step__epoch_is_named_last__what_is_named_is_whole(keeper, tmp_path):
    bring(make_peer(tmp_path / "peer"), keeper.store())

    home = f"/v1/copies/{WALLET.address}/"
    put = [r.url.path.removeprefix(home) for r in keeper.requests if r.method == "PUT"]
    assert put == [RECEIPTS, CLOSED]


def test_answer__from_another_peer__by_anybody(keeper, tmp_path):
    bring(make_peer(tmp_path / "peer"), keeper.store())

    read_only = keeper.store(wallet=None)
    answers = Answers(find_evidence([read_only], tmp_path / "room"))

    summed, called = answers.find(FIRST)
    assert (summed.fields[1], called.receipt.sequence) == (1, 0)
    with pytest.raises(NotFound, match="not here whole"):
        answers.find(OpenAsk(2, 9, 5, 0, 0))
    with pytest.raises(Refused, match="only read"):
        read_only.remove(CLOSED)


def test_answer__place_that_is_silent__is_told_and_the_next_one_asked(keeper, tmp_path):
    bring(make_peer(tmp_path / "peer"), keeper.store())
    keeper.terms, silent = keeper.terms, KeepingPeer(tmp_path / "other").store()
    silent.get = lambda name, target: (_ for _ in ()).throw(Refused("it is away"))

    assert Answers(find_evidence([silent, keeper.store()], tmp_path / "room")).find(FIRST)
    with pytest.raises(NotFound, match="it is away"):
        Answers(find_evidence([silent], tmp_path / "room")).find(FIRST)


def test_put__wallet_that_the_policy_does_not_name__is_refused(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer")

    with pytest.raises(Refused, match="keeps no copies for"):
        bring(folder, keeper.store(STRANGER))
    assert not keeper.folder.exists()


def test_put__signed_by_another_than_the_owner__is_refused(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer")

    with pytest.raises(Refused, match="the copies are of"):
        bring(folder, keeper.store(STRANGER, owner=WALLET.address))


def test_put__beyond_the_bytes_of_the_policy__is_refused(tmp_path):
    keeper = KeepingPeer(tmp_path / "kept", most=5_000)

    with pytest.raises(Refused, match="beyond the 5000"):
        bring(make_peer(tmp_path / "peer"), keeper.store())
    # Small files count for a block each: the second did not fit.
    assert set(keeper.store().sizes()) == {RECEIPTS}


def test_put__disk_of_the_keeper_full__is_refused(keeper, tmp_path):
    keeper.has_room = False

    with pytest.raises(MarketError, match="disk of this peer is full"):
        bring(make_peer(tmp_path / "peer"), keeper.store())


def test_put__the_same_again__stays_and_other_content_is_refused(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer")
    store = keeper.store()
    store.put(CLOSED, folder.path / CLOSED)
    store.put(CLOSED, folder.path / CLOSED)

    with pytest.raises(Refused, match="other content"):
        store.put(CLOSED, folder.path / RECEIPTS)
    assert (
        keeper.kept.find(WALLET.address, CLOSED).read_bytes() == (folder.path / CLOSED).read_bytes()
    )


def test_put__body_of_another_content__leaves_nothing(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer")
    store = keeper.store()
    path = folder.path / RECEIPTS

    with store._send(
        "PUT",
        f"/v1/copies/{WALLET.address}/{RECEIPTS}",
        {
            "Content-Length": str(path.stat().st_size),
            "Content-Digest": "sha-256=:" + "A" * 43 + "=:",
            **store._sign("PUT", f"/v1/copies/{WALLET.address}/{RECEIPTS}", bytes(32)),
        },
        iter([path.read_bytes()]),
    ) as answer:
        assert answer.status_code == 400
    assert [p for p in keeper.folder.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "name",
    ["../../wallet", "receipts/9/1.receipts", "receipts/09/0000000001.receipts", "signed-heads"],
)
def test_names__of_anything_else__are_refused(keeper, name):
    with pytest.raises(InvalidInput, match="not the name of a copy"):
        keeper.kept.find(WALLET.address, name)


def test_prune__old_epochs__go_there_too_and_do_not_come_back(keeper, tmp_path):
    folder = make_peer(tmp_path / "peer", epochs=(1, 2))
    copies = bring(folder, keeper.store())

    copies.prune(2)
    copies.step()

    assert set(keeper.store().sizes()) == {
        "commitments/0000000002.json",
        "receipts/9/0000000002.receipts",
    }


def test_remove__what_is_removed__makes_room(tmp_path):
    keeper = KeepingPeer(tmp_path / "kept", most=8_192)
    folder = make_peer(tmp_path / "peer", epochs=(1, 2))
    with pytest.raises(Refused, match="beyond"):
        bring(folder, keeper.store())

    copies = RemoteCopies(folder, [keeper.store()])
    copies.prune(2)
    copies.step()

    assert set(keeper.store().sizes()) == {
        "commitments/0000000002.json",
        "receipts/9/0000000002.receipts",
    }
