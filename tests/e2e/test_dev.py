"""`wasmarket dev`: an app over HTTP without a chain, again at each change, until Ctrl-C."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading

import httpx
import pytest

from tests.e2e.market_driver import (
    COMMAND,
    EXAMPLES,
    GREETING,
    GREETING_V2,
    own_settings,
    wait_until,
)
from tests.measuring import measured
from tests.peer.apps import build_reading_secret, build_seeing
from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.hashing import keccak

pytestmark = pytest.mark.e2e

TRIGGER = """
[[trigger]]
kind = "every"
seconds = 86400
service = "greeting"
function = "greeting"
arguments = ["clock"]
"""


class RunningDesk:
    """A `wasmarket dev` process and the events that it tells."""

    def __init__(self, app, home, *options):
        environ = {name: value for name, value in os.environ.items() if name not in own_settings()}
        self._events = queue.Queue()
        self.process = subprocess.Popen(
            [COMMAND, "--home", home, "dev", app, "--port", "0", "--json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ | measured(),
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self.wait_for("ready")["url"]

    def _read(self):
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put({"event": "end of output"})

    def wait_for(self, name):
        """Return the next event of that name; others before it are passed over."""
        while (event := self._events.get(timeout=120))["event"] != name:
            assert event["event"] != "end of output", self.process.stderr.read()
        return event

    def call(self, target, value):
        return httpx.post(f"{self.url}/v1/deals/1/{target}", json=value, timeout=60)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120), self.process.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def desk(tmp_path):
    app = shutil.copytree(GREETING, tmp_path / "greeting")
    with (app / "app.toml").open("a") as file:
        file.write(TRIGGER)
    running = RunningDesk(app, tmp_path / "home")
    yield running, app
    running.kill()


def test_dev__serves_reloads_keeps_what_works_fires_and_ends(desk):
    running, app = desk

    first = running.call("greeting/greeting", ["Ada"])
    logged = running.wait_for("log")
    listed = httpx.get(f"{running.url}/dev/triggers").json()["triggers"]
    fired = httpx.post(f"{running.url}/dev/triggers/1", timeout=60)
    no_trigger = httpx.post(f"{running.url}/dev/triggers/7")

    shutil.copy(GREETING_V2 / "greeting.wasm", app / "greeting.wasm")
    running.wait_for("reloaded")
    second = running.call("greeting/greeting", ["Ada"])
    (app / "app.toml").write_text((app / "app.toml").read_text().replace("abi =", "abbi ="))
    kept = running.wait_for("kept")
    third = running.call("greeting/greeting", ["Ada"])
    code, said = running.end()

    assert first.json() == {"result": "Hi, Ada"}
    assert first.headers["wasmarket-receipt"].startswith("1:0:")
    assert logged["text"] == "greeting Ada"
    assert [(row["kind"], row["function"]) for row in listed] == [("every", "greeting")]
    assert fired.json()["result"] == "Hi, clock"
    assert (no_trigger.status_code, no_trigger.json()["type"]) == (404, "urn:wasmarket:not-found")
    assert second.json()["result"].startswith("Hello, Ada")
    assert "abbi is not known" in kept["why"]
    assert third.json() == second.json()
    assert (code, said) == (0, "")


def test_dev__site__is_at_the_url_of_a_gateway(tmp_path):
    running = RunningDesk(shutil.copytree(EXAMPLES / "site", tmp_path / "site"), tmp_path / "home")
    try:
        page = httpx.get(f"{running.url}/1/", timeout=60)
        answered = running.wait_for("answered")
        taken = subprocess.run(
            [COMMAND, "dev", tmp_path / "site", "--port", "0"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        code, _ = running.end()
    finally:
        running.kill()

    assert page.status_code == 200
    assert "<h1>" in page.text
    assert (answered["path"], answered["status"]) == ("/1/", 200)
    assert taken.returncode == 3
    assert "another process" in taken.stderr
    assert code == 0


GUARDED = """
name = "guarded"

[effectors.secret]
names = ["TOKEN"]

[[service]]
name = "vault"
total_memory_limit = 16777216
[[service.module]]
name = "vault"
path = "vault.wasm"

[[service]]
name = "watcher"
total_memory_limit = 16777216
[[service.module]]
name = "watcher"
path = "watcher.wasm"

