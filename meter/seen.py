"""Keep what callers saw: which receipt a call was given, and the input that it had."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter.chain.facts import ChainFacts
from meter.journal import Journal
from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket.kernel.hashing import sha256

RECEIPT: Final = re.compile(r"([0-9]{1,10}):([0-9]{1,20}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class CallSeen:
    """A call as its caller knows it; `receipt` as `Wasmarket-Receipt` has it, `input` base64."""

    receipt: str
    input: str = ""


class SeenCalls:
    """Takes calls from gateways and other callers; inputs are files by their sha256."""

    def __init__(
        self, journal: Journal, folder: Path, read_facts: Callable[[], ChainFacts]
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._read_facts = read_facts

    def take(self, call: CallSeen) -> bool:
        """Keep a call; return whether it was new. Raises InvalidInput, NotFound, OSError."""
        found = RECEIPT.fullmatch(call.receipt)
        if found is None:
            raise InvalidInput(
                f"{call.receipt!r:.80} names no receipt",
                field="receipt",
                remedy="give assignment:sequence:sha256, as the answer's Wasmarket-Receipt",
            )
        try:
            body = base64.b64decode(call.input, validate=True)
        except binascii.Error as error:
            raise InvalidInput("the input is not base64", field="input") from error
        assignment, sequence = int(found[1]), int(found[2])
        if assignment not in self._read_facts().assignments:
            raise NotFound(f"there is no assignment {assignment}", field="receipt")
        if sequence in self._journal.book(assignment).seen:
            return False
        digest = sha256(body).hex()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / digest).write_bytes(body)
        self._journal.write(
            "seen", assignment=assignment, sequence=sequence, receipt=found[3], input=digest
        )
        return True

    def read_input(self, digest: bytes) -> bytes | None:
        """Return an input by its sha256, None if it was never seen or does not fit."""
        try:
            body = (self._folder / digest.hex()).read_bytes()
        except FileNotFoundError:
            return None
        return body if sha256(body) == digest else None
