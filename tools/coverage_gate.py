"""Print the branches and lines that the tests ran, by package; fail where a package has too few.

Reads the data files that `make test-python` and `make test-e2e` leave in `.build/coverage`.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from coverage import Coverage

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / ".build" / "coverage"
LEAST_BRANCHES = 80.0
"""Percent of its branches that the tests must take in each package."""
PACKAGES = (
    "wasmarket",
    "wasmarket/store",
    "indexer",
    "matcher",
    "peer",
    "gateway",
    "meter",
    "payments",
    "keeper",
    "wasmarket_cli",
)
"""The store counts within its package, and alone."""


class Share(NamedTuple):
    """How much of a package ran, in percent."""

    package: str
    lines: float
    branches: float

    @property
    def is_enough(self) -> bool:
        """Whether so many of its branches ran that it may be merged."""
        return self.branches >= LEAST_BRANCHES


def read_files(folder: Path) -> Mapping[str, Any]:
    """Return coverage's summary by file of all data files in a folder, each counted once.

    Raises FileNotFoundError if there are none.
    """
    found = sorted(str(path) for path in folder.glob("*.data"))
    if not found:
        raise FileNotFoundError(f"nothing was measured in {folder}: run `make test` first")
    measured = Coverage(data_file=None, config_file=str(CHECKOUT / "pyproject.toml"))
    measured.combine(found, keep=True)
    with tempfile.TemporaryDirectory() as room:
        report = Path(room) / "report.json"
        measured.json_report(outfile=str(report))
        return {
            name: entry["summary"]
            for name, entry in json.loads(report.read_text())["files"].items()
        }


def build_shares(files: Mapping[str, Any], packages: Iterable[str]) -> list[Share]:
    """Add up the files of each package."""
    shares = []
    for package in packages:
        total: Counter[str] = Counter()
        for name, summary in files.items():
            if name.startswith(f"{package}/"):
                total.update({key: n for key, n in summary.items() if isinstance(n, int)})
        shares.append(
            Share(
                package,
                _percent(total["covered_lines"], total["num_statements"]),
                _percent(total["covered_branches"], total["num_branches"]),
            )
        )
    return shares


def _percent(part: int, whole: int) -> float:
    # A package of which nothing was measured has not been tested.
    return 100 * part / whole if whole else 0.0


def main() -> int:
    """Print the table; return 1 if a package is below."""
    shares = build_shares(read_files(FOLDER), PACKAGES)
    print(f"{'package':<18}{'lines %':>9}{'branches %':>12}   (at least {LEAST_BRANCHES:.0f})")
    for share in shares:
        note = "" if share.is_enough else "   TOO FEW: add tests of what it does"
        print(f"{share.package:<18}{share.lines:>9.1f}{share.branches:>12.1f}{note}")
    return int(not all(share.is_enough for share in shares))


if __name__ == "__main__":
    sys.exit(main())
