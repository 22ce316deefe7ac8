"""Processes of one market on several machines, each killed and started again at random."""

import json
import os
import random
import signal
import threading

import httpx

from tests.forked import Script
from tests.matcher.processes import MATCHER, wait_for
from tests.paths import CHECKOUT
from wasmarket.kernel.deployment import dump_deployment

SCRIPTS = {
    "indexer": Script(CHECKOUT / "tests" / "indexer" / "indexer_process.py"),
    "matcher": MATCHER,
    "gateway": Script(CHECKOUT / "tests" / "scale" / "gateway_process.py"),
}


class Member:
    """One process, which a thread starts again whenever it has ended."""

    def __init__(self, kind, arguments):
        self.kind, self.arguments = kind, arguments
        self.url = None
        self.lives = 0
        self.process = None
        self._killed = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=kind)

    def start(self):
        self._thread.start()

    def kill(self):
        """End it as a power cut does."""
        process = self._killed = self.process
        if process is not None:
            process.send_signal(signal.SIGKILL)

    def was_killed(self, process):
        """Tell whether a process was; its sockets close before it has ended."""
        return process is self._killed or process.poll() is not None

    def end(self):
        """Stop it for good."""
        self._stop.set()
        self.kill()
        self._thread.join(60)

    def _keep(self):
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
        while not self._stop.is_set():
            with SCRIPTS[self.kind].start(*self.arguments, environment=environment) as process:
                self.process = process
                if self._stop.is_set():
                    process.kill()
                line = process.stdout.readline()
                if line:
                    self.url, self.lives = json.loads(line)["url"], self.lives + 1
                process.wait()
                self.url = None


class Fleet:
    """All processes over one store; reads go to any that is up, as behind a load balancer."""

    def __init__(self, town, store_url, folder, counts, seed):
        file = folder / "deployment.json"
        file.write_text(dump_deployment(town.deployment))
        rpc, key = town.rpc.url, "0x" + town.first.key.hex()
        self.random = random.Random(seed)
        self.members = [
            Member(kind, self._arguments(kind, number, str(file), store_url, rpc, key, folder))
            for kind, count in counts.items()
            for number in range(count)
        ]
        self.kills = 0
        self.failed = []

    @staticmethod
    def _arguments(kind, number, file, store, rpc, key, folder):
        return {
            "indexer": [file, store, rpc, "0"],
            "matcher": [file, store, rpc, key],
            "gateway": [file, store, str(folder / f"blocks{number}")],
        }[kind]

    def __enter__(self):
        for member in self.members:
            member.start()
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.end()

    def of(self, kind):
        return [member for member in self.members if member.kind == kind]

    def kill_one(self):
        """Kill one that is up, of a kind that has another."""
        up = [member for member in self.members if member.url]
        many = [m for m in up if sum(other.kind == m.kind for other in up) > 1]
        if many:
            self.random.choice(many).kill()
            self.kills += 1

    def ask(self, kind, method, path, **options):
        """Ask a process that is up; the next one, should it be killed meanwhile.

        None while there is none. An answer that says that the process itself fails is noted.
        """
        members = self.of(kind)
        self.random.shuffle(members)
        for member in members:
            url, process = member.url, member.process
            if url is None:
                continue
            try:
                # Plain HTTP: certificates of authorities would be read for each question.
                answer = httpx.request(method, url + path, timeout=30, verify=False, **options)
            except httpx.TransportError as error:
                if not member.was_killed(process):
                    self.failed.append(f"{method} {path}: {error!r}")
                continue
            if answer.status_code >= 500 and kind == "matcher":
                self.failed.append(f"{method} {path}: {answer.text[:300]}")
                continue
            return answer
        return None

    def insist(self, kind, method, path, **options):
        """Ask until a process has answered; it must have taken what it was given."""
        answers = []

        def is_answered():
            answers.append(self.ask(kind, method, path, **options))
            return answers[-1] is not None

        wait_for(is_answered)
        assert answers[-1].is_success, answers[-1].text
        return answers[-1]
