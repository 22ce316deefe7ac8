"""`wasmarket keeper`: a running market's deals and earnings, looked after by a policy."""

import http.server
import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager

import pytest

from tests.e2e.market_driver import COMMAND, wait_until
from tests.measuring import measured

pytestmark = pytest.mark.e2e


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what webhooks bring."""

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        self.server.found.append(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.found = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def keeping(market, policy):
    """Run a keeper until the block is over."""
    with market.environment():
        environ = {**os.environ, **measured(), "WASMARKET_KEEPER__POLL_SECONDS": "0.2"}
    process = subprocess.Popen(
        [
            *(str(COMMAND), "--home", str(market.home.root)),
            *("keeper", "run", "--port", "0", "--policy", str(policy)),
        ],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert json.loads(line)["ready"]
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def test_keeper__of_a_market__funds_a_deal_claims_and_tells(market, hook, tmp_path):
    deal = market.deploy(only="alpha", deposit=300_000)
    (tmp_path / "secret").write_text("hush")
    policy = tmp_path / "keeper.toml"
    policy.write_text(
        f"""
        [[runway]]
        key = "developer"
        deals = [{deal}]
        floor_epochs = 100
        target_epochs = 150
        most_usdc_per_month = "50"
        [[payouts]]
        key = "alpha"
        at_least_usdc = "0.000001"
        [[alarms]]
        key = "alpha"
        [notices]
        webhook = "http://127.0.0.1:{hook.server_port}/notices"
        webhook_secret_file = "secret"
        """
    )
    [shown] = market.run("keeper", "check", "--policy", policy, "--json").json
    assert (shown["deal"], shown["runway"] < 100, int(shown["top_up"]) > 0) == (deal, True, True)
    for _ in range(4):
        # Until an epoch can be committed no more it is not claimed.
        market.next_epoch()

    with keeping(market, policy):
        wait_until("it is funded", lambda: int(market.client().deal(deal)["runway"]) >= 145)
        wait_until(
            "people are told",
            lambda: {f"funded:{deal}", "claimed:alpha"} <= {n["about"] for n in hook.found},
        )

    lines = market.run("keeper", "journal", "--json").json
    done = [line["what"] for line in lines if line["what"] != "told"]
    assert [what for what in done if what != "claimed"] == ["begun", "ended"]
    claimed = next(line for line in lines if line["what"] == "claimed")
    assert claimed["paid"] > 0
    assert "ended" in market.run("keeper", "journal").out


def test_keeper__with_a_mistake_in_its_policy__names_it(market, tmp_path):
    policy = tmp_path / "keeper.toml"
    policy.write_text("[[runway]]\nflor_epochs = 3\n")

    ran = market.run("keeper", "check", "--policy", policy)
    missing = market.run("keeper", "run", "--policy", tmp_path / "none.toml")

    assert "did you mean 'floor_epochs'" in ran.err
    assert ran.code == 2
    assert "none.toml" in missing.err
