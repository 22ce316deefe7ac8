"""A measured figure beside its bar, and where they are kept."""

import os
import platform
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


def dump_row(row: Row) -> dict[str, Any]:
    """Return a row as the result file has it."""
    return {
        "measure": row.measure,
        "value": row.value,
        "unit": row.unit,
        "better": row.better,
        "bar": row.bar,
        "peer": None if row.peer is None else {"name": row.peer[0], "value": row.peer[1]},
    }
