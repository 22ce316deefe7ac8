"""From an empty HOME to an answer, at a terminal, as the first page on functions says it.

Each step is a test of its own: the tools of the languages take their time.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.market_driver import COMMAND, own_settings
from tests.measuring import measured
from tests.paths import CHECKOUT
from wasmarket.client.home import Home

pytestmark = pytest.mark.e2e

STEP_SECONDS = 400.0
PATIENT = ("--wait", "300")
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
PAGE = CHECKOUT / "docs" / "how-to" / "write-functions.md"


@dataclass(slots=True)
class Person:
    """Somebody at a terminal, with a HOME in which nothing is yet."""

    home: Path
    market: Home
    folder: Path

    def lend_code(self):
        """Give all peers what was compiled here: compiling Python can take a busy machine longer
        than a peer has to answer a match.
        """
        for name in self.market.peer_names():
            shutil.copytree(self.market.code, self.market.peer(name) / "cache", dirs_exist_ok=True)

    def type(self, *words, answers=()):
        """Run a command; `answers` are pairs of what is waited for and what is typed then.

        Return its exit code and all that the terminal showed, without colours.
        """
        own = {name: value for name, value in os.environ.items() if name not in own_settings()}
        places = {"HOME": str(self.home), "WASMARKET_HOME": str(self.market.root)}
        environ = own | places | measured()
        environ.pop("XDG_CACHE_HOME", None)
        screen, line = pty.openpty()
        process = subprocess.Popen(
            [COMMAND, *map(str, words)],
            cwd=self.folder,
            env=environ | {"TERM": "xterm", "COLUMNS": "200"},
            stdin=line,
            stdout=line,
            stderr=line,
            start_new_session=True,
        )
        os.close(line)
        shown, waiting = b"", list(answers)
        until = time.monotonic() + STEP_SECONDS
        try:
            while time.monotonic() < until:
                if not select.select([screen], [], [], 1.0)[0]:
                    if process.poll() is not None:
                        break
                    continue
                try:
                    read = os.read(screen, 65_536)
                except OSError:
                    # The other end is closed: the command has ended.
                    break
                shown += read
                if waiting and waiting[0][0].encode() in shown:
                    os.write(screen, f"{waiting.pop(0)[1]}\n".encode())
            return process.wait(STEP_SECONDS), STYLE.sub("", shown.decode())
        finally:
            process.kill()
            process.wait()
            os.close(screen)


@pytest.fixture(scope="module", params=["python", "ts"])
def person(request, market, tmp_path_factory):
    """Who begins with a project in this language, and finds a market that runs."""
    place = tmp_path_factory.mktemp(request.param)
    (place / "home").mkdir()
    someone = Person(place / "home", market.home, place)
    code, shown = someone.type("init", "shop", "--lang", request.param)
    assert (code, "next: `cd shop`" in shown) == (0, True), shown
    someone.folder = place / "shop"
    return someone


def test_page__begins_with_these_steps():
    first = PAGE.read_text(encoding="utf-8").partition("```\n")[2]
    commands = [line.partition("#")[0].split() for line in first.partition("```")[0].splitlines()]

    assert [words[1] for words in commands if words[:1] == ["wasmarket"]] == [
        "init",
        "test",
        "dev",
        "deploy",
    ]


def test_step__build__says_what_it_made(person):
    code, shown = person.type("build")

    assert (code, "shop.wasm" in shown) == (0, True), shown


def test_step__test__of_what_was_begun__passes(person):
    code, shown = person.type("test")

    assert (code, "greets by name" in shown) == (0, True), shown


def test_step__deploy__asks_shows_the_way_and_the_function_answers(person):
    person.lend_code()

    code, shown = person.type("deploy", *PATIENT, answers=[("Publish and offer?", "y")])
    deal = re.search(r"deal (\d+) runs; its functions:", shown)
    assert (code, deal is not None) == (0, True), shown
    called, answer = person.type("call", deal[1], "shop.greet", "Ada")

    assert "per unit and epoch" in shown
    assert "shop.greet <name>" in shown
    assert (called, "Hello, Ada!" in answer) == (0, True), answer


def test_step__change__is_built_again(person):
    source = next(path for path in person.folder.glob("app.*") if path.suffix in (".py", ".ts"))
    source.write_text(source.read_text().replace("Hello, ", "Good day, "))

    code, shown = person.type("build")

    assert (code, "building shop.wasm" in shown) == (0, True), shown


def test_step__change__is_tried_here(person):
    code, shown = person.type("run", ".", "shop.greet", "Ada")

    assert (code, "Good day, Ada!" in shown) == (0, True), shown


def test_step__deploy_again__updates_the_deal_that_the_project_remembers(person):
    person.lend_code()

    code, shown = person.type("deploy", *PATIENT, "--yes")
    deal = re.search(r"deal (\d+) of this project is updated", shown)
    assert (code, deal is not None) == (0, True), shown

    assert "Good day, Ada!" in person.type("call", deal[1], "shop.greet", "Ada")[1]
