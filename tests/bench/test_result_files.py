"""Result files of benches: single groups are measured anew, and every row says by which run."""

import json

import pytest

from bench.peer.measures import MEASURES
from bench.result_files import CHECKOUT, Run, read_results, save_rows

pytestmark = pytest.mark.unit

GROUPED = ("matcher", "peer", "choreography", "audits", "functions")
OLD, NEW = Run("aaa1111", "two cores"), Run("bbb2222, changed", "four cores")


def row(measure, value):
    return {"measure": measure, "value": value}


def read_rows(path):
    """Return value and commit of each row of a file, in its order."""
    document = json.loads(path.read_text())
    commits = [run["commit"] for run in document["runs"]]
    return [(entry["measure"], entry["value"], commits[entry["run"]]) for entry in document["rows"]]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "results.json"
    save_rows(path, OLD, [row("a", 1), row("b", 2)], keep_others=False)
    return path


def test_save_rows__one_group__keeps_the_others_with_their_own_run(file):
    save_rows(file, NEW, [row("b", 3), row("c", 4)], keep_others=True)

    assert read_rows(file) == [("a", 1, OLD.commit), ("b", 3, NEW.commit), ("c", 4, NEW.commit)]
    document = json.loads(file.read_text())
    assert [run["machine"] for run in document["runs"]] == ["two cores", "four cores"]
    assert document["machine"] == "two cores; four cores"


@pytest.mark.parametrize(
    ("rows", "keep_others"), [([row("a", 5)], False), ([row("a", 6), row("b", 7)], True)]
)
def test_save_rows__nothing_left_of_a_run__forgets_the_run(file, rows, keep_others):
    save_rows(file, NEW, rows, keep_others=keep_others)

    assert read_rows(file) == [(one["measure"], one["value"], NEW.commit) for one in rows]
    assert len(json.loads(file.read_text())["runs"]) == 1


def test_save_rows__two_measures_of_one_name__are_refused(tmp_path):
    with pytest.raises(ValueError, match="one name"):
        save_rows(tmp_path / "x.json", NEW, [row("a", 1), row("a", 2)], keep_others=False)


@pytest.mark.parametrize("name", [*GROUPED, "indexer", "payments"])
def test_committed_results__read_and_written__are_the_same(name):
    path = CHECKOUT / "bench" / "results" / f"{name}.json"

    results = read_results(path)

    assert results.rows
    assert results.dump() == path.read_text(encoding="utf-8")


def test_committed_results_of_the_peer__name_measures_that_there_are():
    results = read_results(CHECKOUT / "bench" / "results" / "peer.json")

    assert results.rows.keys() <= {measure.name for measure in MEASURES}
