"""Fuel is protocol: another release of the engine counts the same, or no work is done by it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peer.hosting.fuel_vectors import FIRST
from tests.paths import CHECKOUT
from tests.peer.engines import arm
from tests.peer.engines.other_engines import BEFORE, OLDER, find_python
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.runtime.components.wat_components import ECHO
from tests.peer.test_peer_metered import LIMITS, METER
from wasmarket.kernel import events
from wasmarket_cli.building.build import build_modules

pytestmark = pytest.mark.e2e

VECTORS = {vector.function: [vector.fuel, vector.output] for vector in FIRST}
CALLS = json.loads((CHECKOUT / "tests/vectors/calls.json").read_text())["calls"]
COUNT = Path(__file__).with_name("count_fuel.py")
CALL = Path(__file__).with_name("call_vectors.py")
TRY = Path(__file__).with_name("try_schedules.py")
PYTHON = Path(__file__).with_name("python")


def run(command, program, *options):
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath}
    done = subprocess.run(
        [*command, program, *options], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def count_fuel(release):
    return run([find_python(release)], COUNT)


def test_vectors__nans_as_the_processor_makes_them__are_not_reproduced():
    found = run([sys.executable], COUNT, "--own-nans")

    assert [name for name in VECTORS if found[name] != VECTORS[name]] == ["nans", "vectors"]


def find_arm(**release):
    return arm.find_command(**release) or pytest.skip("no Arm here; `make arm64` lays an emulator")


def test_calls__by_the_engine_here__have_the_recorded_values():
    assert run([sys.executable], CALL) == CALLS


def test_calls__by_the_release_before__have_the_recorded_values_but_of_joined_components():
    check_release_before(run([find_python(BEFORE)], CALL))


def test_calls__as_code_of_64_bit_arm__have_the_recorded_values():
    assert run(find_arm(), CALL) == CALLS


def test_calls__as_arm_code_by_the_release_before__have_them_but_of_joined_components():
    check_release_before(run(find_arm(before=True), CALL))


def check_release_before(found):
    """It counts what it lays itself between parts of a component otherwise, and nothing else."""
    kept = ("guest", "function", "body", "status", "output")
    assert [[call[k] for k in kept] for call in found] == [
        [call[k] for k in kept] for call in CALLS
    ]
    pairs = zip(found, CALLS, strict=True)
    assert {call["guest"] for call, other in pairs if call != other} == {"joined", "javascript"}


def test_calls__nans_as_the_processor_makes_them__are_noticed():
    guests = ("numbers", "lifted-numbers")
    found = run([sys.executable], CALL, "--own-nans", *guests)

    recorded = [call for call in CALLS if call["guest"] in guests]
    differing = {
        call["function"] for call, other in zip(found, recorded, strict=True) if call != other
    }
    assert {"v_least", "v_relaxed_least", "bits"} <= differing


@pytest.mark.timeout(1_800)
def test_calls__python_as_code_of_64_bit_arm__have_the_values_of_the_engine_here():
    # Compiling it as Arm code takes minutes the first time.
    emulated = find_arm()
    [built] = build_modules(PYTHON)
    here = run([sys.executable], CALL, built.target)

    assert run(emulated, CALL, built.target) == here
    assert [call["status"] for call in here] == [0, 0, 0, 0, 1]


def test_vectors__by_the_release_before__are_the_same():
    assert count_fuel(BEFORE) == VECTORS


def test_schedules__by_the_release_before__are_those_of_modules_alone(tmp_path):
    assert run([find_python(BEFORE)], TRY, tmp_path) == {"modules": [1], "components": []}


def test_vectors__by_an_older_release__are_not_reproduced():
    found = count_fuel(OLDER)

    assert [name for name in VECTORS if found[name] != VECTORS[name]] == ["memory_work"]


@pytest.fixture
def peer(make_peer):
    made = make_peer()
    made.policy = '[metered]\ncredit = "1"\n'
    return made


def start_deal(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes(), limits=LIMITS)
    match = world.match(app, [peer.number], meter=METER.address)
    peer.wait_for_state(match.deal, "serving")
    return match


def call(peer, deal):
    """Call once; return the fuel, and the number of the receipt."""
    answer = peer.call(deal, "greeting", ["you"])
    assert answer.status_code == 200, answer.text
    return answer.headers["Wasmarket-Fuel"], int(answer.headers["Wasmarket-Receipt"].split(":")[1])


def test_peer__engine_upgraded_under_a_running_deal__goes_on_with_equal_fuel(world, peer):
    peer.python = find_python(BEFORE)
    peer.start()
    match = start_deal(world, peer)
    before = call(peer, match.deal)
    peer.stop()

    peer.python = None
    peer.start()
    peer.wait_for_state(match.deal, "serving")

    assert call(peer, match.deal) == (before[0], before[1] + 1)
    assert [e for e in world.events(events.Ended) if e.deal == match.deal] == []


def test_peer__engine_that_counts_otherwise_under_a_running_deal__serves_none_until_it_is_back(
    world, peer
):
    peer.start()
    match = start_deal(world, peer)
    before = call(peer, match.deal)
    peer.stop()

    peer.counts_otherwise = True
    peer.start()
    wait_until("it refuses", lambda: peer.state(match.deal) == "failed")
    refused = peer.call(match.deal, "greeting", ["you"])
    assert refused.status_code == 503
    assert "fuel schedule 1 is not the one of the engine here" in refused.text
    peer.stop()

    peer.counts_otherwise = False
    peer.start()
    peer.wait_for_state(match.deal, "serving")
    assert call(peer, match.deal) == (before[0], before[1] + 1)


def test_peer__release_before_that_joins_components_otherwise__takes_none(world, peer):
    peer.python = find_python(BEFORE)
    peer.start()
    app = publish(peer.blocks, ECHO, abi="component", limits=LIMITS)
    deal = world.match(app, [peer.number], meter=METER.address).deal

    peer.wait_for_state(deal, "ended")

    refusals = peer.get("/v1/status").json()["extra"]["refusals"]
    assert (
        "fuel schedule 1 is not the one of the engine here for components"
        in (refusals[str(deal)]["detail"])
    )
