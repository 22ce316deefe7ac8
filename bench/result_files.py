"""Result files whose groups are measured apart: every row names the run that it is from.

`{"machine", "runs": [{"commit", "machine"}], "rows": [{"measure", …, "run"}]}`: `machine` names
those of all runs, `run` is a place in `runs`, `commit` is null where nobody noted it. A run of
single groups replaces their rows and leaves all others as they were measured, with the commit and
the machine of their own run.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """Of which tree rows are, and on what machine they were measured."""

    commit: str | None
    machine: str


@dataclass(frozen=True, slots=True)
class Results:
    """Rows by measure, each with its run."""

    rows: dict[str, tuple[Run, dict[str, Any]]]

    def merge(self, run: Run, rows: Sequence[dict[str, Any]]) -> "Results":
        """Put new rows in the places of the old ones of the same measure, further ones behind.

        Raises ValueError where two have one name.
        """
        new = {str(row["measure"]): (run, row) for row in rows}
        if len(new) < len(rows):
            raise ValueError("two measures have one name")
        return Results(self.rows | new)

    def dump(self) -> str:
        """Return the file's text, runs in the order of their rows."""
        runs: list[Run] = []
        for run, _ in self.rows.values():
            if run not in runs:
                runs.append(run)
        rows = [row | {"run": runs.index(run)} for run, row in self.rows.values()]
        machines = "; ".join(dict.fromkeys(run.machine for run in runs))
        document = {"machine": machines, "runs": [asdict(run) for run in runs], "rows": rows}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def describe_tree() -> str | None:
    """Return the commit that is measured, and whether files differ from it; None without git."""

    def ask(*words: str) -> str:
        command = ["git", "-C", str(CHECKOUT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = ask("rev-parse", "--short", "HEAD")
        is_changed = ask(
            "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results"
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}, changed" if is_changed else commit


def read_results(path: Path) -> Results:
    """Read a result file; nothing where there is none."""
    if not path.is_file():
        return Results({})
    document = json.loads(path.read_text(encoding="utf-8"))
    runs = [Run(**run) for run in document["runs"]]
    rows = {}
    for entry in document["rows"]:
        run = runs[entry.pop("run")]
        rows[entry["measure"]] = run, entry
    return Results(rows)


def save_rows(path: Path, run: Run, rows: Sequence[dict[str, Any]], *, keep_others: bool) -> None:
    """Write what a run measured; with `keep_others` what other runs measured stays."""
    old = read_results(path) if keep_others else Results({})
    path.write_text(old.merge(run, rows).dump(), encoding="utf-8")
