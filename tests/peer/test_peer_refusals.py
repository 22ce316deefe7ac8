"""What a peer does not run: it says why on chain, and goes on."""

import http.server
import socket
import threading

import pytest

from peer.folder import PeerFolder
from tests.peer.apps import NUMBER, build_counting, build_hostile, build_importing, build_sick
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.runtime.guests import build_guest
from tests.peer.runtime.storage_filler import EFBIG, FILLER
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel import events
from wasmarket.kernel.documents.app_parts import Effectors, HttpEffector, Limits
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
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


@pytest.fixture(scope="module")
def peer(world, make_module_peer):
    runner = make_module_peer(units=64)
    runner.policy = 'max_units = 8\nmax_module_bytes = 100000\neffectors = ["ipfs", "http"]\n'
    runner.start()
    return runner


@pytest.fixture
def elsewhere(tmp_path):
    return BlockFolder(tmp_path / "elsewhere")


def refusal(world, match):
    """Return why the peer left a match."""

    def find():
        return [event for event in world.events(events.Ended) if event.deal == match.deal]

    [ended] = wait_until(f"deal {match.deal} is refused", find)
    return LeaveReason(ended.why)


def put_manifest(blocks, data):
    cid = raw_cid(data)
    blocks.put(cid, data)
    return app_hash(cid)


def test_app__unknown_to_everybody__is_left_with_48(world, peer, elsewhere):
    app = publish(elsewhere, GREETING.read_bytes())

    match = world.match(app, [peer.number])

    assert refusal(world, match) == LeaveReason.CONTENT_NOT_FOUND
    peer.wait_for_state(match.deal, "ended")
    assert peer.call(match.deal, "greeting", ["x"]).status_code == 404


def test_app__only_from_a_liar__is_left_with_49(world, peer, elsewhere, liar):
    app = publish(elsewhere, GREETING.read_bytes() + b"\0")
    match = world.match(app, [peer.number])
    notice = {"deal": match.deal, "assignment": match.assignments[0], "sources": [liar]}

    answer = peer.post("/v1/notices", notice)

    assert answer.status_code == 202
    assert refusal(world, match) == LeaveReason.CONTENT_MISMATCH


