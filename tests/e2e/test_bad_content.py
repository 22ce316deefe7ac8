"""Content that is nowhere, not what its id says, or not a program: never run, always named."""

import http.server
import threading

import httpx
import pytest
from wasmtime import wat2wasm

from tests.e2e.market_driver import FETCH_SECONDS, WAIT_SECONDS, wait_until, write_app
from tests.peer.apps import build_importing, build_sick
from tests.peer.runtime.guests import build_guest
from wasmarket.app.file import App
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.reasons import LeaveReason

pytestmark = pytest.mark.e2e


class _Liar(http.server.BaseHTTPRequestHandler):
    """Answers every block with other bytes."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"lies")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def liar():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Liar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def number_app(folder, number):
    """Return an app that nobody has seen: a function that answers `number`."""
    body = f'(func (export "number") (result i32) i32.const {number})'
    return write_app(folder, build_guest(body, "number() -> u32"))


def offer(market, app, **requirement):
    """Offer for beta's unit without publishing anything; return the deal."""
    bid = market.client().offer(market.requirement(only="beta", **requirement), app.app)
    return market.deal_of(bid.hash)


def wait_left(market, deal):
    """Return why the first peer left a deal."""
    [row] = wait_until(
        "the peer leaves",
        lambda: [row for row in market.assignments(deal) if row["ended_kind"]],
        FETCH_SECONDS + WAIT_SECONDS,
    )
    assert row["ended_kind"] == "left"
    return row["why"], row["why_text"]


def notify(market, deal, source):
    """Tell the deal's peers, as anybody may, that `source` has its content."""
    for row in market.assignments(deal):
        body = {
            "deal": deal,
            "assignment": row["id"],
            "block": row["assigned_block"],
            "tx": row["tx"],
            "sources": [source],
        }
        answer = httpx.post(f"{row['endpoint']}/v1/notices", json=body, timeout=60)
        assert answer.status_code == 202


def test_app__unknown_to_everybody__is_left_with_48_and_costs_nothing(market, tmp_path):
    app = number_app(tmp_path, 480)

    deal = offer(market, app, deposit=100_000)

    assert wait_left(market, deal) == (LeaveReason.CONTENT_NOT_FOUND, "content not found")
    assert market.run("status", deal, "--json").json["balance"] == "100000"
    assert market.call(deal, "guest/number").status_code == 503
    assert market.run("take", deal, "0.1").code == 0


def test_app__source_sends_other_bytes__is_left_with_49(market, tmp_path, liar):
    deal = offer(market, number_app(tmp_path, 490))
    notify(market, deal, liar)

    assert wait_left(market, deal)[0] == LeaveReason.CONTENT_MISMATCH


def test_app__one_source_lies_and_another_does_not__runs(market, tmp_path, liar):
    app = number_app(tmp_path, 491)
    deal = offer(market, app)
    notify(market, deal, liar)

    market.client().publish(app)

    wait_until("it is active", lambda: market.states(deal) == {"active"})
    assert market.call(deal, "guest/number").json() == {"result": 491}


def test_gateway__block_damaged_on_disk__is_missing_until_published_again(market, tmp_path):
    app = number_app(tmp_path, 492)
    client = market.client()
    client.publish(app)
    [module] = app.manifest.module_cids
    [path] = (market.home.gateway / "blocks").rglob(str(module))
    path.write_bytes(b"damaged")
    url = f"{client.gateway.url}/ipfs/{module}?format=raw"

    damaged = httpx.get(url)
    client.publish(app)

    assert damaged.status_code == 404
    assert damaged.json()["type"] == "urn:wasmarket:content-not-found"
    assert httpx.get(url).content == app.blocks[module]
    assert BlockFolder(market.home.gateway).get(module) == app.blocks[module]


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (bytes(wat2wasm('(module (func (export "f")))')), LeaveReason.BAD_MODULE),
        (b"\x00asm nonsense", LeaveReason.BAD_MODULE),
        (b"", LeaveReason.BAD_MODULE),
        (build_importing("nowhere"), LeaveReason.EFFECTOR),
        (build_importing("env"), LeaveReason.EFFECTOR),
    ],
    ids=["core module", "nonsense", "empty", "unknown import", "import of env"],
)
def test_module__no_peer_can_run__is_left_and_refused_by_inspect(market, tmp_path, wasm, reason):
    app = write_app(tmp_path, wasm)
    market.client().publish(app)

    deal = offer(market, app)
    inspected = market.run("module", "inspect", tmp_path / "guest.wasm")

    assert wait_left(market, deal)[0] == reason
    assert (inspected.code, inspected.out) == (1, "")
    assert inspected.err.startswith("wasmarket: ")


def test_service__whose_health_says_no__is_left_with_55(market, tmp_path):
    app = write_app(tmp_path, build_sick(), health='{ service = "guest", function = "health" }')
    market.client().publish(app)

    assert wait_left(market, offer(market, app))[0] == LeaveReason.FAILED_TO_START


def broken_app(folder, number):
    """Return an app whose manifest is none."""
    good, block = number_app(folder, number), b"{ manifest %d" % number
    return App(good.manifest, raw_cid(block), {**good.blocks, raw_cid(block): block})


def test_manifest__not_json_and_published__is_refused_by_the_matcher(market, tmp_path):
    bad = broken_app(tmp_path, 500)
    market.client().publish(bad)

    with pytest.raises(InvalidInput, match="not a valid manifest"):
        offer(market, bad)


def test_manifest__not_json_and_published_later__is_left_with_50(market, tmp_path):
    bad = broken_app(tmp_path, 501)
    deal = offer(market, bad)

    market.client().publish(bad)

    assert wait_left(market, deal)[0] == LeaveReason.BAD_MANIFEST
