"""Where copies of closed epochs go that are no folders: one set of names, whatever holds them.

An epoch that is closed never changes, so each of its files is written once and whole:
`receipts/<assignment>/<epoch>.receipts`, and last, when all of it is there,
`commitments/<epoch>.json`.
"""

import re
from pathlib import Path
from typing import Final, Protocol

from peer.receipts.epoch_files import SUFFIX
from wasmarket.kernel.errors import InvalidInput

MOST_BYTES: Final = 16 << 30
"""Of one file; what answers with more is given up."""

NAME: Final = r"^(?:receipts/[1-9][0-9]{0,9}/([0-9]{10})\.receipts|commitments/([0-9]{10})\.json)$"
_NAME: Final = re.compile(NAME)


class CopyStore(Protocol):
    """One place for one peer. Each call may raise Unreachable, TimedOut or what a place refuses."""

    @property
    def url(self) -> str:
        """The place as its user names it."""

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file that is there, by name."""

    def put(self, name: str, path: Path) -> None:
        """Write a file that is not there yet from one here."""

    def get(self, name: str, target: Path) -> bool:
        """Write a file of the place to one here; return whether the place has it."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def close(self) -> None:
        """Let go of connections."""


def receipts_name(assignment: int, epoch: int) -> str:
    """Return the name of an epoch's receipts of one assignment."""
    return f"receipts/{assignment}/{epoch:010d}{SUFFIX}"


def commitment_name(epoch: int) -> str:
    """Return the name of a closed epoch."""
    return f"commitments/{epoch:010d}.json"


def epoch_of(name: str) -> int:
    """Return which epoch a file is of. Raises InvalidInput for what is no such name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise InvalidInput(
            f"{name!r:.80} is not the name of a copy",
            field="name",
            remedy="receipts/<assignment>/<epoch>.receipts or commitments/<epoch>.json, the epoch "
            "in ten digits",
        )
    return int(found[1] or found[2])
