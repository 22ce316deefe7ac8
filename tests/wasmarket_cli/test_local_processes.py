"""Child processes: ready when they say so, and their last words when they fail."""

import os
import socket

import pytest

from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket.kernel.errors import Conflict, TimedOut
from wasmarket_cli.local.plan import (
    DEFAULT_PEERS,
    FREE_PORTS,
    Plan,
    Ports,
    find_free_port,
    settle_ports,
    write_settings,
)
from wasmarket_cli.local.processes import Process, ProcessFailed, stop_all

pytestmark = pytest.mark.e2e


@pytest.fixture
def run_script(tmp_path, monkeypatch):
    """A function that starts a process whose `wasmarket` is a script."""
    started = []

    def run(text, name="script"):
        package = tmp_path / "package" / "wasmarket_cli"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(text)
        monkeypatch.setattr("wasmarket_cli.local.processes.ROOT", tmp_path / "package")
        process = Process(name, [], Home(tmp_path / "home"), {"PATH": os.defpath})
        started.append(process)
        process.start()
        return process

    yield run
    for process in started:
        process.kill()


READY = 'import json, time; print(json.dumps({"ready": True, "url": "http://x"}), flush=True)\n'
STAY = READY + "time.sleep(600)"


def test_wait_ready__line__gives_its_url(run_script):
    process = run_script(STAY)

    assert process.wait_ready(20) == process.url == "http://x"
    assert process.is_running


def test_wait_ready__ends_before__says_its_last_words_and_where_the_rest_is(run_script):
    process = run_script(
        'import sys; print("first", file=sys.stderr);'
        'print("wasmarket: port 5 is in use\\n  hint: choose another", file=sys.stderr)'
    )

    with pytest.raises(ProcessFailed) as caught:
        process.wait_ready(20)

    assert caught.value.detail == ("script ended before it was ready: wasmarket: port 5 is in use")
    assert caught.value.remedy == f"see {process.log}"
    assert "first" in process.log.read_text()
    assert not process.is_running


def test_wait_ready__ends_without_a_word__says_that(run_script):
    with pytest.raises(ProcessFailed, match="it wrote nothing"):
        run_script("").wait_ready(20)


def test_wait_ready__never__is_a_timeout_and_the_process_is_ended(run_script):
    process = run_script('import sys, time; print("thinking", file=sys.stderr); time.sleep(60)')

    with pytest.raises(TimedOut, match="did not start within 0 s"):
        process.wait_ready(0.3)

    assert not process.is_running


def test_wait_ready__not_started__is_an_error(tmp_path):
    process = Process("x", [], Home(tmp_path), {})

    with pytest.raises(ProcessFailed, match="x is not running"):
        process.wait_ready(1)
    with pytest.raises(ProcessFailed, match="x is not running"):
        assert process.pid
    process.stop()
    process.kill()


def test_stop__asks_first(run_script):
    process = run_script(
        "import signal, sys\n"
        "def end(*_):\n"
        '    print("goodbye", file=sys.stderr, flush=True); sys.exit(0)\n'
        "signal.signal(signal.SIGTERM, end)\n" + STAY
    )
    process.wait_ready(20)

    stop_all([process])

    assert "goodbye" in process.log.read_text()
    assert not process.is_running


def test_stop__that_is_ignored__is_insisted_on(run_script, monkeypatch):
    monkeypatch.setattr("wasmarket_cli.local.processes.STOP_SECONDS", 0.2)
    process = run_script("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAY)
    process.wait_ready(20)

    process.stop()

    assert not process.is_running


def test_output__after_it_is_ready__goes_to_the_log(run_script):
    process = run_script('print(\'{"url": "http://x"}\\nmore\', flush=True)')
    process.wait_ready(20)

    process.stop()

    assert "more" in process.log.read_text()


def test_write_settings__home_of_the_users_own__is_left_alone(tmp_path):
    home = Home(tmp_path)
    home.config.write_text("[matcher]\nport = 1\n")

    with pytest.raises(Conflict, match="is your own"):
        write_settings(home, Ports(), "http://x")

    assert home.config.read_text() == "[matcher]\nport = 1\n"


def test_write_settings__again__replaces_what_we_wrote(tmp_path):
    home = Home(tmp_path)
    for port in (1, 2):
        write_settings(home, Ports(matcher=port), "http://x")

    tables = load_configuration(home, {}).tables
    assert tables["matcher"]["port"] == 2
    assert tables["client"]["matcher"] == "http://127.0.0.1:2"
    assert tables["chain"] == {"rpc": "http://x"}


def test_plan__ports__are_distinct_and_named():
    settled = settle_ports(FREE_PORTS)

    assert len({settled.matcher, settled.gateway, settled.indexer, 0}) == 4
    assert Plan(ports=FREE_PORTS).wanted_ports == ()
    assert Plan().wanted_ports == (8545, 8600, 8601, 8602, 8610, 8611, 8612)
    assert Plan().providers == ("alpha", "beta")
    assert len({peer.name for peer in DEFAULT_PEERS}) == len(DEFAULT_PEERS)


def test_find_free_port__asked_again__is_another_and_none_that_is_taken():
    first = find_free_port()
    with socket.socket() as taken:
        # The next one in turn.
        taken.bind(("127.0.0.1", first + 1))
        following = [find_free_port() for _ in range(20)]

    assert len({first, first + 1, *following}) == 22
