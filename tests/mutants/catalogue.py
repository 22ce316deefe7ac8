"""Read the catalogue of faults, and apply one of them to a copy of the sources."""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("catalogue.toml")
COPIED = ("contracts", "tests/contracts/mocks")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One line of the contracts, and what a careless hand might write instead."""

    name: str
    file: str
    old: str
    new: str
    rule: str
    killer: str

    def is_applicable(self, root: Path = ROOT) -> bool:
        """Tell whether the old text is there, once, and a line or less."""
        text = (root / "contracts" / self.file).read_text(encoding="utf-8")
        return text.count(self.old) == 1 and "\n" not in self.old and self.old != self.new

    def apply(self, root: Path) -> None:
        """Write the fault into the copy under `root`."""
        path = root / "contracts" / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def read_catalogue() -> list[Mutant]:
    """Return every fault, in the order of the file."""
    found = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return [Mutant(name, **fields) for name, fields in found.items()]


def copy_sources(target: Path) -> None:
    """Copy what the contract tests compile; the work tree is never touched."""
    for folder in COPIED:
        shutil.copytree(ROOT / folder, target / folder)
