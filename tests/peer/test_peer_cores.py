"""A peer's workers and the cores of its machine."""

import os

import psutil
import pytest

from tests.peer.peer_runner import GREETING, publish

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]
CORES = set(os.sched_getaffinity(0))


@pytest.mark.parametrize("units", [1, len(CORES) + 1])
def test_peer__called__runs_workers_on_cores_of_their_own_if_there_are_enough(
    world, make_peer, units
):
    peer = make_peer(units=units)
    peer.start()
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    peer.wait_for_state(deal, "serving")

    assert peer.call(deal, "greeting", ["you"]).status_code == 200

    is_enough = units <= len(CORES)
    said = peer.get("/v1/status").json()["extra"]["pinning"]
    assert said == ("on" if is_enough else f"off: {units} units, {len(CORES)} cores")
    [fork_server] = psutil.Process(peer.pid).children()
    workers = [child for child in fork_server.children() if child.name() == "wasm-worker"]
    # Those of choreography are nicer: they stand behind whoever serves calls.
    [worker] = [child for child in workers if child.nice() == 0]
    assert len(worker.cpu_affinity()) == (1 if is_enough else len(CORES))
    assert set(psutil.Process(peer.pid).cpu_affinity()) == CORES
