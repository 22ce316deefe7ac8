"""`wasmarket test` says which expectation failed and how; `wasmarket run` says what a fault was."""

import shutil

import pytest

from tests.e2e.market_driver import GREETING, run_here, write_app
from tests.peer.apps import build_hostile

pytestmark = pytest.mark.e2e

TESTS = """
[[test]]
name = "as expected"
call = "greeting.add"
arguments = [2, 40]
expect = 42

[[test]]
name = "another value"
call = "greeting.add"
arguments = [2, 40]
expect = 41

[[test]]
name = "no error after all"
call = "greeting.add"
arguments = [2, 40]
error = "guest-trap"

[[test]]
name = "an error after all"
call = "greeting.add"
arguments = ["two"]

[[test]]
name = "silent and dear"
call = "greeting.greeting"
arguments = ["Ada"]
logs = ["greeting Bob"]
max_ms = 0
"""


@pytest.fixture
def app(tmp_path):
    """The greeting with tests of which one holds."""
    folder = shutil.copytree(GREETING, tmp_path / "greeting")
    (folder / "tests").mkdir(exist_ok=True)
    for kept in (folder / "tests").glob("*.toml"):
        kept.unlink()
    (folder / "tests" / "wrong.toml").write_text(TESTS)
    return folder


def run(tmp_path, *arguments):
    return run_here("--home", str(tmp_path / "home"), *(str(one) for one in arguments))


def test_test__expectations_that_fail__are_each_told_to_people_and_scripts(app, tmp_path):
    shown = run(tmp_path, "test", app)
    told = run(tmp_path, "test", app, "--json")

    assert shown.code == told.code == 1
    lines = shown.out.splitlines()
    assert [line[:6] for line in lines if "wrong.toml" in line] == ["ok    "] + 4 * ["FAILED"]
    for problem in (
        "expected 41, it answered 42",
        "expected guest-trap, it answered 42",
        "it failed with call-refused: ",
        "it did not log 'greeting Bob'",
        "ms, more than 0",
        "| ",
    ):
        assert problem in shown.out
    assert "4 of 5 tests failed" in shown.err
    assert (told.json["passed"], told.json["failed"]) == (1, 4)
    assert [bool(row["problems"]) for row in told.json["tests"]] == [False] + 4 * [True]


def test_run__fault_of_a_guest__is_explained_where_there_is_no_deal(tmp_path):
    write_app(tmp_path / "hostile", build_hostile())

    trapped = run(tmp_path, "run", tmp_path / "hostile", "guest.trap")
    refused = run(tmp_path, "run", GREETING, "greeting.add", "1", "text")
    counted = run(tmp_path, "run", GREETING, "greeting.add", "2", "40", "--json")

    assert (trapped.code, "it logged nothing" in trapped.err) == (1, True)
    assert refused.code == 1
    assert "wasmarket module inspect" in refused.err
    assert counted.json["result"] == 42
    assert counted.json["duration_us"] >= 0
