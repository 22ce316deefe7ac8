"""A peer tries to run a guest before it takes work; where none can run, it says why."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from peer.hosting.component_vectors import COMPONENT_SCHEDULES
from peer.hosting.fuel_vectors import SCHEDULES
from peer.hosting.self_test import SelfTest
from peer.runtime.errors import StartFailed
from peer.runtime.workers.spawner import ROOT, WorkerSpawner
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.runtime.pools import in_loop
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE

pytestmark = pytest.mark.e2e


@in_loop
async def test_step__usual_machine__passes_and_leaves_nothing(tmp_path):
    spawner = WorkerSpawner()
    test = SelfTest(tmp_path / "own", tmp_path / "cache", spawner)
    assert test.may_sell is None
    checking = asyncio.create_task(test.check())

    await test.step()
    await checking

    assert test.may_sell
    assert test.schedules == {FUEL_SCHEDULE}
    assert await test.find_schedules(has_components=True) == {FUEL_SCHEDULE}
    assert not (tmp_path / "own").exists()
    await spawner.close()


@in_loop
async def test_step__engine_that_counts_otherwise__takes_no_work_by_that_schedule(
    tmp_path, monkeypatch
):
    [*vectors, last] = SCHEDULES[FUEL_SCHEDULE]
    other = (*vectors, replace(last, fuel=last.fuel + 1))
    monkeypatch.setattr("peer.hosting.self_test.SCHEDULES", {FUEL_SCHEDULE: other, 2: vectors})
    spawner = WorkerSpawner()
    test = SelfTest(tmp_path / "own", tmp_path / "cache", spawner)

    await test.step()

    assert test.may_sell
    assert test.schedules == {2}
    assert await test.find_schedules(has_components=True) == frozenset()
    await spawner.close()


@in_loop
async def test_step__engine_that_joins_components_otherwise__takes_none_by_that_schedule(
    tmp_path, monkeypatch
):
    [*vectors, last] = COMPONENT_SCHEDULES[FUEL_SCHEDULE]
    other = {FUEL_SCHEDULE: (*vectors, replace(last, fuel=last.fuel + 1))}
    monkeypatch.setattr("peer.hosting.self_test.COMPONENT_SCHEDULES", other)
    spawner = WorkerSpawner()
    test = SelfTest(tmp_path / "own", tmp_path / "cache", spawner)

    await test.step()

    assert test.may_sell
    assert await test.find_schedules(has_components=False) == {FUEL_SCHEDULE}
    assert await test.find_schedules(has_components=True) == frozenset()
    await spawner.close()


@in_loop
async def test_check__no_worker_can_start__raises_the_cause(tmp_path):
    (tmp_path / "file").write_text("")
    spawner = WorkerSpawner()
    test = SelfTest(tmp_path / "file" / "own", tmp_path / "cache", spawner)

    with pytest.raises(StartFailed, match="cannot run guests"):
        await test.step()
    with pytest.raises(StartFailed, match="cannot run guests"):
        await test.check()
    assert test.may_sell is False
    await spawner.close()


ROOT_WITHOUT = ["capsh", "--drop=cap_setuid,cap_setgid", "--", "-c"]
WITHOUT_SETUID = """
import asyncio, sys
from pathlib import Path
from peer.hosting.self_test import SelfTest
from peer.runtime.workers.spawner import WorkerSpawner

async def main():
    spawner = WorkerSpawner()
    test = SelfTest(Path(sys.argv[1]) / "own", Path(sys.argv[1]) / "cache", spawner)
    try:
        await test.step()
    except Exception as error:
        print(error)
    await spawner.close()

asyncio.run(main())
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("capsh") is None, reason="only root has capabilities to lose"
)
def test_step__root_without_cap_setuid__names_it(tmp_path):
    code = tmp_path / "code.py"
    code.write_text(WITHOUT_SETUID)
    command = f"exec {sys.executable} {code} {tmp_path}"
    done = subprocess.run(
        [*ROOT_WITHOUT, command],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        timeout=180,
    )

    assert "cannot become another user" in done.stdout
    assert "CAP_SETUID" in done.stdout


def test_peer__cannot_run_guests__is_not_ready_and_refuses_at_once(world, make_peer):
    peer = make_peer()
    (peer.folder.path / "self-test").write_text("in the way of the test's folder")
    peer.start()

    def reason():
        answer = peer.get("/v1/health/ready")
        return answer.status_code == 503 and json.loads(answer.text)["reason"]

    wait_until("it says so", lambda: "cannot run guests" in (reason() or ""))
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    peer.wait_for_state(deal, "ended")
    refusals = peer.get("/v1/status").json()["extra"]["refusals"]
    assert "cannot run guests" in refusals[str(deal)]["detail"]

    (peer.folder.path / "self-test").unlink()
    wait_until("it is ready", lambda: peer.get("/v1/health/ready").status_code == 200)
