"""Hearing of new blocks: from a real node as they come, and when to look where none tells."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from indexer.look_pace import QUICKEST, LookPace
from tests.matcher.anvil_town import deploy
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.reading.heads import SAFETY_SECONDS, NewHeads, websocket_url
from wasmarket.kernel.deployment import dump_deployment
from wasmarket.kernel.errors import ConfigError
from wasmarket.store.database import sqlite_url

PROCESS = Path(__file__).with_name("indexer_process.py")
HOSTED = "https://node.example/key"


def step_until(heads, told):
    """Take steps until it has called, at most for a minute."""
    told.clear()
    for _ in range(60):
        heads.step()
        if told.is_set():
            return
    raise AssertionError("nothing was told")


@pytest.mark.anvil
def test_new_heads__block_is_mined__is_told_and_the_end_noticed():
    told = threading.Event()
    with Anvil.start() as anvil:
        heads = NewHeads(websocket_url(anvil.rpc.url, ""), told.set)
        step_until(heads, told)
        assert heads.is_live
        assert heads.pause == 0
        anvil.cheats.mine()
        step_until(heads, told)
        assert heads.is_live
    # The node is gone: somebody is to look.
    step_until(heads, told)

    assert not heads.is_live
    assert heads.pause > 0


@pytest.mark.anvil
def test_new_heads__nobody_listens__is_no_failure_and_wakes():
    woken = threading.Event()
    heads = NewHeads("ws://127.0.0.1:9", woken.set)

    heads.step()

    assert woken.is_set()
    assert not heads.is_live


@pytest.mark.anvil
def test_run__node_that_tells__is_ready_and_follows_at_once(tmp_path):
    with Anvil.start(timestamp=1_800_000_000) as anvil:
        deployment = deploy(anvil)
        file = tmp_path / "deployment.json"
        file.write_text(dump_deployment(deployment))
        command = [sys.executable, PROCESS, file, sqlite_url(tmp_path / "store.sqlite")]
        process = subprocess.Popen(
            [str(part) for part in (*command, anvil.rpc.url, "0", "tells")],
            cwd=PROCESS.parents[2],
            env={"PYTHONPATH": str(PROCESS.parents[2]), "PATH": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            anvil.cheats.mine()
            pause = threading.Event()
            for _ in range(600):
                ready = httpx.get(f"{url}/v1/health/ready").json()
                status = httpx.get(f"{url}/v1/status").json()
                if ready["ok"] and status["indexed"] == anvil.rpc.fetch_block_number():
                    break
                pause.wait(0.1)
            assert ready["ok"], ready
        finally:
            process.terminate()
            process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.unit
def test_new_heads__http_url__is_refused():
    with pytest.raises(ConfigError, match="WebSocket"):
        NewHeads("http://127.0.0.1:8545", lambda: None)


@pytest.mark.unit
def test_pause__node_on_this_machine__is_a_tenth_of_a_second():
    assert LookPace("http://127.0.0.1:8545", 0.5, lambda: False).pause() == QUICKEST


@pytest.mark.unit
def test_pause__node_tells__looks_rarely():
    assert LookPace("http://127.0.0.1:8545", 0.5, lambda: True).pause() == SAFETY_SECONDS


@pytest.mark.unit
def test_pause__blocks_of_a_rhythm__is_short_when_one_is_due_and_long_again_when_none_comes():
    now = [100.0]
    pace = LookPace(HOSTED, 0.5, lambda: False, lambda: now[0])
    assert pace.pause() == 0.5
    pace.note(7)
    now[0] += 12
    pace.note(8)

    pauses = []
    for passed in (1.0, 10.8, 0.3, 5.0, 20.0):
        now[0] += passed
        pauses.append(pace.pause())

    assert pauses == [0.5, pytest.approx(0.2), QUICKEST, QUICKEST, 0.5]
