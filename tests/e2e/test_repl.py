"""`wasmarket repl`: functions of an app and of a deal, line by line, also piped in."""

import contextlib
import json
import os
import shutil
import subprocess

import pytest

from tests.e2e.market_driver import COMMAND, GREETING, GREETING_V2, run_here
from tests.measuring import measured

pytestmark = pytest.mark.e2e

LINES = b"""\
greeting Ada
add {"a": 2, "b": 5}
nope
add x 3
quit
greeting never
"""


def read(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


def test_repl__lines_of_a_pipe__are_answered_with_what_they_took(tmp_path):
    ran = run_here("--home", str(tmp_path), "repl", str(GREETING), "--json", stdin=LINES)

    greeted, added, unknown, refused = read(ran)
    assert (ran.code, greeted["result"], added["result"]) == (0, "Hi, Ada", 7)
    assert greeted["logs"] == ["info: greeting Ada"]
    assert greeted["duration_us"] > 0
    assert greeted["memory"] > 1_000_000
    assert (unknown["error"], refused["error"]) == ("invalid-input", "call-refused")


def test_repl__sources_that_change__are_taken_before_the_next_line(tmp_path, desk_repl):
    app = shutil.copytree(GREETING, tmp_path / "greeting")
    running = desk_repl(app)

    first = running.ask("greeting Ada")
    shutil.copy(GREETING_V2 / "greeting.wasm", app / "greeting.wasm")
    second = running.ask("greeting Ada")
    (app / "app.toml").write_text("name =")
    broken = running.ask("greeting Ada")

    assert first["result"] == "Hi, Ada"
    assert second["result"].startswith("Hello, Ada")
    assert "cannot read" in broken["detail"]


@pytest.fixture
def desk_repl(tmp_path):
    """Begins a REPL that is asked over pipes."""
    with contextlib.ExitStack() as stack:

        def begin(app):
            command = [COMMAND, "--home", tmp_path / "home", "repl", app, "--json"]
            process = subprocess.Popen(
                command,
                env=os.environ | measured(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            return AskedRepl(process)

        yield begin


class AskedRepl:
    """A REPL and its pipes."""

    def __init__(self, process):
        self._process = process

    def ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def test_repl__of_a_deal__calls_it(market, deal):
    ran = market.run("repl", deal, stdin=b"greeting Ada\nreload\nhelp\ngreeting 5\n")

    assert ran.code == 0, ran.err
    assert ran.out.startswith('"Hi, Ada"\n')
    assert "greeting.add(a: u64, b: u64)" in ran.out
    assert "invalid-input: " in ran.out
