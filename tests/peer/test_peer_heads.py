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


def test_heads__over_a_kill_and_an_older_backup__never_two_of_one_number(
    world, make_peer, tmp_path
):
    peer = make_peer()
    peer.start()
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    first = parse_head(ask_for_head(peer, deal).headers["Wasmarket-Head"]).head
    peer.kill()
    back_up(peer, tmp_path)

    peer.start()
    peer.wait_for_state(deal, "serving")
    second = parse_head(ask_for_head(peer, deal).headers["Wasmarket-Head"]).head

    assert (first.sequence, second.sequence) == (0, 1)
    path = f"/v1/deals/{deal}/receipts/{epoch}/0"
    kept = peer.get(path, params={"assignment": first.assignment}).json()
    assert receipt_hash(bytes.fromhex(kept["packed"][2:])) == first.receipt
    world.start_epoch()
    wait_for_commitment(world, peer, epoch)
    peer.kill()
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
    later = world.start_epoch()
    peer.wait_for_epoch(later)
    wait_until(
        "it says so",
        lambda: "cannot be committed" in peer.get("/v1/health/ready").json()["reason"],
    )
    committed = [e.epoch for e in world.events(events.Committed) if e.peer == peer.number]
    assert max(committed) == epoch
