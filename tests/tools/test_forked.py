"""Scripts that are forked: each its own process, with its own streams, environment and end."""

import os
import signal
import subprocess

import pytest

from tests.forked import Script

pytestmark = pytest.mark.e2e

TEXT = """
import os, sys, time
ROOMS = []

def prepare():
    ROOMS.append(os.getpid())

def main(what, *more):
    print(ROOMS[0], os.environ.get("COLOUR"), *more, flush=True)
    print("trouble", file=sys.stderr, flush=True)
    if what == "wait":
        time.sleep(600)
    if what == "fail":
        raise SystemExit(7)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "script.py"
    path.write_text(TEXT)
    return Script(path)


def test_start__several__share_what_was_prepared_and_nothing_else(script, tmp_path):
    with (tmp_path / "errors").open("w") as errors:
        first = script.start("end", "a", environment={"COLOUR": "red"}, errors=errors)
    second = script.start("end", "b", environment={"PATH": os.defpath})

    with first, second:
        said = [process.stdout.read().split() for process in (first, second)]

    assert said[0][0] == said[1][0]
    assert [words[1:] for words in said] == [["red", "a"], ["None", "b"]]
    assert (tmp_path / "errors").read_text() == "trouble\n"
    assert len({first.pid, second.pid, int(said[0][0])}) == 3


@pytest.mark.parametrize(
    ("what", "number", "code"),
    [("end", 0, 0), ("fail", 0, 7), ("wait", signal.SIGTERM, -15), ("wait", signal.SIGKILL, -9)],
)
def test_wait__however_it_ends__is_told_the_code(script, what, number, code):
    with script.start(what, environment={}) as process:
        process.stdout.readline()
        if number:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            process.send_signal(number)

        assert process.wait(60) == code
        assert process.poll() == code


def test_start__script_that_cannot_be_imported__says_so(tmp_path, capfd):
    path = tmp_path / "broken.py"
    path.write_text("import nothing_such\n")

    with pytest.raises(AssertionError, match="cannot be imported"):
        Script(path).start(environment={})

    assert "nothing_such" in capfd.readouterr().err
