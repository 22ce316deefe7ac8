"""Every code block of the documentation: commands parse, files are what their readers take."""

import ast
import json
import re
import shlex
import tomllib

import click
import pytest

from tests.docs.test_docs_are_true import PAGES, ROOT
from wasmarket.app.app_toml import _find_unknown, read_schema
from wasmarket_cli.main import root

pytestmark = pytest.mark.unit

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"'([A-Z]+|[^']*…[^']*)' is not|File '[^']+' does not exist")
"""What is said of a value that stands for another (DEAL, `0x…`), and of a file of the reader's."""
BLOCKS = [
    pytest.param(kind, text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    if page.name != "CHANGELOG.md"
    for number, (kind, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")), 1)
]


def list_commands(text):
    """Return the `wasmarket` commands of a block, as words."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    found = []
    for line in lines:
        for part in re.split(r"\s\|\s|\s&&\s|\$\(|;\s", line):
            if re.match(r"([A-Z_]+=\S+ )*wasmarket ", part):
                command = re.sub(r"^([A-Z_]+=\S+ )*wasmarket ", "", part)
                found.append(re.sub(r"\s+(<|>|2>|&$).*", "", command))
    return found


def split(command):
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        # A quote that a part of a pipe opens and another closes.
        return command.replace('"', "").replace("'", "").split()


def parse(words):
    """Parse a command down to its options, without running it. Raises UsageError."""
    command, context, words = root, None, list(words)
    while isinstance(command, click.Group):
        context = click.Context(command, context)
        while command is root and words and words[0].startswith("--"):
            words = words[2:] if words[0] in ("--home", "--profile") else words[1:]
        name, command, words = command.resolve_command(context, words)
    return command.make_context(name, words, context)


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_block__its_commands__exist_with_these_options(kind, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in list_commands(text):
        try:
            parse(split(command))
        except click.exceptions.Exit:
            # `--help` and `--version` end the reading.
            continue
        except click.ClickException as error:
            if PLACE.match(error.message):
                continue
            pytest.fail(f"wasmarket {command}: {error.message}")


@pytest.mark.parametrize(("kind", "text"), [b for b in BLOCKS if b.values[0] == "python"])
def test_block__of_python__is_python(kind, text):
    ast.parse(text)


@pytest.mark.parametrize(("kind", "text"), [b for b in BLOCKS if b.values[0] == "json"])
def test_block__of_json__is_json(kind, text):
    json.loads(text)


@pytest.mark.parametrize(("kind", "text"), [b for b in BLOCKS if b.values[0] == "toml"])
def test_block__of_toml__is_toml_and_of_an_app_knows_its_keys(kind, text):
    document = tomllib.loads(text)

    if "app.toml" in text.partition("\n")[0]:
        assert [place for place, _ in _find_unknown(document, read_schema(), ())] == []
