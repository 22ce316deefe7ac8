"""Anvil: starts on a free port, says who has a taken one, keeps its state, leaves no orphan."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from tests.paths import CHECKOUT
from wasmarket.chain.clock import ChainClock
from wasmarket.chain.development.anvil import Anvil, check_port, find_anvil
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.errors import ConfigError, PortInUse, Unreachable
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.anvil


def test_start__default__answers_at_once_on_a_free_port(anvil):
    assert anvil.rpc.fetch_chain_id() == 31337
    assert anvil.port > 0


def test_start__two__have_different_ports(anvil):
    with Anvil.start(chain_id=5) as other:
        assert other.port != anvil.port
        assert other.rpc.fetch_chain_id() == 5


def test_start__port_of_another_anvil__says_so(anvil):
    with pytest.raises(PortInUse) as caught:
        Anvil.start(port=anvil.port)

    assert f"port {anvil.port} is in use by another Anvil (chain 31337)" in str(caught.value)
    assert "another port" in caught.value.remedy


def test_start__port_of_something_else__says_so():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(5)

        with pytest.raises(PortInUse) as caught:
            check_port(port)

    assert "another program" in str(caught.value)


def test_start__bad_argument__gives_anvils_own_words():
    with pytest.raises(Unreachable, match="Anvil did not start"):
        Anvil.start(timestamp=-1)


def test_stop__ends_the_process(anvil):
    process = psutil.Process(anvil.pid)

    anvil.stop()

    assert not process.is_running()
    with pytest.raises(Unreachable):
        Rpc(anvil.url, retries=0).fetch_head()


def test_stop__after_a_crash__is_quiet(anvil):
    anvil.kill()
    anvil.stop()


def test_state__kept__is_there_after_a_restart(tmp_path):
    state = tmp_path / "chain.json"
    with Anvil.start(state=state) as first:
        first.cheats.mine(3)
        head = first.rpc.fetch_head()

    with Anvil.start(state=state) as second:
        assert second.rpc.fetch_head() == head


def test_log__given__takes_the_output(tmp_path):
    log = tmp_path / "anvil.log"

    with Anvil.start(log=log) as anvil:
        anvil.rpc.fetch_chain_id()

    assert "Listening on" in log.read_text()


def test_parent_killed__ends_anvil_too():
    code = (
        "import threading; from wasmarket.chain.development.anvil import Anvil; a = Anvil.start();"
        "print(a.pid, flush=True); threading.Event().wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=CHECKOUT
    ) as child:
        anvil = psutil.Process(int(child.stdout.readline()))
        os.kill(child.pid, signal.SIGKILL)

    gone, _ = psutil.wait_procs([anvil], timeout=10)
    assert gone


def test_find_anvil__not_there__says_how_to_get_it(tmp_path):
    with pytest.raises(ConfigError) as caught:
        find_anvil(tmp_path / "anvil")

    assert "make setup" in caught.value.remedy


def test_cheats__time_travel__moves_the_protocol_clock(anvil):
    deployment = fake_deployment(epoch_seconds=60)
    clock = ChainClock(anvil.rpc, deployment)
    start = deployment.start_of(clock.epoch() + 2)

    anvil.cheats.set_next_timestamp(start)
    anvil.cheats.mine()
    assert clock.refresh() == start
    assert clock.seconds_left() == 60

    anvil.cheats.increase_time(59)
    assert clock.now() == start
    assert clock.refresh() == start + 59
    assert clock.seconds_left() == 1


def test_cheats__snapshot_and_balance__can_be_undone(anvil):
    address = "0x" + "11" * 20
    snapshot = anvil.cheats.snapshot()
    anvil.cheats.set_balance(address, 7)
    assert anvil.rpc.fetch_balance(address) == 7

    anvil.cheats.revert(snapshot)

    assert anvil.rpc.fetch_balance(address) == 0
