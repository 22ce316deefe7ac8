"""npm js-client 0.9.0, unchanged, is a client of a peer."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from peer.choreography.avm_file import CHECKOUT
from tests.peer.choreography.conftest import serve_pair
from tests.peer.choreography.tetraplets import build_witness
from tests.peer.p2p.certificates import write_certificate
from tests.peer.peer_runner import GREETING
from tests.peer.services import publish_services
from wasmarket_cli.local.plan import find_free_port

MODULES = CHECKOUT / "node_modules"
PROGRAM = Path(__file__).with_name("js_client.mjs")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node"),
]


def run_client(multiaddr: str, deal: int, folder: Path, **environ: str) -> dict[str, object]:
    done = subprocess.run(
        ["node", str(PROGRAM), str(MODULES), multiaddr, str(deal), str(folder)],
        capture_output=True,
        timeout=200,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr.decode()[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_js_client__unchanged__runs_air_and_aqua_with_callbacks_many_at_once_and_again(
    world, make_peer, tmp_path
):
    certificate, key = write_certificate(tmp_path)
    tls = {"p2p_tls_cert": str(certificate), "p2p_tls_key": str(key)}
    peers = [
        make_peer(units=16, p2p_port=find_free_port()),
        make_peer(units=16, p2p_port=find_free_port(), **tls),
    ]
    app = None
    for peer in peers:
        peer.start()
        peer.move()
        services = {"greeting": GREETING.read_bytes(), "witness": build_witness()}
        app = publish_services(peer.blocks, services)
    pair = serve_pair(world, peers, app)
    [multiaddr] = peers[0].get("/v1/particles").json()["addresses"]

    steps = run_client(multiaddr, pair.deal, tmp_path)

    assert steps["raw"] == "got raw"
    assert steps["hello"] == [["Hi, Ada", "Hi, Ada"], {"text": "Hi, Ada", "size": 2}]
    assert steps["each"] == "told true"
    assert "no function none" in steps["wrong"]
    assert steps["many"] == 200
    assert steps["again"] == "got again"

    [secure] = peers[1].get("/v1/particles").json()["addresses"]
    over_tls = {"MANY": "1", "TRIPS": "1", "NODE_EXTRA_CA_CERTS": str(certificate)}
    assert "/wss/p2p/" in secure
    assert run_client(secure, pair.deal, tmp_path, **over_tls)["raw"] == "got raw"