[[trigger]]
kind = "chain-event"
contract = "{contract}"
event = "Ping(uint256 deal, uint256 who, uint256 balance)"
confirmations = 0
service = "watcher"
function = "seen"
"""
CONTRACT = "0x00000000000000000000000000000000000c0ffe"
TOPIC = keccak(b"Ping(uint256,uint256,uint256)").hex()
ECHO = f"0x606060006000377f{TOPIC}60606000a100"
"""Code of a contract that makes an event of what it is called with."""


@pytest.fixture
def guarded(tmp_path):
    """An app that reads a secret and waits for events, with a file of secrets beside it."""
    app = tmp_path / "guarded"
    (app / ".wasmarket").mkdir(parents=True)
    (app / "app.toml").write_text(GUARDED.format(contract=CONTRACT))
    (app / "vault.wasm").write_bytes(build_reading_secret())
    (app / "watcher.wasm").write_bytes(build_seeing())
    secrets = app / ".wasmarket" / "secrets.toml"
    secrets.write_text('TOKEN = "ab"')
    secrets.chmod(0o600)
    return app


def test_dev__secrets_of_a_file__are_read_at_the_next_call_and_never_shown(guarded, tmp_path):
    secrets = guarded / ".wasmarket" / "secrets.toml"
    running = RunningDesk(guarded, tmp_path / "home")
    try:
        first = running.call("vault/sum", [])
        secrets.write_text('TOKEN = "swordfish"\nTOKNE = "x"')
        named = running.wait_for("secrets")
        odd = running.wait_for("secret-problem")
        second = running.call("vault/sum", [])
        secrets.write_text("TOKEN = 7")
        kept = running.wait_for("secrets-kept")
        third = running.call("vault/sum", [])
        code, said = running.end()
    finally:
        running.kill()

    assert first.json() == {"result": sum(b"ab")}
    assert named["names"] == ["TOKEN", "TOKNE"]
    assert "did you mean TOKEN" in odd["why"]
    assert second.json() == third.json() == {"result": sum(b"swordfish")}
    assert 'TOKEN = "text"' in kept["remedy"]
    assert (code, said) == (0, "")
    assert (guarded / ".wasmarket" / ".gitignore").read_text() == "*\n"
    left = [path for path in (guarded / ".wasmarket" / "dev").rglob("*") if path.is_file()]
    assert not [path for path in left if b"swordfish" in path.read_bytes()]


def test_dev__secret_that_nobody_can_be_asked_for__names_the_file(guarded):
    refused = subprocess.run(
        [COMMAND, "dev", guarded, "--port", "0", "--secret", "TOKEN"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert refused.returncode == 2
    assert "put it into .wasmarket/secrets.toml" in refused.stderr


def test_dev__events_of_a_named_node__call_the_function_as_does_one_by_hand(guarded, tmp_path):
    event = {"deal": "1", "who": "2", "balance": "3"}
    with Anvil.start() as anvil:
        anvil.rpc.request("anvil_setCode", [CONTRACT, ECHO], object)
        running = RunningDesk(guarded, tmp_path / "home", "--rpc", anvil.url)
        try:
            without = httpx.post(f"{running.url}/dev/triggers/1", timeout=60)
            by_hand = httpx.post(
                f"{running.url}/dev/triggers/1", json={"argument": event}, timeout=60
            )
            told = f"{running.url}/dev/triggers"
            wait_until("the node is read", lambda: _trigger(told).get("block") is not None)
            data = "0x" + "".join(f"{number:064x}" for number in (1, 2, 3))
            anvil.rpc.request(
                "eth_sendTransaction",
                [
                    {"from": anvil.rpc.request("eth_accounts", [], list[str])[0]}
                    | {"to": CONTRACT, "data": data}
                ],
                str,
            )
            fired = wait_until("the event", lambda: _trigger(told)["recent"])
            code, _ = running.end()
        finally:
            running.kill()

    assert (without.status_code, without.json()["type"]) == (400, "urn:wasmarket:invalid-input")
    assert '"balance"' in without.json()["remedy"]
    assert by_hand.json()["result"] == 7
    assert [(row["state"], row["firing"] // 1_000_000) for row in fired] == [("answered", 1)]
    assert code == 0


def test_dev__events_without_a_node__are_said_to_be_unread(guarded, tmp_path):
    running = RunningDesk(guarded, tmp_path / "home")
    try:
        unread = running.wait_for("unread")
    finally:
        running.kill()

    assert unread["number"] == 1
    assert "--rpc URL" in unread["why"]


def _trigger(url):
    return httpx.get(url, timeout=60).json()["triggers"][0]


def test_build__watched__builds_again_says_what_is_wrong_and_ends_by_ctrl_c(tmp_path):
    app = shutil.copytree(GREETING, tmp_path / "greeting")
    process = subprocess.Popen(
        [COMMAND, "build", app, "--watch", "--json"],
        env=os.environ | measured(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = json.loads(process.stdout.readline())
        good = (app / "app.toml").read_text()
        (app / "app.toml").write_text(good.replace("abi =", "abbi ="))
        wrong = process.stderr.readline()
        (app / "app.toml").write_text(good.replace('name = "greeting"', 'name = "other"', 1))
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    finally:
        process.kill()
        process.communicate()

    assert (first["name"], second["name"], code) == ("greeting", "other", 0)
    assert "abbi is not known" in wrong
