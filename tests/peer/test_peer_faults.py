"""Updates, crashes and outages: what serves goes on serving, and nothing is lost."""

import os
import socket
import threading

import httpx
import psutil
import pytest

from tests.peer.apps import build_sick, build_slow
from tests.peer.peer_runner import GREETING, GREETING_V2, publish, wait_until
from tests.peer.tcp_proxy import TcpProxy
from wasmarket.kernel import events
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.app_parts import Limits
from wasmarket.kernel.documents.receipts import (
    epoch_root,
    receipt_hash,
    unpack_receipt,
    unpack_summary,
)

pytestmark = pytest.mark.e2e


@pytest.fixture
def peer(make_peer):
    return make_peer()


@pytest.fixture
def proxy(world):
    between = TcpProxy(world.anvil.port)
    yield between
    between.close()


def serve_greeting(world, peer, units=1):
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number], units=units)
    peer.wait_for_state(match.deal, "serving")
    return match.deal


def committed(world, peer, epoch):
    def find():
        return [
            event
            for event in world.events(events.Committed)
            if (event.peer, event.epoch) == (peer.number, epoch)
        ]

    return wait_until(f"epoch {epoch} is committed", find)[0]


def set_app(world, deal, app):
    world.send(world.developer, world.market.call("set_app", deal, app))


def test_update__under_load__fails_no_call_and_keeps_storage(world, peer):
    peer.start()
    deal = serve_greeting(world, peer, units=2)
    assert peer.call(deal, "visit", []).json() == {"result": 1}
    answers: list[tuple[int, str]] = []
    enough = threading.Event()

    def keep_calling():
        url = f"{peer.url}/v1/deals/{deal}/greeting/greeting"
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not enough.is_set():
                answer = client.post(url, json=["you"])
                answers.append((answer.status_code, answer.text))

    callers = [threading.Thread(target=keep_calling) for _ in range(3)]
    for caller in callers:
        caller.start()
    new = publish(peer.blocks, GREETING_V2.read_bytes())
    set_app(world, deal, new)
    wait_until("the new version answers", lambda: answers and "Hello" in answers[-1][1])
    enough.set()
    for caller in callers:
        caller.join()

    assert {status for status, _ in answers} == {200}
    assert any("Hi, you" in text for _, text in answers)
    assert peer.call(deal, "visit", []).json() == {"result": 2}
    described = peer.get(f"/v1/deals/{deal}").json()
    assert (described["app"], described["update"]) == (new, None)
    stats = peer.signed("GET", f"/v1/deals/{deal}/stats").json()
    assert stats["workers"] == 2


def test_update__during_a_long_call__lets_it_end(world, peer):
    peer.start()
    limits = Limits(call_ms=25_000)
    app = publish(peer.blocks, build_slow(), limits=limits)
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")
    answers: list[httpx.Response] = []
    caller = threading.Thread(target=lambda: answers.append(peer.call(match.deal, "slow", [])))
    caller.start()
    path = f"/v1/deals/{match.deal}/stats"
    wait_until("the call runs", lambda: peer.signed("GET", path).json()["inflight"])

    set_app(world, match.deal, publish(peer.blocks, GREETING.read_bytes()))
    wait_until(
        "the new version answers",
        lambda: peer.call(match.deal, "greeting", ["you"]).status_code == 200,
    )
    was_running = caller.is_alive()
    caller.join()

    assert was_running, "the call was over before the update; make it longer"
    assert answers[0].json() == {"result": 7}


@pytest.mark.parametrize(("bad", "reason"), [("sick", 55), ("garbage", 51), ("lost", 48)])
def test_update__to_a_bad_version__keeps_the_old_one_and_says_why(
    world, peer, tmp_path, bad, reason
):
    peer.start()
    deal = serve_greeting(world, peer)
    match bad:
        case "sick":
            app = publish(peer.blocks, build_sick())
        case "garbage":
            app = publish(peer.blocks, b"no wasm")
        case _:
            app = "0x" + "ab" * 32

    set_app(world, deal, app)

    update = wait_until(
        "the update failed",
        lambda: (
            (found := peer.get(f"/v1/deals/{deal}").json()["update"])
            and found["state"] == "failed"
            and found
        ),
    )
    assert update["app"] == app
    assert update["reason"] == reason
    assert update["detail"]
    assert peer.call(deal, "greeting", ["you"]).json() == {"result": "Hi, you"}
    # The developer mends it: the next version is taken as usual.
    set_app(world, deal, publish(peer.blocks, GREETING_V2.read_bytes()))
    wait_until(
        "the mended version answers",
        lambda: "Hello" in peer.call(deal, "greeting", ["you"]).text,
    )


