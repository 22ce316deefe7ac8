"""Two peers that serve one deal, for scripts that go from one to the other."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from peer.choreography.avm_file import find_avm, find_code_cache
from peer.choreography.curve.quick_avm import QUICK_SHA256
from peer.runtime.module.code_files import CODE
from tests.peer.choreography.copier import build_copier
from tests.peer.choreography.tetraplets import build_witness
from tests.peer.peer_runner import GREETING, PeerRunner, wait_until
from tests.peer.services import publish_services
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import to_peer_id


@dataclass
class Pair:
    """Two peers A and B, one deal on both, and the ids by which scripts reach them."""

    peers: list[PeerRunner]
    deal: int
    hosts: list[str]
    workers: list[str]

    def run(self, script: str, *, by=None, ttl: int = 60_000, **arguments: object):
        """Have A run a script for an account and return the answer."""
        return run_script(self.peers[0], script, by, ttl, arguments)

    def at_b(self, call: str) -> str:
        """Return a script: A, then B, then `call`, then home with `x` or with the error."""
        a, b = self.hosts
        return f"""
        (xor
         (seq (call "{a}" ("op" "noop") [])
          (seq (call "{b}" ("op" "noop") [])
           (seq {call}
            (seq (call "{b}" ("op" "noop") [])
             (seq (call "{a}" ("op" "noop") [])
              (call %init_peer_id% ("callbackSrv" "response") [x]))))))
         (seq (call "{b}" ("op" "noop") [])
          (seq (call "{a}" ("op" "noop") [])
           (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0]))))"""


def run_script(
    peer: PeerRunner, script: str, by=None, ttl: int = 60_000, arguments: dict | None = None
) -> httpx.Response:
    body = json.dumps({"script": script, "arguments": arguments or {}, "ttl_ms": ttl}).encode()
    return peer.signed("POST", "/v1/scripts", body, by or peer.world.stranger)


@pytest.fixture(scope="module")
def pair(world, make_module_peer: Callable[..., PeerRunner]) -> Pair:
    peers = [make_module_peer(units=16) for _ in range(2)]
    services = {
        "greeting": GREETING.read_bytes(),
        "witness": build_witness(),
        "copier": build_copier(),
    }
    app = None
    for peer in peers:
        peer.start()
        peer.move()
        app = publish_services(
            peer.blocks, services, mapped={"copier": {"/tmp/vault": "/storage/vault"}}
        )
    return serve_pair(world, peers, app)


def wait_for_avm(peer: PeerRunner) -> None:
    """Wait until AquaVM is compiled, which a script in time for its ttl would not.

    The first peer that starts from a checkout does so, for all.
    """
    avm = find_avm("")
    if avm is not None:
        code = find_code_cache("", avm, peer.folder.cache)
        wait_until("AquaVM is compiled", lambda: any(code.glob(f"{QUICK_SHA256}-*{CODE}")))


def serve_pair(world, peers: list[PeerRunner], app) -> Pair:
    wait_for_avm(peers[0])
    match = world.match(app, [peer.number for peer in peers])
    workers = []
    for peer in peers:
        peer.wait_for_state(match.deal, "serving")
        [held] = peer.get(f"/v1/deals/{match.deal}").json()["assignments"]
        workers.append(held["worker"]["id"])
    return Pair(peers, match.deal, [to_peer_id(raw(peer.key)) for peer in peers], workers)
