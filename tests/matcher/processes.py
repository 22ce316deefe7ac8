"""Matcher processes that tests start, kill and start again."""

import json
import os
import threading
import time
from pathlib import Path

import httpx

from tests.forked import Script
from tests.paths import CHECKOUT
from wasmarket.kernel.deployment import dump_deployment
from wasmarket.kernel.signing.offers import dump_offer

MATCHER = Script(Path(__file__).with_name("matcher_process.py"))
PATIENCE = 120
"""Seconds: a machine that compiles the engine's kernels for the first time is slow."""


class Process:
    """A matcher process; `deadly` names the moment at which it kills itself."""

    def __init__(self, town, store_url, folder, deadly=""):
        self.town = town
        self.file = folder / "deployment.json"
        self.file.write_text(dump_deployment(town.deployment))
        key = "0x" + town.first.key.hex()
        self.arguments = [str(self.file), store_url, town.rpc.url, key]
        self.start(deadly)

    def start(self, deadly=""):
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
        self.process = MATCHER.start(*self.arguments, deadly, environment=environment)
        line = self.process.stdout.readline()
        if not line:
            self.wait()
            raise AssertionError("the process ended before it was ready")
        self.url = json.loads(line)["url"]

    def wait(self):
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code

    def end(self, number):
        self.process.send_signal(number)
        return self.wait()

    def post(self, path, offer, account, **members):
        signature = self.town.sign(offer, account).to_hex()
        body = {"offer": dump_offer(offer), "signature": signature} | members
        answer = httpx.post(self.url + path, json=body)
        assert answer.status_code == 201, answer.text

    def get(self, path):
        return httpx.get(self.url + path).json()


def wait_for(claim, seconds=PATIENCE):
    pause, until = threading.Event(), time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never came true"
        pause.wait(0.05)


def follow(indexer, stop, seconds):
    """Let an indexer take its turns until told to stop, as its process does."""
    while not stop.wait(seconds):
        indexer.take_turn(stop)
