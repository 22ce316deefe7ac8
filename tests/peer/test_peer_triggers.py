"""Triggers on a real peer: calls that nobody made, with receipts, across a restart."""

import pytest

from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]
SECOND = Trigger("every", "greeting", "greeting", b'["clock"]', seconds=1)
START = Trigger("start", "greeting", "greeting", b'["start"]', run="each")


def read(peer, deal):
    triggers = peer.get(f"/v1/deals/{deal}/triggers").json()["triggers"]
    return {trigger["kind"]: trigger for trigger in triggers}


def count(peer, deal):
    return read(peer, deal).get("every", {}).get("answered", 0)


def test_triggers__on_a_real_peer__make_calls_with_receipts_and_start_only_once(world, make_peer):
    peer = make_peer()
    peer.start()
    app = publish(peer.blocks, GREETING.read_bytes(), triggers=(SECOND, START))
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")

    wait_until("three firings", lambda: count(peer, match.deal) >= 3)
    every, start = (read(peer, match.deal)[kind] for kind in ("every", "start"))

    answered = [made for made in every["recent"] if made["state"] == "answered"]
    assert len({made["firing"] for made in answered}) == len(answered)
    assert all(made["receipt"] for made in answered)
    assert every["next"] > answered[0]["firing"]
    assert start["answered"] == 1
    one = peer.get(f"/v1/deals/{match.deal}/triggers/{every['key']}/{answered[0]['firing']}")
    assert one.json()["receipt"] == answered[0]["receipt"]
    assert peer.get(f"/v1/deals/{match.deal}/triggers/{every['key']}/1").status_code == 404

    peer.stop()
    peer.start()
    wait_until("it goes on", lambda: count(peer, match.deal))
    assert read(peer, match.deal)["start"]["answered"] == 0
