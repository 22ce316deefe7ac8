"""Scripts that go from peer to peer and call services of deals."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.peer.choreography.avm_bench import build_particle, id_of, key_of
from tests.peer.choreography.conftest import run_script
from tests.peer.choreography.garbage_peer import answering_garbage
from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import encode_particle, parse_peer_id
from wasmarket.kernel.documents.receipts import unpack_receipt
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.particles import verify_worker, worker_message
from wasmarket.kernel.signing.typed_data import market_domain

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def send(peer, particle) -> httpx.Response:
    return httpx.post(
        f"{peer.url}/v1/particles", content=encode_particle(particle), trust_env=False
    )


def test_script__over_two_peers__calls_a_deal_and_its_receipt_says_so(pair):
    b, worker = pair.peers[1], pair.workers[1]
    before = b.world.epoch

    answer = pair.run(pair.at_b(f'(call "{worker}" ("greeting" "greeting") ["Bob"] x)')).json()

    assert answer["result"] == "Hi, Bob"
    [trail] = b.get(f"/v1/particles/{answer['particle']}").json()["items"]
    [call] = [call for call in trail["calls"] if call["receipt"]]
    assignment, sequence, digest = call["receipt"].split(":")
    paths = [f"/v1/deals/{pair.deal}/receipts/{epoch}" for epoch in {before, b.world.epoch}]
    items = [item for path in paths for item in b.get(path).json()["items"]]
    [item] = [item for item in items if item["hash"] == "0x" + digest]
    receipt = unpack_receipt(bytes.fromhex(item["packed"][2:]))
    assert (receipt.assignment, receipt.sequence) == (int(assignment), int(sequence))
    assert receipt.input == sha256(b'["Bob"]') == bytes.fromhex(call["input"])
    assert receipt.output == bytes.fromhex(call["output"])


def test_service__that_maps_the_vault__works_on_the_particles_files(pair):
    worker = pair.workers[1]
    call = f"""(seq (call "{worker}" ("vault" "put") ["hello"] path)
      (seq (call "{worker}" ("op" "concat_strings") [path ".copy"] other)
       (seq (call "{worker}" ("copier" "copy") [path other] code)
        (call "{worker}" ("vault" "cat") [other] x))))"""

    answer = pair.run(pair.at_b(call)).json()

    assert answer["result"] == "hello"
    assert list(pair.peers[1].folder.path.rglob("storage/copier/vault/*")) == []


def test_vault__on_a_host__says_whose_it_is(pair):
    answer = pair.run(pair.at_b(f'(call "{pair.hosts[1]}" ("vault" "put") ["x"] x)'))

    assert answer.status_code == 502
    assert "a vault is of a worker" in answer.json()["detail"]


def test_service__called_for_a_particle__is_told_by_whom_and_where_from(pair):
    call = f"""(seq (call "{pair.hosts[1]}" ("peer" "timestamp_sec") [] t)
      (seq (call "{pair.hosts[1]}" ("debug" "stringify") [t] text)
       (call "{pair.workers[1]}" ("witness" "witness") [text] x)))"""

    answer = pair.run(pair.at_b(call)).json()

    told = answer["result"]
    assert told["particle"]["id"] == answer["particle"]
    assert told["particle"]["init_peer_id"] == answer["initiator"]
    assert bytes(told["particle"]["signature"]).hex() == answer["trail"]["signature"]
    assert (told["host_id"], told["worker_id"]) == (pair.hosts[1], pair.workers[1])
    assert told["service_id"] == "witness"
    [[origin]] = told["tetraplets"]
    assert origin["peer_pk"] == pair.hosts[1]
    assert (origin["service_id"], origin["function_name"]) == ("debug", "stringify")


def test_worker__announced_by_its_peer__is_proven(pair, world):
    a = pair.peers[0]
    [held] = a.get(f"/v1/deals/{pair.deal}").json()["assignments"]
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    key = parse_peer_id(held["worker"]["id"])

    message = worker_message(domain, a.number, pair.deal, held["assignment"], key)

    verify_worker(raw(a.key), bytes.fromhex(held["worker"]["proof"][2:]), message)


def test_subnet__resolved__names_the_live_workers_of_both_peers(pair):
    a = pair.hosts[0]
    script = f"""(seq (call "{a}" ("subnet" "resolve") ["{pair.deal}"] x)
      (call %init_peer_id% ("callbackSrv" "response") [x]))"""

    found = pair.run(script).json()["result"]

    assert found["success"] is True
    assert {w["host_id"]: w["worker_id"] for w in found["workers"]} == {
        host: [worker] for host, worker in zip(pair.hosts, pair.workers, strict=True)
    }


def test_subnet__own__is_the_workers_deal_and_nobodys_on_a_host(pair):
    asked = [
        pair.run(pair.at_b(f'(call "{place}" ("subnet" "resolve") ["own"] x)'))
        for place in (pair.workers[1], pair.hosts[1])
    ]

    found = asked[0].json()["result"]["workers"]
    assert {worker["host_id"] for worker in found} == set(pair.hosts)
    assert "is the deal of a worker" in asked[1].json()["detail"]


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        ('"greeting" "none") []', "no function none"),
        ('"nothing" "none") []', "no service nothing"),
        ('"witness" "trap") []', "witness.trap"),
        ('"greeting" "greeting") [7]', "expected string"),
        ('"srv" "create") ["x"]', "wasmarket deploy"),
        ('"sig" "sign") ["x"]', "sign what AquaVM did"),
    ],
)
def test_call__that_cannot_be__is_an_error_that_the_script_sees(pair, call, cause):
    answer = pair.run(pair.at_b(f'(call "{pair.workers[1]}" ({call} x)'))

    assert answer.status_code == 502
    assert cause in answer.json()["detail"]


def test_services__of_a_deal__are_not_the_hosts(pair):
    answer = pair.run(pair.at_b(f'(call "{pair.hosts[1]}" ("greeting" "greeting") ["x"] x)'))

    assert "on worker via host" in answer.json()["detail"]


def test_services__of_two_deals__do_not_mix(pair, world):
    a = pair.peers[0]
    other = world.match(publish(a.blocks, GREETING.read_bytes(), name="other"), [a.number]).deal
    a.wait_for_state(other, "serving")

    here = pair.run(
        f"""(xor (seq (call "{pair.hosts[0]}" ("op" "noop") [])
         (call "{pair.workers[0]}" ("other" "greeting") ["x"] x))
        (seq (call "{pair.hosts[0]}" ("op" "noop") [])
         (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0])))"""
    )

    assert "no service other" in here.json()["detail"]


def test_stat__of_a_worker__tells_calls_and_memory_of_its_service(pair):
    worker = pair.workers[1]
    pair.run(pair.at_b(f'(call "{worker}" ("greeting" "greeting") ["Zoe"] x)'))

    asked = pair.run(pair.at_b(f'(call "{worker}" ("stat" "service_stat") ["greeting"] x)'))

    assert asked.json()["result"]["status"] is True
    [found] = asked.json()["result"]["result"]
    [greeting] = [f for f in found["functions_stats"] if f["name"] == "greeting"]
    assert greeting["stats"]["success_req_count"] >= 1
    assert greeting["stats"]["call_time_sec"]["avg"] > 0
    assert found["total_stats"]["success_req_count"] >= greeting["stats"]["success_req_count"]
    asked = pair.run(pair.at_b(f'(call "{worker}" ("stat" "service_memory") ["greeting"] x)'))
    [module] = asked.json()["result"]
    assert 0 < module["memory_size_bytes"] <= module["max_memory_size_bytes"]


@pytest.mark.parametrize(
    ("service", "cause"), [("nothing", "no service nothing"), ("greeting", "on worker via host")]
)
def test_stat__that_cannot_be__says_why(pair, service, cause):
    place = pair.workers[1] if service == "nothing" else pair.hosts[1]

    asked = pair.run(pair.at_b(f'(call "{place}" ("stat" "service_stat") ["{service}"] x)'))

    assert asked.status_code == 502
    assert cause in asked.json()["detail"]


def test_access__of_mode_peers__lets_in_who_is_listed_and_nobody_over_http(pair, world):
    a, worker = pair.peers[0], pair.workers[0]
    script = f"""(xor (seq (call "{pair.hosts[0]}" ("op" "noop") [])
      (seq (call "{worker}" ("greeting" "greeting") ["x"] x)
       (seq (call "{pair.hosts[0]}" ("op" "noop") [])
        (call %init_peer_id% ("callbackSrv" "response") [x]))))
     (seq (call "{pair.hosts[0]}" ("op" "noop") [])
      (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0])))"""
    me = pair.run(script).json()["initiator"]
    path = f"/v1/deals/{pair.deal}/access"
    listed = b'{"version":1,"mode":"peers","peers":["%b"]}' % me.encode()
    try:
        assert a.signed("PUT", path, listed).json()["peers"] == [me]
        assert pair.run(script).json()["result"] == "Hi, x"
        stranger = pair.run(script, by=world.provider)
        assert "not on the deal's list" in stranger.json()["detail"]
        nosy = script.replace(
            '("greeting" "greeting") ["x"]', '("stat" "service_stat") ["greeting"]'
        )
        assert "not on the deal's list" in pair.run(nosy, by=world.provider).json()["detail"]
        assert pair.run(nosy).json()["result"]["status"] is True
        over_http = a.call(pair.deal, "greeting", ["x"])
        assert (over_http.status_code, "particles only" in over_http.text) == (403, True)
        a.signed("PUT", path, b'{"version":2,"mode":"keys"}')
        assert "HTTP only" in pair.run(script).json()["detail"]
    finally:
        a.signed("PUT", path, b'{"version":3,"mode":"public"}')


def test_particle__brought_by_a_client__is_run_and_its_trail_can_be_read(pair):
    a = pair.peers[0]
    particle = build_particle(3, f'(call "{pair.hosts[0]}" ("op" "array") [1 2] x)')

    assert send(a, particle).status_code == 202
    path = f"/v1/particles/{particle.id}"

    def calls() -> object:
        [trail] = a.get(path).json()["items"]
        return trail["calls"]

    [call] = wait_until("it was called", calls)
    assert (call["service"], call["function"], call["code"]) == ("op", "array", 0)


def test_particle__for_nobody__says_so_in_its_trail(pair):
    a = pair.peers[0]
    particle = build_particle(3, f'(call "{id_of(77)}" ("op" "noop") [])')
    send(a, particle)

    def problems() -> object:
        return a.get(f"/v1/particles/{particle.id}").json()["items"][0]["problems"]

    [problem] = wait_until("it says so", problems)
    assert "no peer on chain has this id" in problem


def test_peer__that_answers_garbage__holds_up_nobody_else(pair, world):
    key = key_of(66).public_key().public_bytes_raw()
    with answering_garbage() as (url, came):
        world.register_peer(key, world.next_wallet().address, url, units=1, memory_mib=64)
        a, b = pair.hosts
        wait_until(
            "A knows it",
            lambda: pair.run(f"""(seq (call "{a}" ("peer" "get_contact") ["{id_of(66)}"] x)
              (call %init_peer_id% ("callbackSrv" "response") [x]))""").json()["result"],
        )
        greet = f'(call "{pair.workers[1]}" ("greeting" "greeting") ["Al"] x)'
        script = f"""(seq (par (call "{id_of(66)}" ("op" "noop") [])
           (seq (call "{b}" ("op" "noop") []) {greet}))
          (seq (call "{b}" ("op" "noop") []) (seq (call "{a}" ("op" "noop") [])
           (call %init_peer_id% ("callbackSrv" "response") [x]))))"""

        answer = pair.run(script, ttl=20_000).json()

        assert answer["result"] == "Hi, Al"
        assert came


def test_initiator__that_nobody_reaches__costs_nothing_but_the_ttl(pair):
    a = pair.peers[0]
    before = a.get("/v1/particles").json()["live"]
    script = f"""(seq (call "{pair.hosts[0]}" ("op" "noop") [] x)
      (call %init_peer_id% ("callbackSrv" "response") [x]))"""
    particle = build_particle(5, script, ttl=1_000)

    assert send(a, particle).status_code == 202

    wait_until("it is gone", lambda: a.get("/v1/particles").json()["live"] <= before)
    [trail] = a.get(f"/v1/particles/{particle.id}").json()["items"]
    assert "no client here" in trail["sent"][0]["problem"]


def test_body__that_says_it_has_100_mb__is_refused_before_it_comes(pair):
    place = urlsplit(pair.peers[0].url)
    lines = ("POST /v1/particles HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {100 << 20}")
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())

        assert connection.recv(1_000).split()[1] == b"413"


@pytest.mark.parametrize("size", [0, 10, 5 << 20])
def test_body__that_is_no_particle__is_refused(pair, size):
    answer = httpx.post(
        f"{pair.peers[0].url}/v1/particles", content=b"\x81" * size, trust_env=False
    )

    assert answer.status_code == (400 if size <= 10 else 413)
    assert answer.json()["type"].startswith("urn:wasmarket:")


def test_script__without_a_signature__is_refused(pair):
    assert pair.peers[0].post("/v1/scripts", {"script": "(null)"}).status_code == 401


def test_peer__killed_while_it_holds_a_particle__goes_on_after_its_start(pair):
    b = pair.peers[1]
    call = f'(call "{pair.workers[1]}" ("greeting" "greeting") ["again"] x)'
    b.kill()
    try:
        late = run_later(pair, pair.at_b(call))
    finally:
        b.start()
        b.wait_for_state(pair.deal, "serving")
        # Until now nobody knows where it is: what comes earlier than its services is refused.
        b.move()

    assert late().json()["result"] == "Hi, again"


def run_later(pair, script):
    """Start a script in the background and return a function that waits for its answer."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(run_script, pair.peers[0], script, None, 40_000)
    pool.shutdown(wait=False)
    return lambda: future.result(60)
