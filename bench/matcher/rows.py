"""A measured figure beside its bar, and the file of all of them."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[1] / "results" / "matcher.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `bar` None: reported without one; `peer`: another system and its figure."""

    measure: str
    value: float
    unit: str
    better: str = "lower"
    bar: float | None = None
    peer: tuple[str, float] | None = None

    @property
    def is_missed(self) -> bool:
        """Whether the bar is missed."""
        if self.bar is None:
            return False
        return self.value > self.bar if self.better == "lower" else self.value < self.bar


def describe_machine() -> str:
    """Say what the figures were measured on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs (one used), Python"
        f" {platform.python_version()}, load {load:.1f} before the run"
    )


def read_rows() -> list[Row]:
    """Return the rows of the last run; none when there was no run."""
    if not PATH.is_file():
        return []
    return [_load(entry) for entry in json.loads(PATH.read_text(encoding="utf-8"))["rows"]]


def write_rows(machine: str, rows: Iterable[Row]) -> None:
    """Write the result file."""
    document = {"machine": machine, "rows": [_dump(row) for row in rows]}
    PATH.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def merge_rows(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Put new figures in the places of the old ones of the same measure, further ones behind."""
    rows = {row.measure: row for row in old}
    rows.update({row.measure: row for row in new})
    return list(rows.values())


def _dump(row: Row) -> dict[str, Any]:
    return {
        "measure": row.measure,
        "value": row.value,
        "unit": row.unit,
        "better": row.better,
        "bar": row.bar,
        "peer": None if row.peer is None else {"name": row.peer[0], "value": row.peer[1]},
    }


def _load(entry: dict[str, Any]) -> Row:
    peer = entry["peer"]
    return Row(
        entry["measure"],
        entry["value"],
        entry["unit"],
        entry["better"],
        entry["bar"],
        None if peer is None else (peer["name"], peer["value"]),
    )
