"""The example's flows, unchanged, over a deal of ten peers on a local market."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.paths import CHECKOUT
from tests.peer.choreography.conftest import wait_for_avm
from tests.peer.choreography.tetraplets import build_witness
from tests.peer.many_peers import started_together
from tests.peer.peer_runner import PeerRunner, wait_until
from tests.peer.services import publish_services
from wasmarket.app.file import load_app
from wasmarket.kernel.documents.receipts import function_hash, unpack_receipt
from wasmarket.kernel.hashing import sha256

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COUNT = 10


@dataclass
class Town:
    """Ten peers; `deal` is on all of them, on the first two `other`, and `mute`, of another app."""

    peers: list[PeerRunner]
    deal: int
    other: int
    mute: int

    def start(self, name: str, *arguments: object) -> httpx.Response:
        """Start a flow at the third peer."""
        return httpx.post(
            f"{self.peers[2].url}/v1/deals/{self.deal}/flows/{name}",
            json=arguments,
            timeout=60,
            trust_env=False,
        )


@pytest.fixture(scope="module")
def town(world, make_module_peer) -> Iterator[Town]:
    # Ten on a busy machine: none is to give its assignment back for having waited two seconds.
    peers = [make_module_peer(units=4, fetch_seconds=20.0) for _ in range(COUNT)]
    with started_together(peers):
        yield serve(world, peers)


def serve(world, peers: list[PeerRunner]) -> Town:
    app = load_app(CHECKOUT / "examples" / "flows")
    for peer in peers:
        peer.move()
        for cid, block in app.blocks.items():
            peer.blocks.put(cid, block)
    wait_for_avm(peers[0])
    [mute] = {publish_services(peer.blocks, {"witness": build_witness()}) for peer in peers[:2]}
    numbers = [peer.number for peer in peers]
    deal = world.match(app.app, numbers).deal
    others = [world.match(other, numbers[:2]).deal for other in (app.app, mute)]
    for peer in peers:
        peer.wait_for_state(deal, "serving")
    for peer in peers[:2]:
        for other in others:
            peer.wait_for_state(other, "serving")
    return Town(peers, deal, *others)


def test_quorum__of_ten__takes_the_first_three_answers(town):
    answer = town.start("quorum", str(town.deal), "Ada", 3)

    assert answer.status_code == 200, answer.text
    assert answer.json()["result"][:3] == ["Hi, Ada"] * 3


def test_chain__over_two_deals__gives_one_answer_to_the_other(town):
    answer = town.start("chain", str(town.other), str(town.deal), "Eve")

    assert answer.json() == {"result": "Hi, Hi, Eve"}


def test_everybody__where_the_services_cannot_answer__names_each_in_its_place(town):
    answer = town.start("everybody", str(town.mute), "Bob")

    assert answer.json() == {"result": ["nobody at home"] * 2}


def test_roll_call__by_the_clock__is_made_by_one_peer_and_asks_all(town, world):
    def find_done() -> object:
        for peer in town.peers:
            [trigger] = peer.get(f"/v1/deals/{town.deal}/triggers").json()["triggers"]
            for firing in trigger["recent"]:
                if firing["state"] == "answered":
                    return peer, firing
        return None

    world.start_epoch()

    peer, firing = wait_until("a peer has called the roll", find_done)

    assignment, sequence = map(int, firing["receipt"].split(":"))
    paths = [f"/v1/deals/{town.deal}/receipts/{e}" for e in (world.epoch, world.epoch - 1)]
    items = [item for path in paths for item in peer.get(path).json()["items"]]
    receipts = [unpack_receipt(bytes.fromhex(item["packed"][2:])) for item in items]
    [receipt] = [r for r in receipts if (r.assignment, r.sequence) == (assignment, sequence)]
    assert receipt.function == function_hash("flows", "roll_call")
    everybody = json.dumps({"result": ["Hi, clock"] * COUNT}, separators=(",", ":"))
    assert receipt.output == sha256(everybody.encode())


def test_quorum__with_a_peer_that_was_killed__is_of_the_others(town):
    town.peers[-1].kill()

    answer = town.start("quorum", str(town.deal), "Kim", COUNT - 1)

    assert answer.json() == {"result": ["Hi, Kim"] * (COUNT - 1)}
