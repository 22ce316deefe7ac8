"""What strangers wrote reaches a person's terminal as visible text, and scripts as it is."""

import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.errors import NotFound
from wasmarket_cli import main as command
from wasmarket_cli.developer.calls import _write_entry
from wasmarket_cli.errors import report
from wasmarket_cli.main import main
from wasmarket_cli.output import print_facts, print_json, print_table, print_value, say

pytestmark = pytest.mark.unit

HOSTILE = "\x1b[2Jgone\x07\x9b1m\x7f\u202eevil\u200f"
HARMFUL = {chr(code) for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"} | {
    "\u202e",
    "\u200f",
    "\u2066",
}


@pytest.mark.parametrize(
    "write",
    [
        say,
        print_value,
        lambda text: print_facts("facts", [("name", text)]),
        lambda text: print_table(text, ["name"], [[text]]),
        lambda text: report(NotFound(text, remedy=text)),
        lambda text: click.echo(
            _write_entry({"time": 1, "level": "info", "function": text, "text": text})
        ),
    ],
    ids=["say", "value", "facts", "table", "error", "log"],
)
@given(text=st.text(st.characters(), max_size=20).map(lambda text: text + HOSTILE))
def test_write__hostile_text__has_nothing_that_a_terminal_obeys(write, text):
    with pytest.MonkeyPatch.context() as patch:
        written = []
        patch.setattr(click, "echo", lambda text, err=False: written.append(str(text)))
        patch.setattr("rich.console.Console.print", lambda _, table: written.append(_cells(table)))
        write(text)

    assert "gone" in "".join(written)
    assert not HARMFUL & set("".join(written))


def _cells(table):
    headers = "" if not table.show_header else "".join(str(c.header) for c in table.columns)
    return str(table.title) + headers + "".join(str(c) for col in table.columns for c in col.cells)


def test_print_json__hostile_text__is_kept(capsys):
    print_json({"text": HOSTILE})

    assert json.loads(capsys.readouterr().out) == {"text": HOSTILE}


@pytest.mark.parametrize(
    "arguments",
    [
        ("\udcff",),
        ("status", "\udcff"),
        ("quote", "--units", "\udcff"),
        ("quote", "--\udcff"),
        ("call", "1", "a.b", "\udcff"),
        ("wallet", "new", "\udcff"),
        ("module", "inspect", "\udcff"),
    ],
)
def test_main__argument_that_is_no_text__is_a_usage_error(tmp_path, capfd, arguments, monkeypatch):
    monkeypatch.setattr(command, "save_crash", lambda *_: pytest.fail("taken for a bug"))

    assert main(["--home", str(tmp_path), *arguments]) == 2
    assert "\\udcff" in (said := capfd.readouterr().err) or "UTF-8" in said


def test_main__argument_nested_without_end__is_a_usage_error(tmp_path, capsys):
    assert main(["--home", str(tmp_path), "call", "1", "a.b", "[" * 100_000]) == 2
    assert "nested too deeply" in capsys.readouterr().err
