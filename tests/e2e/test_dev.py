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

from tests.e2e.market_driver import COMMAND, EXAMPLES, GREETING, GREETING_V2, own_settings
from tests.measuring import measured

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

    def __init__(self, app, home):
        environ = {name: value for name, value in os.environ.items() if name not in own_settings()}
        self._events = queue.Queue()
        self.process = subprocess.Popen(
            [COMMAND, "--home", home, "dev", app, "--port", "0", "--json"],
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


@pytest.fixture
def desk(tmp_path):
    app = shutil.copytree(GREETING, tmp_path / "greeting")
    with (app / "app.toml").open("a") as file:
        file.write(TRIGGER)
    running = RunningDesk(app, tmp_path / "home")
    yield running, app
    running.process.kill()
    running.process.wait()
    running.process.stdout.close()
    running.process.stderr.close()


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
        running.process.kill()
        running.process.stdout.close()
        running.process.stderr.close()

    assert page.status_code == 200
    assert "<h1>" in page.text
    assert (answered["path"], answered["status"]) == ("/1/", 200)
    assert taken.returncode == 3
    assert "another process" in taken.stderr
    assert code == 0


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
