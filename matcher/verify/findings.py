"""What a verification has compared, where it differs, and what it could not judge."""

from dataclasses import dataclass, field
from typing import Any

CHECKS = {
    "record": "the record names this book, block, engine and round",
    "digest": "SHA-256 of the book is the digest in the record",
    "document": "the book is complete and written in its one canonical form",
    "block": "hash and time of the block",
    "asks": "every provider offer is signed or approved, uncancelled, unexpired",
    "peers": "every word of every peer, and the counters of their providers",
    "demands": "every developer offer holds; deal, balance and live assignments are the chain's",
    "funds": "every new developer offer had its deposit and tip at the book's block",
    "order": "offers that came from the chain stand in the order of the chain",
    "wishes": "every wish is its developer's, and what it goes by is signed by peers or on chain",
    "published": "no offer that was published on chain is missing",
    "absent": "peers whose offers were left out were evicted and have proved nothing since",
    "avoid": "peers kept from a deal left it lately or were dropped from it",
    "replay": "the engine computes the same fills, saving, bound and gap from the book",
    "transaction": "the transaction sent these fills, and the chain has them",
}
"""Every check in the order in which it is made."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` of `where` should be `expected` (by chain, signature or engine), but is `found`."""

    check: str
    where: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field} should be {self.expected}, found {self.found}"


@dataclass(slots=True)
class Findings:
    """Collects comparisons; `compared` counts them by check, `notes` are for the reader."""

    compared: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, check: str, where: str, name: str, expected: Any, found: Any) -> bool:
        """Count a comparison and keep it if the two differ; return whether they agree."""
        self.compared[check] = self.compared.get(check, 0) + 1
        if expected == found:
            return True
        self.differences.append(Difference(check, where, name, str(expected), str(found)))
        return False

    def begin(self, check: str) -> None:
        """Say that a check was made, though there may be nothing to compare."""
        self.compared.setdefault(check, 0)

    def note(self, text: str) -> None:
        """Keep what the reader should know and no comparison decides."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def is_verified(self) -> bool:
        """Whether everything was compared and nothing differs."""
        return not self.differences and self.compared.keys() == CHECKS.keys()
