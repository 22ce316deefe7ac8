"""What apps may ask of a peer, from end to end: deterministic answers, fuel, what receipts say."""

import pytest

from examples.build import EXAMPLES
from tests.peer.peer_runner import publish
from wasmarket.kernel.documents.app_parts import Limits
from wasmarket.kernel.documents.receipts import CallStatus, unpack_receipt
from wasmarket.kernel.hashing import sha256

pytestmark = pytest.mark.e2e


def receipts_of(peer, deal):
    """Return the receipts of a deal in the epoch of its last call."""
    epoch = peer.get("/v1/status").json()["extra"]["epoch"]
    items = peer.get(f"/v1/deals/{deal}/receipts/{epoch}").json()["items"]
    return [unpack_receipt(bytes.fromhex(item["packed"].removeprefix("0x"))) for item in items]


def test_deterministic_app__called_at_two_peers__has_equal_receipts(world, make_peer):
    one, two = make_peer(), make_peer()
    wasm = (EXAMPLES / "greeting" / "greeting.wasm").read_bytes()
    for peer in (one, two):
        app = publish(
            peer.blocks,
            wasm,
            limits=Limits(call_ms=2_000, fuel=10_000_000),
            deterministic=True,
        )
        peer.start()
    match = world.match(app, [one.number, two.number])
    calls = []
    for peer in (one, two):
        peer.wait_for_state(match.deal, "serving")
        answer = peer.call(match.deal, "greeting", ["Ann"])
        assert answer.json() == {"result": "Hi, Ann"}
        [receipt] = receipts_of(peer, match.deal)
        assert int(answer.headers["Wasmarket-Fuel"]) == receipt.fuel > 0
        assert receipt.output == sha256(answer.content)
        calls.append((receipt.app, receipt.function, receipt.input, receipt.output, receipt.fuel))

    assert calls[0] == calls[1]


def test_app__fuel_used_up__is_504_and_in_the_receipt(world, make_peer):
    peer = make_peer()
    wasm = (EXAMPLES / "greeting" / "greeting.wasm").read_bytes()
    app = publish(peer.blocks, wasm, limits=Limits(call_ms=2_000, fuel=100_000))
    peer.start()
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")

    answer = peer.call(match.deal, "digest", ["A" * 400_000])

    assert answer.status_code == 504
    assert "fuel of 100000" in answer.json()["detail"]
    [receipt] = receipts_of(peer, match.deal)
    assert receipt.status == CallStatus.TIME
    assert receipt.fuel == pytest.approx(100_000, abs=1_000)
