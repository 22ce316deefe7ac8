"""The committed figures: `bench/results/gas.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.gas.measures import MEASURES, Measure
from wasmarket.kernel.errors import InvalidInput

PATH = Path(__file__).resolve().parents[1] / "results" / "gas.json"


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with its value."""

    measure: Measure
    value: int

    @property
    def is_over(self) -> bool:
        """Whether the bar is missed."""
        return self.measure.bar is not None and self.value > self.measure.bar


def build_rows(figures: Mapping[str, int]) -> list[Row]:
    """Return the rows in the order of the measures. Raises InvalidInput if the names differ."""
    names = {measure.name for measure in MEASURES}
    if figures.keys() != names:
        odd = ", ".join(sorted(figures.keys() ^ names))
        raise InvalidInput(f"measured and listed operations differ: {odd}")
    return [Row(measure, figures[measure.name]) for measure in MEASURES]


def dump_rows(machine: str, rows: list[Row]) -> str:
    """Write the file's text; the peer is the incumbent, or the best other where it has none."""
    document = {"machine": machine, "rows": [_dump(row) for row in rows]}
    return json.dumps(document, indent=1) + "\n"


def load_figures(text: str) -> dict[str, int]:
    """Read values by measure. Raises InvalidInput for what is no such file."""
    try:
        return {str(row["measure"]): int(row["value"]) for row in json.loads(text)["rows"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{PATH.name} has not the format of results", remedy="run `make gas`"
        ) from error


def _dump(row: Row) -> dict[str, Any]:
    measure = row.measure
    peer = measure.incumbent or measure.other
    return {
        "measure": measure.name,
        "value": row.value,
        "unit": measure.unit,
        "better": "lower",
        "bar": measure.bar,
        "peer": None if peer is None else asdict(peer),
    }
