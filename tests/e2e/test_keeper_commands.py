"""`wasmarket keeper`: a running market's deals and earnings, looked after by a policy."""

import http.server
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from email import message_from_bytes

import pytest

from tests.e2e.market_driver import COMMAND, GREETING, wait_until
from tests.e2e.test_commands_payments import pay, state_of
from tests.measuring import measured
from wasmarket.app.file import load_app

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


class MailServer(socketserver.StreamRequestHandler):
    """Takes mail as RFC 5321 has it, from anybody."""

    def handle(self):
        self.say("220 mailbox")
        while line := self.rfile.readline().strip():
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.say("221 bye")
                return
            if verb == b"DATA":
                self.say("354 go on")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part
                self.server.found.append(message_from_bytes(body))
            self.say("250 well")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def serving(server):
    server.found = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook():
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as server:
        yield server


@pytest.fixture
def mailbox():
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer)) as server:
        yield server


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
    done = [line["what"] for line in lines if line["what"] in ("begun", "ended", "claimed")]
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


def test_keeper__account_whose_card_is_saved__has_it_charged_when_its_deal_is_short(
    market, mailbox, tmp_path
):
    buyer = market.new_account("buyer", funded=False)
    saving = ("payments", "card", "save", "5", "usd", "--most-per-month", "20", "--no-follow")
    opened = market.run(*saving, "--key", buyer, "--json").json
    pay(opened["page"])
    wait_until("it is paid", lambda: state_of(market, opened["id"], buyer) == "delivered")
    client, app = market.client(buyer), load_app(GREETING)
    client.publish(app)
    offer = client.offer(market.requirement(deposit=300_000), app.app).hash
    deal = int(wait_until("a match", lambda: client.offer_state(offer)["deal"]))
    wait_until(
        "it runs", lambda: {a["state"] for a in client.deal(deal)["assignments"]} == {"active"}
    )
    policy, told = tmp_path / "keeper.toml", tmp_path / "told.txt"
    script = f"import sys; open({str(told)!r}, 'a').write(sys.argv[1] + chr(10))"
    policy.write_text(
        f"""
        [[runway]]
        key = "{buyer}"
        floor_epochs = 1000
        target_epochs = 1100
        sources = ["card"]
        most_usdc_per_month = "6"
        [notices]
        command = [{json.dumps(sys.executable)}, "-c", {json.dumps(script)}]
        [notices.mail]
        port = {mailbox.server_address[1]}
        sender = "keeper@example.org"
        to = ["you@example.org"]
        """
    )

    with keeping(market, policy):
        text = f"deal {deal} was topped up by card by"
        wait_until("mail came", lambda: any(text in mail["Subject"] for mail in mailbox.found))
        wait_until("the command ran", lambda: told.exists() and text in told.read_text())

    shown = market.run("payments", "card", "show", "--key", buyer, "--json").json
    assert (shown["state"], 500 < int(shown["charged"]) <= 700) == ("active", True)
    assert int(client.deal(deal)["balance"]) > 5_000_000
    lines = [
        line for line in market.run("keeper", "journal", "--json").json if line.get("deal") == deal
    ]
    begun = [line["source"] for line in lines if line["what"] == "begun"]
    assert set(begun) == {"card"}
    assert sum(line["moved"] for line in lines if line["what"] == "ended") == 1
    ids = [mail["Message-ID"] for mail in mailbox.found]
    assert len(ids) == len(set(ids)) > 0
    assert "ends with 4242" in market.run("payments", "card", "show", "--key", buyer).out
    forgotten = market.run("payments", "card", "forget", "--key", buyer)
    assert "nothing more is charged" in forgotten.out
    assert (
        market.run("payments", "card", "show", "--key", buyer, "--json").json["state"]
        == "cancelled"
    )
