"""From a match on chain to answered calls, proven epochs and the end of the deal."""

import httpx
import pytest

from tests.peer.apps import build_hostile
from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.kernel import events
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.app_parts import Limits
from wasmarket.kernel.documents.merkle import verify_inclusion
from wasmarket.kernel.documents.receipts import (
    CallStatus,
    receipt_hash,
    unpack_receipt,
    unpack_summary,
)
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.heads import parse_head
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.signing.usage import signer_of_head

pytestmark = pytest.mark.e2e


@pytest.fixture
def deal(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")
    return match.deal


@pytest.fixture(scope="module")
def hostile(world, peer):
    limits = Limits(call_ms=500, output_bytes=1_000)
    app = publish(peer.blocks, build_hostile(), limits=limits, name="guest", memory=4 << 20)
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")
    return match.deal


def wait_for_commitment(world, peer, epoch):
    def find():
        found = [
            event
            for event in world.events(events.Committed)
            if (event.peer, event.epoch) == (peer.number, epoch)
        ]
        return found and found[0]

    return wait_until(f"epoch {epoch} is committed", find)


def test_peer__matched__activates_and_answers(world, peer, deal):
    [activated] = [e for e in world.events(events.Activated) if e.deal == deal]
    answer = peer.call(deal, "greeting", ["you"])
    by_name = peer.call(deal, "add", {"a": 2, "b": 3})

    assert answer.json() == {"result": "Hi, you"}
    assert by_name.json() == {"result": 5}
    assert answer.headers["Wasmarket-Peer"] == str(peer.number)
    assert answer.headers["Wasmarket-Fuel"] == "0"
    assert answer.headers["Wasmarket-Receipt"].startswith(f"{activated.assignment}:0:")
    described = peer.get(f"/v1/deals/{deal}").json()
    assert described["name"] == "greeting"
    assert described["developer"] == world.developer.address
    [assignment] = described["assignments"]
    assert (assignment["units"], assignment["state"], assignment["ready"]) == (1, "active", True)
    functions = peer.get(f"/v1/deals/{deal}/interface").json()["services"]["greeting"]["functions"]
    assert {"name": "add", "output": "u64"}.items() <= functions[1].items()
    assert peer.get(f"/v1/deals/{deal}/health").json()["ok"]
    assert peer.get("/v1/health/ready").json() == {"ok": True, "reason": ""}


def test_call__raw_body__is_answered_raw(peer, deal):
    answer = httpx.post(
        f"{peer.url}/v1/deals/{deal}/greeting/digest",
        content=b"abc",
        headers={"Content-Type": "application/octet-stream"},
        trust_env=False,
    )

    assert answer.content == sha256(b"abc")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_receipts__of_a_proven_epoch__lead_to_the_root_on_chain(world, peer, deal):
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    calls = [peer.call(deal, "greeting", [name]) for name in ("a", "b", "c")]
    signed = peer.call(deal, "greeting", ["d"], headers={"Prefer": "receipt"})
    world.start_epoch()

    committed = wait_for_commitment(world, peer, epoch)

    answer = peer.get(f"/v1/deals/{deal}/receipts/{epoch}").json()
    assert answer["root"] == committed.root
    [summary] = answer["summaries"]
    packed = bytes.fromhex(summary["packed"][2:])
    proof = [raw(node) for node in summary["proof"]]
    assert verify_inclusion(packed, summary["index"], summary["size"], proof, raw(committed.root))
    for index, call in enumerate([*calls, signed]):
        assignment, sequence, digest = call.headers["Wasmarket-Receipt"].split(":")
        found = peer.get(
            f"/v1/deals/{deal}/receipts/{epoch}/{sequence}", params={"assignment": assignment}
        ).json()
        record = bytes.fromhex(found["packed"][2:])
        receipt = unpack_receipt(record)
        assert receipt_hash(record).hex() == digest
        assert receipt.output == sha256(call.content)
        assert receipt.input == sha256(call.request.content)
        assert receipt.status == CallStatus.ANSWERED
        assert world.deployment.epoch_of(receipt.time) == epoch
        path = [raw(node) for node in found["proof"]]
        root = unpack_summary(packed).receipts_root
        assert found["index"] == index
        assert verify_inclusion(record, index, found["size"], path, root)
    assert unpack_summary(packed).chain_head.hex() == digest
    signed_head = parse_head(signed.headers["Wasmarket-Head"])
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    signer = signer_of_head(domain, signed_head.head, signed_head.signature)
    assert signer == peer.wallet.address
    assert signed_head.head.receipt.hex() == digest


def test_receipts__in_pages__give_each_once(world, peer, deal):
    for name in "abcde":
        peer.call(deal, "greeting", [name])
    path = f"/v1/deals/{deal}/receipts/{world.epoch}"
    found, cursor = [], None

    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = peer.get(path, params=query).json()
        assert page["root"] is None
        found += [item["sequence"] for item in page["items"]]
        cursor = page["next"]

    assert found == [0, 1, 2, 3, 4]
    assert cursor is None
    assert peer.get(path, params={"cursor": "nonsense"}).status_code == 400


def test_commit__idle_epoch__is_proven_too(world, peer, deal):
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    world.start_epoch()

    wait_for_commitment(world, peer, epoch)

    answer = peer.get(f"/v1/deals/{deal}/receipts/{epoch}").json()
    assert answer["items"] == []
    assert answer["summaries"][0]["summary"]["count"] == 0


@pytest.mark.parametrize(
    ("function", "arguments", "status", "slug", "outcome"),
    [
        ("trap", [], 502, "guest-trap", CallStatus.TRAP),
        ("spin", [], 504, "guest-time", CallStatus.TIME),
        ("bomb", [], 502, "guest-memory", CallStatus.MEMORY),
        ("flood", [], 502, "guest-output", CallStatus.OUTPUT),
        ("number", ["too", "many"], 400, "call-refused", CallStatus.REFUSED),
    ],
)
def test_call__that_fails__costs_that_call_only(
    world, peer, hostile, function, arguments, status, slug, outcome
):
    answer = peer.call(hostile, function, arguments, service="guest")

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:wasmarket:{slug}"
    _, sequence, _ = answer.headers["Wasmarket-Receipt"].split(":")
    found = peer.get(f"/v1/deals/{hostile}/receipts/{world.epoch}/{sequence}").json()
    assert found["receipt"]["status"] == outcome
    assert found["receipt"]["output"] == "0x" + sha256(b"").hex()
    assert peer.call(hostile, "number", [], service="guest").json() == {"result": 7}


def test_call__what_is_not_there__is_404_without_receipt(peer, deal):
    no_function = peer.call(deal, "nothing", [])
    no_service = peer.call(deal, "greeting", ["x"], service="nothing")
    no_deal = peer.call(deal + 1_000, "greeting", ["x"])

    for answer in (no_function, no_service, no_deal):
        assert answer.status_code == 404
        assert "Wasmarket-Receipt" not in answer.headers
    assert peer.call(deal, "greeting", ["x" * 2_000_000]).status_code == 413


def test_drop__by_the_developer__is_served_to_the_end_of_the_paid_epoch(world, peer, deal):
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    [assignment] = peer.get(f"/v1/deals/{deal}").json()["assignments"]
    number = assignment["assignment"]

    world.send(world.developer, world.market.call("drop", [number], 64))
    wait_until(
        "the peer has seen the drop",
        lambda: peer.get(f"/v1/deals/{deal}").json()["assignments"][0]["state"] == "ended",
    )

    assert peer.call(deal, "greeting", ["you"]).status_code == 200
    world.start_epoch()
    peer.wait_for_state(deal, "ended")
    assert peer.call(deal, "greeting", ["you"]).status_code == 404
    # The epoch of the drop is paid, so it is proven as well.
    wait_for_commitment(world, peer, epoch)


def test_stop__by_the_developer__ends_service_and_releases(world, peer, deal):
    [assignment] = peer.get(f"/v1/deals/{deal}").json()["assignments"]
    world.send(world.developer, world.market.call("stop", deal))
    world.start_epoch()

    peer.wait_for_state(deal, "suspended")

    assert peer.call(deal, "greeting", ["you"]).status_code == 402
    released = wait_until(
        "the units are given back",
        lambda: [e for e in world.events(events.Ended) if e.assignment == assignment["assignment"]],
    )
    assert released[0].kind == 4


def test_lapse__of_a_short_balance__ends_service_with_402_and_leaves_the_logs(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number], deposit=2_000_000)
    peer.wait_for_state(match.deal, "serving")
    peer.call(match.deal, "greeting", ["before the end"])
    first = world.epoch
    for epoch in (first, first + 1):
        if peer.state(match.deal) != "serving":
            break
        world.start_epoch()
        peer.wait_for_epoch(epoch + 1)

    peer.wait_for_state(match.deal, "suspended")

    answer = peer.call(match.deal, "greeting", ["you"])
    assert answer.status_code == 402
    assert answer.json()["type"] == "urn:wasmarket:runway-over"
    lapsed = wait_until(
        "the dead assignment is released",
        lambda: [e for e in world.events(events.Ended) if e.deal == match.deal],
    )
    assert lapsed[0].kind == 4
    # The developer still reads what led there, and nobody else does.
    told = peer.signed("GET", f"/v1/deals/{match.deal}/logs")
    assert (told.status_code, "before the end" in told.text) == (200, True)
    assert peer.get(f"/v1/deals/{match.deal}/logs").status_code == 401


def test_claim__every_epoch_if_set__pays_the_provider(world, make_peer):
    claiming = make_peer(claim_every_epochs=1)
    claiming.start()
    app = publish(claiming.blocks, GREETING.read_bytes())
    match = world.match(app, [claiming.number])
    claiming.wait_for_state(match.deal, "serving")
    for _ in range(3):
        epoch = world.start_epoch()
        wait_for_commitment(world, claiming, epoch - 1)

    paid = wait_until(
        "the provider is paid",
        lambda: [
            event.paid
            for event in world.events(events.Claimed)
            if event.assignment in match.assignments
        ],
    )

    assert paid[0] > 0
