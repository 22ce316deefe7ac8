"""Signed heads of a real peer: one of each number, over a kill, and never below what was signed."""

import shutil

import pytest

from peer.receipts.high_water import HIGH_WATER_FILE
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.test_peer_life import wait_for_commitment
from wasmarket.kernel import events
from wasmarket.kernel.documents.receipts import receipt_hash
from wasmarket.kernel.signing.heads import parse_head

pytestmark = pytest.mark.e2e

PAPERS = ("receipts", "commitments")


def ask_for_head(peer, deal):
    return peer.call(deal, "greeting", ["you"], headers={"Prefer": "receipt"})


def back_up(peer, place):
    for name in PAPERS:
        shutil.copytree(peer.folder.path / name, place / name)
    shutil.copy(peer.folder.path / HIGH_WATER_FILE, place)


def restore(peer, place):
    for name in PAPERS:
        shutil.rmtree(peer.folder.path / name)
        shutil.copytree(place / name, peer.folder.path / name)
    shutil.copy(place / HIGH_WATER_FILE, peer.folder.path)


def committed_by(world, peer):
    return [e.epoch for e in world.events(events.Committed) if e.peer == peer.number]


def find_receipt(peer, deal, head, epochs):
    """Return the hash of a receipt as the peer shows it now."""
    for epoch in epochs:
        path = f"/v1/deals/{deal}/receipts/{epoch}/{head.sequence}"
        answer = peer.get(path, params={"assignment": head.assignment})
        if answer.status_code == 200:
            return receipt_hash(bytes.fromhex(answer.json()["packed"][2:]))
    return None


def test_heads__over_a_kill_and_an_older_backup__never_two_of_one_number(
    world, make_peer, tmp_path
):
    peer = make_peer()
    peer.start()
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    began = world.epoch
    first = parse_head(ask_for_head(peer, deal).headers["Wasmarket-Head"]).head
    peer.kill()
    back_up(peer, tmp_path)

    peer.start()
    peer.wait_for_state(deal, "serving")
    second = parse_head(ask_for_head(peer, deal).headers["Wasmarket-Head"]).head

    assert (first.sequence, second.sequence) == (0, 1)
    # On a slow machine epochs pass by themselves.
    ended = world.start_epoch() - 1
    assert find_receipt(peer, deal, first, range(began, ended + 1)) == first.receipt
    wait_for_commitment(world, peer, ended)
    peer.kill()
    committed = committed_by(world, peer)
    restore(peer, tmp_path)

    peer.start()
    peer.wait_for_state(deal, "serving")

    def is_refused():
        answer = ask_for_head(peer, deal)
        # Before the roots were compared it is refused too, with another reason.
        assert answer.status_code == 503, answer.text
        return answer if "root of epoch" in answer.text else None

    refused = wait_until("it knows what is missing", is_refused)
    assert refused.json()["type"] == "urn:wasmarket:receipts-behind"
    world.start_epoch()
    wait_until(
        "it says so",
        lambda: "cannot be committed" in peer.get("/v1/health/ready").json()["reason"],
    )
    assert committed_by(world, peer) == committed