def test_app__only_from_a_source_that_never_answers__is_left_with_48(world, peer, elsewhere):
    app = publish(elsewhere, GREETING.read_bytes() + b"\0\0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        match = world.match(app, [peer.number])
        sources = [f"http://127.0.0.1:{silent.getsockname()[1]}/{n}" for n in range(8)]
        notice = {"deal": match.deal, "assignment": match.assignments[0], "sources": sources}
        peer.post("/v1/notices", notice)

        assert refusal(world, match) == LeaveReason.CONTENT_NOT_FOUND


def test_app__liar_first_but_an_honest_source_too__is_run(world, peer, make_peer, liar):
    other = make_peer()
    app = publish(other.blocks, GREETING.read_bytes(), name="another")
    other.start()
    match = world.match(app, [peer.number])
    sources = [liar, other.url]
    peer.post(
        "/v1/notices", {"deal": match.deal, "assignment": match.assignments[0], "sources": sources}
    )

    peer.wait_for_state(match.deal, "serving")

    assert peer.call(match.deal, "greeting", ["x"], service="another").status_code == 200


@pytest.mark.parametrize(
    "manifest", [b"no JSON", b'{"wasmarket":1}', b'{"wasmarket": 1}', b"\xff" * 100]
)
def test_app__that_is_no_manifest__is_left_with_50(world, peer, manifest):
    match = world.match(put_manifest(peer.blocks, manifest), [peer.number])

    assert refusal(world, match) == LeaveReason.BAD_MANIFEST


@pytest.mark.parametrize("wasm", [b"no wasm", b"\0asm\1\0\0\0"])
def test_module__not_marine__is_left_with_51(world, peer, wasm):
    match = world.match(publish(peer.blocks, wasm), [peer.number])

    assert refusal(world, match) == LeaveReason.BAD_MODULE


def test_module__importing_what_nobody_offers__is_left_with_52(world, peer):
    match = world.match(publish(peer.blocks, build_importing("curl")), [peer.number])

    assert refusal(world, match) == LeaveReason.EFFECTOR


def test_module__importing_an_effector_its_app_does_not_ask_for__is_left_with_52(world, peer):
    app = publish(peer.blocks, build_counting(), name="guest", effectors=Effectors(ipfs=True))

    assert refusal(world, world.match(app, [peer.number])) == LeaveReason.EFFECTOR


def test_app__asking_for_an_effector_that_the_policy_does_not_allow__is_left_with_52(world, peer):
    asked = Effectors(kv=True, http=HttpEffector(("a.org",)))
    app = publish(peer.blocks, build_counting(), name="guest", effectors=asked)

    assert refusal(world, world.match(app, [peer.number])) == LeaveReason.EFFECTOR


def test_effector__asked_for_and_allowed__keeps_its_state_over_a_restart(world, make_peer):
    peer = make_peer()
    peer.policy = 'effectors = ["kv"]\n'
    app = publish(peer.blocks, build_counting(), name="guest", effectors=Effectors(kv=True))
    peer.start()
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")

    answers = [peer.call(match.deal, "count", [], service="guest").json() for _ in range(2)]
    peer.kill()
    peer.start()
    peer.wait_for_state(match.deal, "serving")
    answers.append(peer.call(match.deal, "count", [], service="guest").json())

    assert answers == [{"result": 1}, {"result": 2}, {"result": 3}]
    counted = 'wasmarket_effector_seconds_count{effector="kv",outcome="answered"} 1.0'
    assert counted in peer.get("/metrics").text.splitlines()


def test_policy__too_many_units_or_too_large__is_left_with_53(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    large = publish(peer.blocks, build_guest(NUMBER, "number() -> u32") + bytes(200_000))

    assert refusal(world, world.match(app, [peer.number], units=9)) == LeaveReason.POLICY
    assert refusal(world, world.match(large, [peer.number])) == LeaveReason.POLICY


def test_app__asking_to_keep_more_than_the_policy_allows__is_left_with_53(world, peer):
    limits = Limits(storage_bytes=(1 << 30) + 1)
    app = publish(peer.blocks, GREETING.read_bytes(), limits=limits)

    assert refusal(world, world.match(app, [peer.number])) == LeaveReason.POLICY


def test_app__that_bounds_its_storage__is_held_to_that(world, peer):
    limits = Limits(call_ms=10_000, storage_bytes=4 << 20)
    app = publish(peer.blocks, FILLER, name="guest", health=False, limits=limits)
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")

    filled = peer.call(match.deal, "fill", [], service="guest")

    assert filled.json() == {"result": EFBIG}
    storage = peer.folder.service(match.deal) / "storage"
    kept = sum(path.stat().st_size for path in storage.rglob("*"))
    assert 4 << 20 <= kept < 256 << 20, "the policy allows a GiB"
    assert peer.call(match.deal, "ok", [], service="guest").json() == {"result": True}


def test_app__needing_more_memory_than_a_unit_has__is_left_with_54(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes(), memory=300 << 20)

    assert refusal(world, world.match(app, [peer.number])) == LeaveReason.OUT_OF_CAPACITY


def test_app__that_is_not_healthy__is_left_with_55(world, peer):
    sick = publish(peer.blocks, build_sick())
    without = publish(peer.blocks, build_guest(NUMBER, "number() -> u32"))

    assert refusal(world, world.match(sick, [peer.number])) == LeaveReason.FAILED_TO_START
    assert refusal(world, world.match(without, [peer.number])) == LeaveReason.FAILED_TO_START


def test_content__only_at_the_deals_other_peer__is_found(world, peer, make_peer):
    other = make_peer()
    app = publish(other.blocks, build_hostile(), name="guest", memory=4 << 20)
    other.start()
    other.move()

    match = world.match(app, [other.number, peer.number])

    for runner in (other, peer):
        runner.wait_for_state(match.deal, "serving")
        assert runner.call(match.deal, "number", [], service="guest").json() == {"result": 7}


def test_gas__none_left__is_said_and_made_up_for(world, make_peer):
    poor = make_peer()
    world.anvil.cheats.set_balance(poor.wallet.address, 0)
    app = publish(poor.blocks, GREETING.read_bytes())
    poor.start()
    match = world.match(app, [poor.number])

    why = wait_until(
        "the peer says that it cannot pay",
        lambda: "cannot pay" in poor.get("/v1/health/ready").json()["reason"],
    )

    assert why
    world.anvil.cheats.set_balance(poor.wallet.address, 10**18)
    poor.wait_for_state(match.deal, "serving")
    assert poor.get("/v1/health/ready").json()["ok"]


def test_folder__in_use__is_refused(make_peer):
    peer = make_peer()
    with (
        PeerFolder(peer.folder.path).lock(),
        pytest.raises(AssertionError, match="another process"),
    ):
        peer.start()
