"""The tests that the documentation names are there."""

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
INVARIANTS = ROOT / "docs" / "invariants.md"
THREATS = ROOT / "docs" / "threats.md"
NAMED = re.compile(r"`(test_\w+\.py)::(\w+)`")


def names_in(page: Path) -> list[tuple[str, str]]:
    """List the tests that a page names: file and function or class."""
    return NAMED.findall(page.read_text(encoding="utf-8"))


def defined_in(file: str) -> set[str]:
    """List what a test file defines at its top level; there is one of that name."""
    [path] = ROOT.glob(f"tests/**/{file}")
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("page", [INVARIANTS, THREATS], ids=lambda page: page.name)
def test_page__every_test_it_names__exists(page):
    named = names_in(page)

    assert named
    assert [name for file, name in named if name not in defined_in(file)] == []


def test_invariants__all_32__have_a_test():
    rows = re.findall(r"^\| (\d+) \| (.+)$", INVARIANTS.read_text(encoding="utf-8"), re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 33))
    assert all(NAMED.search(row) for _, row in rows)


def test_threats__every_row__has_a_test():
    rows = re.findall(r"^\| (?!threat)[^-].*$", THREATS.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(rows) > 30
    assert [row for row in rows if not NAMED.search(row)] == []


def test_threats__each_attack_that_law_2_was_reckoned_against__is_there():
    text = THREATS.read_text(encoding="utf-8")
    tagged = ", ".join(re.findall(r"\[([\da-c, ]+)\] \|", text)).split(", ")

    assert set(tagged) == {str(number) for number in range(1, 64)} | {"42a", "42b", "42c", "53a"}
