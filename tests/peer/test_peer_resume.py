"""A service's later life: what is kept when it ends, comes back, or is refused by a new policy."""

import json
import os
import time

import pytest

from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.kernel import events

pytestmark = pytest.mark.e2e


def serve(world, peer, **terms):
    """Make a deal of the greeting on a peer and wait until it is served."""
    match = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number], **terms)
    peer.wait_for_state(match.deal, "serving")
    return match.deal


def lapse(world, peer, deal):
    """Let epochs pass until the deal's balance is used up."""
    while peer.state(deal) == "serving":
        peer.wait_for_epoch(world.start_epoch())
    peer.wait_for_state(deal, "suspended")


def read_logs(peer, deal):
    answer = peer.signed("GET", f"/v1/deals/{deal}/logs")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_lapse__topped_up_and_matched_again__resumes_with_its_storage(world, make_peer):
    peer = make_peer(sweep_seconds=0.2)
    peer.start()
    deal = serve(world, peer, deposit=2_000_000)
    assert peer.call(deal, "visit", []).json() == {"result": 1}
    lapse(world, peer, deal)
    assert peer.call(deal, "visit", []).status_code == 402
    kept = wait_until(
        "the storage is known to be kept",
        lambda: peer.get("/v1/status").json()["extra"]["kept"],
    )
    assert [(row["deal"], row["bytes"] > 0) for row in kept] == [(deal, True)]

    world.top_up(deal, 50_000_000)
    world.refill(deal, [peer.number])
    peer.wait_for_state(deal, "serving")

    assert peer.call(deal, "visit", []).json() == {"result": 2}
    wait_until("nothing is only kept", lambda: not peer.get("/v1/status").json()["extra"]["kept"])


def test_end__retention_over__storage_goes_and_access_stays(world, make_peer):
    peer = make_peer(sweep_seconds=0.2, keep_storage_seconds=100)
    peer.start()
    deal = serve(world, peer, deposit=2_000_000)
    access = json.dumps({"version": 1, "mode": "keys"}).encode()
    peer.signed("PUT", f"/v1/deals/{deal}/access", access)
    storage = peer.folder.service(deal) / "storage"
    lapse(world, peer, deal)
    wait_until("it is noted", lambda: peer.get("/v1/status").json()["extra"]["kept"])
    assert storage.exists()

    for _ in range(2):
        peer.wait_for_epoch(world.start_epoch())
    wait_until("the storage goes", lambda: not storage.exists())
    world.top_up(deal, 50_000_000)
    world.refill(deal, [peer.number])
    peer.wait_for_state(deal, "serving")

    assert peer.call(deal, "visit", []).status_code == 401


def test_logs__of_a_killed_peer__are_there_again_and_go_on(world, make_peer):
    peer = make_peer()
    peer.start()
    deal = serve(world, peer)
    for name in ("a", "b"):
        peer.call(deal, "greeting", [name])
    before = read_logs(peer, deal)

    peer.kill()
    peer.start()
    peer.wait_for_state(deal, "serving")

    peer.call(deal, "greeting", ["c"])
    told = [(line["number"], line["text"]) for line in read_logs(peer, deal)]
    assert told == [(1, "greeting a"), (2, "greeting b"), (3, "greeting c")]
    assert read_logs(peer, deal)[:2] == before


def test_policy__edited__refuses_the_next_deal_and_says_why(world, make_peer):
    peer = make_peer(units=8)
    peer.start()
    first = serve(world, peer)

    file = peer.folder.path / "policy.toml"
    file.write_text("max_units_per_developer = 1")
    past = time.time() - 60
    os.utime(file, (past, past))
    match = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number])

    ended = wait_until(
        "the assignment is given back",
        lambda: [e for e in world.events(events.Ended) if e.assignment == match.assignments[0]],
    )
    assert ended[0].why == 53
    told = peer.get("/v1/status").json()["extra"]["refusals"][str(match.deal)]
    assert told["reason"] == 53
    assert "developer's other 1" in told["detail"]
    assert peer.get(f"/v1/deals/{match.deal}").json()["detail"] == told["detail"]
    assert peer.call(first, "greeting", ["you"]).status_code == 200
