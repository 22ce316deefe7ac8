"""Roots on chain against what is here: an older backup neither signs nor commits."""

from dataclasses import replace

import pytest

from peer.duties.commitments import Commitments
from peer.duties.own_roots import OwnRoots
from peer.folder import PeerFolder
from peer.receipts.heads import ReceiptsBehind
from tests.peer.receipt_logs import SECONDS, open_log
from tests.peer.test_peer_state import chain_view
from tests.peer.test_receipt_chain import call
from wasmarket.kernel.addresses import raw

pytestmark = pytest.mark.unit


class Chain:
    """Knows roots by epoch, as Proofs does; of `newer` ones no block but the latest."""

    def __init__(self, newer=None, **roots):
        self.known = {int(name[1:]): root for name, root in roots.items()}
        self.newer = newer or {}

    def roots(self, asked, block="latest"):
        known = self.known | (self.newer if block == "latest" else {})
        return [known.get(epoch) for _, epoch in asked]


@pytest.fixture
def log(tmp_path):
    made = open_log(PeerFolder(tmp_path))
    chain = made.open(9, 7)
    made.append(chain, call(time=SECONDS))
    yield made
    made.close()


def commitments_of(log, tmp_path):
    return Commitments(tmp_path / "commitments", log, SECONDS)


def checked(log, tmp_path, chain, view):
    roots = OwnRoots(chain, commitments_of(log, tmp_path), SECONDS)
    log.signer.find_obstacle = roots.find_obstacle
    roots.check(view)
    return roots


def test_check__not_done__nothing_may_be_signed(log, tmp_path):
    roots = OwnRoots(Chain(), commitments_of(log, tmp_path), SECONDS)

    assert "not compared" in roots.find_obstacle(9)


def test_check__no_roots_or_our_own__everything_may(log, tmp_path):
    made = commitments_of(log, tmp_path).prepare(chain_view(), 1)

    roots = checked(log, tmp_path, Chain(e1=raw(made.root)), chain_view())

    assert (roots.missing, roots.find_obstacle(9)) == ((), "")


def test_check__file_lost_but_receipts_there__is_made_again(log, tmp_path):
    made = commitments_of(log, tmp_path).prepare(chain_view(), 1)
    [path] = (tmp_path / "commitments").iterdir()
    path.unlink()

    assert checked(log, tmp_path, Chain(e1=raw(made.root)), chain_view()).missing == ()


def test_check__root_that_is_not_from_here__forbids_what_was_open_then(log, tmp_path):
    view = chain_view()
    roots = checked(log, tmp_path, Chain(e1=b"r" * 32), view)

    assert roots.missing == (1,)
    assert "epoch 1" in roots.find_obstacle(9)
    with pytest.raises(ReceiptsBehind):
        log.sign(log.get(9), log.get(9).head)
    with pytest.raises(ReceiptsBehind, match="cannot be committed"):
        commitments_of(log, tmp_path).prepare(replace(view, epoch=3), 2)


def test_check__several_roots_that_are_not_from_here__the_newest_decides(log, tmp_path):
    view = chain_view(epoch=4)
    between = {9: replace(view.spans[9], since=2 * SECONDS)}
    chain = Chain(e1=b"r" * 32, e3=b"s" * 32)
    roots = checked(log, tmp_path, chain, replace(view, spans=between))

    assert roots.missing == (1, 3)
    assert "epoch 3" in roots.find_obstacle(9)


def test_check__root_that_is_not_from_here__leaves_later_assignments_alone(log, tmp_path):
    view = chain_view(epoch=3)
    later = {9: replace(view.spans[9], since=2 * SECONDS)}
    roots = checked(log, tmp_path, Chain(e1=b"r" * 32), replace(view, spans=later))

    assert roots.missing == (1,)
    assert roots.find_obstacle(9) == ""


@pytest.mark.parametrize("epoch", [1, 2])
def test_check__view_from_before_the_last_root__waits_for_a_newer_one(log, tmp_path, epoch):
    view, chain = chain_view(), Chain(newer={epoch: b"r" * 32})
    roots = checked(log, tmp_path, chain, view)

    assert "not compared" in roots.find_obstacle(9)
    chain.known, chain.newer = chain.newer, {}
    roots.check(replace(view, epoch=3))
    assert roots.missing == (epoch,)


def test_check__root_that_has_aged_since__is_no_reason_to_wait(log, tmp_path):
    made = commitments_of(log, tmp_path).prepare(chain_view(), 1)
    chain = Chain(newer={1: None}, e1=raw(made.root))

    assert checked(log, tmp_path, chain, chain_view()).find_obstacle(9) == ""
