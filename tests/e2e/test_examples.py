"""The five uses of the vision, each an example that is deployed, on one market."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from peer.runtime.module.code_files import CODE, MARK
from tests.e2e.market_driver import EXAMPLES, wait_until
from tests.paths import MACHINE_CODE
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_tests import read_tests, run_tests

pytestmark = pytest.mark.e2e

NOTES_ORIGIN = "https://notes.example.org"
"""Whose pages the example lets in."""

SALES = "name,price\ntea,2\nmilk,4\n"


class Hook:
    """A webhook that keeps what it is told."""

    def __init__(self):
        self.told = told = []

        class Handler(BaseHTTPRequestHandler):
            """Answers each message with 202."""

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append((self.headers["Authorization"], json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def copy_code(source, target):
    """Copy the machine code that is not there yet, each file as a whole and its mark behind it."""
    target.mkdir(parents=True, exist_ok=True)
    for ending in (CODE, MARK):
        for path in source.glob(f"*{ending}"):
            # Another process may find at the same time that it is too old.
            with contextlib.suppress(FileNotFoundError):
                if not (target / path.name).exists():
                    part = shutil.copy(path, target / f"{path.name}.part-{os.getpid()}")
                    os.replace(part, target / path.name)


@pytest.fixture(scope="module")
def hook():
    server = Hook()
    yield server
    server.close()


@pytest.fixture(scope="module")
def trusting(market, hook):
    """The market, with a peer of beta whose apps may reach the hook and the gateway."""
    gateway = market.client().gateway.url
    market.market.peers["beta-1"].kill()
    with market.environment():
        os.environ["WASMARKET_PEER__HTTP_TRUSTED"] = f"http://{hook.host},{gateway}"
        try:
            peer = market.market.start_peer("beta-1")
        finally:
            del os.environ["WASMARKET_PEER__HTTP_TRUSTED"]
    peer.wait_ready(180)
    return market


@pytest.fixture(scope="module")
def deploy(trusting, hook, tmp_path_factory):
    """Deploys an example once, with its hosts those of this market; returns the deal."""
    folder, deals = tmp_path_factory.mktemp("examples"), {}
    gateway = trusting.client().gateway.url
    hosts = {
        "https://hooks.example.org": f"http://{hook.host}",
        "hooks.example.org": hook.host,
        "https://gateway.example.org": gateway,
        "gateway.example.org": gateway.removeprefix("http://"),
    }

    def once(name):
        if name not in deals:
            app = shutil.copytree(
                EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("build")
            )
            for path in (*app.glob("app.*"), app / "tests" / "app.toml"):
                text = path.read_text()
                for host, own in hosts.items():
                    text = text.replace(host, own)
                path.write_text(text)
            # Its own tests first, which compile into the peer's cache: a busy machine takes longer
            # over Python than a peer has to answer a match.
            code = trusting.home.peer("beta-1") / "cache"
            copy_code(MACHINE_CODE, code)
            outcomes = asyncio.run(run_tests(build_app(app, print), read_tests(app), code))
            copy_code(code, MACHINE_CODE)
            assert [outcome.problems for outcome in outcomes if outcome.problems] == []
            ran = trusting.run(
                *("deploy", app, "--only", trusting.address("beta"), "--max-price", "0.02"),
                *("--deposit", "1", "--wait", "300", "--yes", "--json"),
            )
            assert ran.code == 0, ran.err
            deals[name] = ran.json["deal"]
        return deals[name]

    return once


def call(market, deal, target, *values, **options):
    answer = market.call(deal, target, list(values), **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_effectors__on_a_local_market__has_all_that_it_asks_for(market, tmp_path):
    app = shutil.copytree(EXAMPLES / "effectors", tmp_path / "effectors")
    # In the first deployment everybody is chosen: peers of all providers allow what examples need.
    ran = market.run(*("deploy", app, "--units", "2", "--per-provider", "1", "--yes", "--json"))
    assert ran.code == 0, ran.err
    deal = ran.json["deal"]

    kept = {"name": "tea", "value": "green"}
    assert call(market, deal, "effectors/remember", *kept.values()) == ""
    cid = call(market, deal, "effectors/publish", "a text")
    page = call(market, deal, "effectors/fetch", "http://example.com/")

    assert [row["provider"] for row in market.assignments(deal)].count(market.address("beta")) == 1
    assert call(market, deal, "effectors/read", cid) == "a text"
    # `example.com` is no host of its app.toml: the peer says so, which it could not without `http`.
    assert "example.com" in page["error"]
    assert page["visits"] == 1


def test_process_control__on_the_clock__keeps_its_state(trusting, deploy):
    deal = deploy("process-control")
    call(trusting, deal, "control/measure", 10.0)
    # A clock that the peer does not mind yet misses the travel, and strikes a minute later.
    wait_until(
        "the peer minds the clock",
        lambda: trusting.run("trigger", "list", deal, "--json").json["triggers"],
    )

    trusting.next_epoch()
    state = wait_until(
        "the clock has called", lambda: (s := call(trusting, deal, "control/look"))["ticks"] and s
    )
    call(trusting, deal, "control/measure", 90.0)
    full = call(trusting, deal, "control/tick")

    assert state["pump"] is True
    assert full["pump"] is False
    assert full["ticks"] > state["ticks"] - 1
    [row] = trusting.run("trigger", "list", deal, "--json").json["triggers"]
    assert row["answered"] >= 1


def test_messaging__with_a_secret__tells_the_hook_who_tells_it(trusting, deploy, hook):
    deal = deploy("messaging")
    given = trusting.run("secret", "set", deal, "HOOK_KEY", stdin=b"swordfish\n")
    assert given.code == 0, given.err
    message = {"kind": "order", "text": "4 teas", "order": "17"}

    status = wait_until(
        "the peer has the secret",
        lambda: call(trusting, deal, "messaging/notify", message).get("ok"),
    )

    assert status == 202
    assert ("Bearer swordfish", message) in hook.told
    logged = trusting.run("logs", deal)
    assert "the hook answered 202" in logged.out
    assert "swordfish" not in logged.out


def test_notes_api__called_by_a_page_with_a_key__adds_and_lists(trusting, deploy):
    deal = deploy("notes-api")
    key = trusting.run("access", deal, "--new-key", "--json").json["new_key"]
    url = f"{trusting.client().gateway.url}/v1/deals/{deal}/notes"
    page = {"Origin": NOTES_ORIGIN}
    asked = page | {"Access-Control-Request-Method": "POST"}

    preflight = httpx.options(
        f"{url}/add", headers=asked | {"Access-Control-Request-Headers": "authorization"}
    )
    stranger = httpx.post(f"{url}/add", json={"text": "tea"}, headers=page)
    keyed = page | {"Authorization": f"Bearer {key}"}
    added = httpx.post(f"{url}/add", json={"text": "tea"}, headers=keyed)
    listed = httpx.post(f"{url}/list", json=[], headers=keyed)
    other = httpx.options(f"{url}/add", headers=asked | {"Origin": "https://other.example.org"})

    assert preflight.headers["access-control-allow-origin"] == NOTES_ORIGIN
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert stranger.status_code == 401
    assert stranger.headers["access-control-allow-origin"] == NOTES_ORIGIN
    assert added.json() == {"result": {"ok": {"id": 1, "text": "tea"}}}
    assert listed.json() == {"result": [{"id": 1, "text": "tea"}]}
    assert "access-control-allow-origin" not in other.headers


def test_data_processing__of_a_table__gives_statistics_and_a_picture(trusting, deploy):
    deal = deploy("data-processing")

    [price] = call(trusting, deal, "data/summarize", SALES)["ok"]
    picture = base64.b64decode(call(trusting, deal, "data/chart", SALES, "name", "price")["ok"])
    refused = call(trusting, deal, "data/chart", SALES, "name", "weight")

    assert (price["name"], price["count"], price["mean"]) == ("price", 2, 3.0)
    assert picture.startswith(b"<svg ")
    assert picture.count(b"<rect") == 2
    assert refused == {"err": "there is no column 'weight'"}


def test_workflow__of_an_order__calls_two_other_deals_each_once(trusting, deploy, hook):
    data, messaging = deploy("data-processing"), deploy("messaging")
    deal = deploy("workflow")
    trusting.run("secret", "set", messaging, "HOOK_KEY", stdin=b"swordfish\n")
    deals = {"data": data, "messaging": messaging}

    done = wait_until(
        "the secret is there",
        lambda: call(trusting, deal, "workflow/process", "99", SALES, deals).get("ok"),
    )
    again = call(trusting, deal, "workflow/process", "99", SALES, deals)

    assert done == {"order": "99", "total": 6.0, "told": True}
    assert again == {"ok": done}
    told = [message for _, message in hook.told if message["order"] == "99"]
    assert told == [{"kind": "order", "text": "order 99: 6", "order": "99"}]
