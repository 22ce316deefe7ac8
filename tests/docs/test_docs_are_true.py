"""The documentation names what is there: files, commands, settings, errors."""

import dataclasses
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from peer.policy.policy import Policy
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.problems import STATUS, status_of
from wasmarket_cli.errors import CODES, exit_code
from wasmarket_cli.main import root
from wasmarket_cli.setup import KINDS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
PARTS = ("wasmarket", "matcher", "peer", "gateway")


def read_prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchor_of(heading: str) -> str:
    """Return the anchor that hosts make of a heading."""
    kept = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def read_tables(page: Path) -> dict[str, list[list[str]]]:
    """Return the rows of a page's tables by the heading above them."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            found.setdefault(heading, []).append([cell.strip() for cell in cells])
    return found


def list_commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, by its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from list_commands(below, (*path, name))
    else:
        yield " ".join(path), command


def list_errors(kind: type[MarketError]) -> Iterator[type[MarketError]]:
    """Yield a class of errors and all below it that the parts define."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.partition(".")[0] in PARTS:
            yield from list_errors(below)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links__of_every_page__lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", read_prose(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", read_prose(file), re.MULTILINE)
            assert anchor in {anchor_of(heading) for heading in headings}, target


def test_command_line__every_command__is_described_with_its_options():
    rows = {}
    for table in read_tables(DOCS / "command-line.md").values():
        for row in table:
            words = re.match(r"`([a-z-]+(?: [a-z-]+){0,2})", row[0])
            if words and len(row) == 3:
                rows[words[1]] = row
    commands = dict(list_commands(root))
    assert set(rows) == set(commands)

    missing = []
    for name, command in commands.items():
        text = rows[name][2] + (rows["quote"][2] if name == "deploy" else "")
        if name == "provider claim":
            text = rows["claim"][2]
        for option in command.params:
            if isinstance(option, click.Option):
                longest = max(option.opts, key=len)
                if longest not in text and not ("-y" in option.opts and "`-y`" in text):
                    missing.append(f"{name} {longest}")
    assert missing == []


@pytest.mark.parametrize("table", sorted(KINDS))
def test_configuration__every_key_of_a_table__is_described(table):
    rows = read_tables(DOCS / "configuration.md")[f"[{table}]"]
    described = {key for row in rows[2:] for key in re.findall(r"`(\w+)`", row[0])}

    assert described == {field.name for field in dataclasses.fields(KINDS[table])}


def test_configuration__every_key_of_the_policy__is_described():
    rows = read_tables(DOCS / "configuration.md")["policy.toml"]
    described = {key for row in rows[2:] for key in re.findall(r"`(\w+)`", row[0])}

    assert described == {field.name for field in dataclasses.fields(Policy)}


def test_errors__every_class__is_listed_with_its_exit_code_and_status():
    for part in PARTS:
        package = importlib.import_module(part)
        for module in pkgutil.walk_packages(package.__path__, f"{part}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    tables = read_tables(DOCS / "errors.md")
    rows = {
        slug: row[-2:]
        for table in tables.values()
        for row in table
        for slug in re.findall(r"`([a-z-]+)`", " ".join(row[:2]))
    }

    wrong = []
    for kind in list_errors(MarketError):
        if kind.slug == "guest-fault":  # never raised itself
            continue
        http, code = rows.get(kind.slug, ("missing", "missing"))
        error = kind.__new__(kind)
        is_guest = kind.__module__ == "peer.runtime.errors"
        if code != str(int(exit_code(error))):
            wrong.append(f"{kind.slug}: exit {code}")
        if http not in ("–", str(int(status_of(error)))) and not is_guest:
            wrong.append(f"{kind.slug}: status {http}")
    assert wrong == []
    assert {kind.slug for kind in (*STATUS, *CODES)} <= set(rows)


@pytest.mark.parametrize("contract", ["Market", "Staking", "Proofs", "MarketLens", "Faucet"])
def test_law__every_function_and_event__is_listed(contract):
    law = (DOCS / "contracts-law.md").read_text(encoding="utf-8").partition("## 13.")[2]
    abi = json.loads(
        (ROOT / "wasmarket" / "kernel" / "abi" / f"{contract}.json").read_text(encoding="utf-8")
    )
    getters = {"USDC", "FLT", "USDC_AMOUNT", "FLT_AMOUNT", "EVERY_SECONDS", "dripped_at"}

    functions = {entry["name"] for entry in abi if entry["type"] == "function"} - getters
    assert {name for name in functions if f"{name}(" not in law} == set()
    events = {entry["name"] for entry in abi if entry["type"] == "event"}
    assert {name for name in events if f"`{name}`" not in law} == set()


def test_law__every_reason_to_revert__is_listed():
    rows = read_tables(DOCS / "contracts-law.md")["16. Revert reasons"]
    listed = " ".join(cell for row in rows for cell in row)
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "contracts").rglob("*.vy")
    )
    reasons = set(re.findall(r'"([a-z0-9]+: [a-z][^"]+)"', sources))

    assert reasons
    assert {
        reason
        for reason in reasons
        if f"`{reason.partition(': ')[0]}`" not in listed or reason.partition(": ")[2] not in listed
    } == set()