def test_update__that_is_tried_again__is_failed_with_its_reason_all_the_while(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    set_app(world, deal, "0x" + "ab" * 32)

    def update():
        return peer.get(f"/v1/deals/{deal}").json()["update"]

    def tries():
        return peer.log().count("update failed")

    wait_until("it failed", lambda: (found := update()) and found["state"] == "failed")
    first, seen = tries(), set()
    while tries() == first:
        found = update()
        seen.add((found["state"], found["reason"], bool(found["detail"])))

    assert seen == {("failed", 48, True)}


def test_kill__of_the_peer__takes_its_workers_and_loses_no_receipt(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    before = [peer.call(deal, "greeting", [str(n)]) for n in range(5)]
    children = psutil.Process(peer.pid).children(recursive=True)
    assert children

    peer.kill()

    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    peer.start()
    peer.wait_for_state(deal, "serving")
    after = peer.call(deal, "greeting", ["again"])
    assert after.headers["Wasmarket-Receipt"].split(":")[1] == "5"
    world.start_epoch()
    event = committed(world, peer, epoch)
    answer = peer.get(f"/v1/deals/{deal}/receipts/{epoch}").json()
    packed = [bytes.fromhex(item["packed"][2:]) for item in answer["items"]]
    assert [receipt_hash(record).hex() for record in packed] == [
        call.headers["Wasmarket-Receipt"].split(":")[2] for call in (*before, after)
    ]
    assert unpack_receipt(packed[5]).previous == receipt_hash(packed[4])
    summary = unpack_summary(bytes.fromhex(answer["summaries"][0]["packed"][2:]))
    assert epoch_root([summary]) == raw(event.root)


def test_kill__after_an_update__restarts_the_new_version(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    set_app(world, deal, publish(peer.blocks, GREETING_V2.read_bytes()))
    wait_until("updated", lambda: "Hello" in peer.call(deal, "greeting", ["you"]).text)

    peer.kill()
    peer.start()
    peer.wait_for_state(deal, "serving")

    assert "Hello" in peer.call(deal, "greeting", ["you"]).text


def test_kill__between_match_and_activation__is_made_up_for(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number])
    peer.start()
    peer.kill()
    peer.start()

    peer.wait_for_state(match.deal, "serving")


def test_worker__killed__is_replaced(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    [fork_server] = psutil.Process(peer.pid).children()
    [worker] = [child for child in fork_server.children() if child.name() == "wasm-worker"]

    worker.kill()

    wait_until(
        "another worker answers", lambda: peer.call(deal, "greeting", ["x"]).status_code == 200
    )
    stats = peer.signed("GET", f"/v1/deals/{deal}/stats").json()
    assert (stats["workers"], stats["restarts"]) == (1, 1)


def test_outage__of_the_node__serves_on_and_commits_afterwards(world, peer, proxy):
    peer.rpc_url = f"http://127.0.0.1:{proxy.port}"
    peer.start()
    deal = serve_greeting(world, peer)
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)

    proxy.cut()
    wait_until("the outage is noticed", lambda: not peer.get("/v1/health/ready").json()["ok"])
    world.start_epoch()
    during = peer.call(deal, "greeting", ["you"])
    proxy.mend()

    assert during.status_code == 200
    committed(world, peer, epoch)
    wait_until("all is well", lambda: peer.get("/v1/health/ready").json()["ok"])
    assert peer.call(deal, "greeting", ["you"]).status_code == 200
    assert [e for e in world.events(events.Ended) if e.peer == peer.number] == []


def test_restart__without_a_node__serves_from_disk(world, peer, proxy):
    peer.rpc_url = f"http://127.0.0.1:{proxy.port}"
    peer.start()
    deal = serve_greeting(world, peer)
    world.start_epoch()
    peer.wait_for_epoch(world.epoch)
    peer.kill()
    proxy.cut()

    peer.start()

    peer.wait_for_state(deal, "serving")
    assert peer.call(deal, "greeting", ["you"]).status_code == 200


def test_signal__to_end__ends_workers_and_keeps_all(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    peer.call(deal, "greeting", ["you"])
    children = psutil.Process(peer.pid).children(recursive=True)

    peer.stop()

    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    peer.start()
    peer.wait_for_state(deal, "serving")
    answer = peer.call(deal, "greeting", ["you"])
    assert answer.headers["Wasmarket-Receipt"].split(":")[1] == "1"


def test_key__of_the_peer__is_for_its_owner_only(peer):
    assert os.stat(peer.folder.path / "key").st_mode & 0o777 == 0o600


def test_restart__content_lost__waits_for_a_source_and_stays_assigned(world, peer, make_peer):
    other = make_peer()
    app = publish(other.blocks, GREETING.read_bytes())
    other.start()
    peer.start()
    match = world.match(app, [peer.number])
    notice = {"deal": match.deal, "assignment": match.assignments[0], "sources": [other.url]}
    peer.post("/v1/notices", notice)
    peer.wait_for_state(match.deal, "serving")
    peer.kill()
    for cid in list(peer.blocks.cids()):
        peer.blocks.delete(cid)

    peer.start()
    peer.wait_for_state(match.deal, "failed")

    assert peer.call(match.deal, "greeting", ["you"]).status_code == 503
    ready = peer.get("/v1/health/ready")
    assert ready.status_code == 503
    assert f"deal {match.deal}" in ready.json()["reason"]
    peer.post("/v1/notices", notice)
    peer.wait_for_state(match.deal, "serving")
    assert [e for e in world.events(events.Ended) if e.deal == match.deal] == []


def test_restart__version_that_ran_is_lost__runs_what_the_chain_names(world, peer):
    peer.start()
    deal = serve_greeting(world, peer)
    peer.kill()
    (peer.folder.service(deal) / "app").write_text("0x" + "cd" * 32)

    peer.start()
    peer.wait_for_state(deal, "serving")

    assert peer.call(deal, "greeting", ["you"]).status_code == 200


def test_port__taken__is_said(make_peer):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        peer = make_peer(port=taken.getsockname()[1])
        with pytest.raises(AssertionError, match="is in use"):
            peer.start()
