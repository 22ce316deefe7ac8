"""The workloads of a benchmark: how often each goes round, and what it must count and answer.

The suite is named by the hash of all that, so that figures of two suites are not compared. A
machine whose engine counts or answers otherwise has no figures by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash

SOURCE: Final = Path(__file__).with_name("workloads.wat")


@dataclass(frozen=True, slots=True)
class SuiteWorkload:
    """A function of the guest, its rounds, and the fuel and answer (hex) that follow."""

    name: str
    function: str
    rounds: int
    fuel: int
    output: str

    @property
    def body(self) -> bytes:
        """What it is called with."""
        return self.rounds.to_bytes(4, "little")


NOTHING: Final = SuiteWorkload("nothing", "nothing", 1, 10, "0000000000000000")
SUITE: Final = (
    SuiteWorkload("integer", "integer", 10_000_000, 210_000_015, "100c58de8541a09c"),
    SuiteWorkload("memory", "memory_work", 8_000_000, 249_048_593, "ae0bedf57bbd10f1"),
    SuiteWorkload("hashing", "hashing", 1_000, 131_147_555, "a35e5b052d996574"),
    SuiteWorkload("float", "floats", 10_000_000, 210_000_016, "6c8da244c023ec3f"),
)


def name_suite(workloads: Sequence[SuiteWorkload] = SUITE) -> Hash:
    """Return the name of a suite: the hash of its source and its numbers."""
    lines = [f"{w.function} {w.rounds} {w.fuel} {w.output}\n" for w in workloads]
    return to_hash(sha256(SOURCE.read_bytes() + "".join(lines).encode()))
