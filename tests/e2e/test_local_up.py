"""`wasmarket local up` as a command of its own, again and again in one home."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from tests.e2e.market_driver import COMMAND, GREETING, own_settings, run_here
from tests.e2e.test_story import find_processes

pytestmark = pytest.mark.e2e

UP = ("local", "up", "--free-ports")


@pytest.fixture
def local_up(tmp_path):
    """A function that starts a market of one peer in the test's home and waits until it is up."""
    started = []

    def start():
        process = subprocess.Popen(
            [COMMAND, "--home", tmp_path / "home", *UP, "--peers", "1", "--json"],
            env=plain_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def plain_environ():
    return {name: value for name, value in os.environ.items() if name not in own_settings()}


def run(tmp_path, *arguments):
    """Run a command in this process."""
    return run_here("--home", str(tmp_path / "home"), *arguments)


def end(process, tmp_path):
    """End a market as a process manager does; check that nothing of it is left."""
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=180)
    assert (process.returncode, "Traceback" in words) == (0, False), words
    assert find_processes(tmp_path) == []


def test_local_up__ended_and_started_again__is_a_new_market_each_time(local_up, tmp_path):
    project = shutil.copytree(GREETING, tmp_path / "greeting")
    for _ in range(2):
        # What the project remembers is of a market that is gone by then.
        process, line = local_up()
        deployed = run(tmp_path, "deploy", str(project), "--yes", "--json")
        called = run(tmp_path, "call", "1", "greeting.greeting", "World")
        end(process, tmp_path)

        assert json.loads(line)["ready"] is True
        assert (deployed.code, deployed.json["deal"]) == (0, 1), deployed.err
        assert called.out == "Hi, World\n"

    assert run(tmp_path, "call", "1", "greeting.greeting", "World").code == 4


def test_local_up__in_a_home_where_one_runs__is_refused(market):
    ran = market.run(*UP)

    assert ran.code == 3
    assert "a local market runs in" in ran.err


def test_local_up__home_with_settings_of_its_own__is_left_alone(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "wasmarket.toml").write_text("[matcher]\nport = 1\n")
    (home / "store.sqlite").write_text("precious")

    ran = run(tmp_path, *UP)

    assert ran.code == 3
    assert "is your own" in ran.err
    assert (home / "wasmarket.toml").read_text() == "[matcher]\nport = 1\n"
    assert (home / "store.sqlite").read_text() == "precious"
    assert find_processes(tmp_path) == []
