"""A chain that is away or another one, and ports that are taken."""

import socket
from dataclasses import replace

import httpx
import pytest

from tests.e2e.market_driver import run_here, wait_until
from wasmarket.chain.development.anvil import Anvil
from wasmarket.client.home import Home
from wasmarket.kernel.errors import PortInUse
from wasmarket_cli.errors import Exit, report
from wasmarket_cli.local.network import start_market
from wasmarket_cli.local.plan import FREE_PORTS, Plan, find_free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def other_anvil():
    with Anvil.start() as anvil:
        yield anvil


@pytest.mark.parametrize(
    "command",
    [
        ("wallet", "balance", "--address", "0x" + "00" * 20),
        ("indexer", "run"),
        ("matcher", "run"),
        ("gateway", "run"),
        ("peer", "run", "alpha-1"),
        ("local", "epoch"),
    ],
    ids=" ".join,
)
def test_command__no_chain__is_unreachable_with_a_hint(tmp_path, monkeypatch, command):
    monkeypatch.setenv("WASMARKET_CHAIN__RPC", f"http://127.0.0.1:{find_free_port()}")
    run_here("--home", str(tmp_path), "peer", "init", "alpha-1")

    ran = run_here("--home", str(tmp_path), *command)

    lines = ran.err.splitlines()
    assert (ran.code, ran.out) == (4, "")
    assert lines[-2].startswith("wasmarket: ")
    assert lines[-1].startswith("  hint: ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("service", "command"), [("matcher", "status"), ("gateway", "call")])
def test_command__no_service__is_unreachable_with_a_hint(market, monkeypatch, service, command):
    name = f"WASMARKET_CLIENT__{service.upper()}"
    arguments = ("call", "1", "a.b") if command == "call" else ("status", "1")
    monkeypatch.setenv(name, f"http://127.0.0.1:{find_free_port()}")

    ran = run_here("--home", str(market.home.root), *arguments)

    assert ran.code == 4
    assert f"the {service} at http://127.0.0.1:" in ran.err
    assert f"[client] {service} names it" in ran.err


def urls(market):
    """Return where the processes are that follow the chain; the sandbox of cards does not."""
    processes = market.market.services | market.market.peers
    return {name: one.url for name, one in processes.items() if name != "sandbox"}


def readiness(market):
    """Return by process why it is not ready; empty: ready."""
    answers = {
        n: httpx.get(f"{url}/v1/health/ready", timeout=60) for n, url in urls(market).items()
    }
    return {
        name: "" if answer.status_code == 200 else answer.json()["reason"]
        for name, answer in answers.items()
    }


def test_services__chain_goes_away__stay_up_say_so_and_recover(market, deal):
    pids = {n: p.pid for n, p in (market.market.services | market.market.peers).items()}
    wait_until("all are ready", lambda: not any(readiness(market).values()))

    market.proxy.cut()
    try:
        wait_until("all say why not", lambda: all(readiness(market).values()))
        called = market.call(deal, "greeting/greeting", ["x"])
        shown = market.run("status", deal, "--json")
        deployed = market.run("deploy", market.greeting, "--new", "--max-price", "0.02", "--yes")
        live = [httpx.get(f"{url}/v1/health/live").status_code for url in urls(market).values()]
    finally:
        market.proxy.mend()

    assert called.json() == {"result": "Hi, x"}
    assert shown.code == 0
    assert deployed.code == 4
    assert set(live) == {200}
    wait_until("all are ready again", lambda: not any(readiness(market).values()))
    assert {n: p.pid for n, p in (market.market.services | market.market.peers).items()} == pids
    assert market.deploy()


@pytest.mark.parametrize("service", ["indexer", "matcher", "gateway", "peer"])
def test_service__port_is_taken__is_a_usage_error_that_names_it(market, busy_port, service):
    arguments = ("peer", "run", "spare") if service == "peer" else (service, "run")

    market.run("peer", "init", "spare")

    ran = market.run(*arguments, "--port", busy_port)

    assert ran.code == 2
    assert f"wasmarket: port {busy_port} on 127.0.0.1 is in use" in ran.err
    assert ran.err.splitlines()[-1].startswith("  hint: ")


@pytest.mark.parametrize(
    "field", ["chain", "matcher", "gateway", "indexer", "payments", "sandbox", "peer"]
)
def test_start_market__port_is_taken__fails_at_once_and_starts_nothing(
    tmp_path, busy_port, field, capsys
):
    taken = replace(FREE_PORTS, **{field: busy_port})
    steps = []

    with pytest.raises(PortInUse) as caught:
        start_market(Home(tmp_path), Plan(ports=taken, payments=True), steps.append)

    assert report(caught.value) is Exit.USAGE
    assert str(busy_port) in capsys.readouterr().err
    assert steps == ["chain"]


def test_start_market__another_anvil_on_the_port__is_named(tmp_path, other_anvil):
    with pytest.raises(PortInUse, match="another Anvil") as caught:
        start_market(Home(tmp_path), Plan(ports=replace(FREE_PORTS, chain=other_anvil.port)))

    assert caught.value.remedy
    assert other_anvil.rpc.fetch_chain_id() == 31337


@pytest.mark.parametrize("service", ["indexer", "matcher", "gateway", "peer"])
def test_service__another_chain_at_the_url__is_wrong_chain(
    market, other_anvil, monkeypatch, service
):
    monkeypatch.setenv("WASMARKET_CHAIN__RPC", other_anvil.url)
    arguments = ("peer", "run", "alpha-1") if service == "peer" else (service, "run")

    ran = run_here("--home", str(market.home.root), *arguments, "--port", "0")

    assert ran.code == 2
    assert "has no contract at" in ran.err
    assert "another Anvil may be running on this port" in ran.err


def test_doctor__everything_away__names_each_and_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMARKET_CHAIN__RPC", f"http://127.0.0.1:{find_free_port()}")
    monkeypatch.setenv("WASMARKET_CLIENT__MATCHER", f"http://127.0.0.1:{find_free_port()}")
    monkeypatch.setenv("WASMARKET_CLIENT__GATEWAY", f"http://127.0.0.1:{find_free_port()}")

    ran = run_here("--home", str(tmp_path), "doctor", "--json")

    assert ran.code == 1
    assert [row["check"] for row in ran.json if row["ok"]] == []
    assert all(row["detail"] for row in ran.json)


def test_doctor__running_market__is_well(market):
    ran = market.run("doctor", "--json")

    assert (ran.code, [row["check"] for row in ran.json if not row["ok"]]) == (0, [])
