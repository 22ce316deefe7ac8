"""Keep a juror's votes with their salts until they are revealed: a lost salt costs a fine."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from peer.folder import write_atomically
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Hash

PRIVATE = 0o600
NAME = re.compile(r"([0-9]+)-(0x[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a juror voted in a case, and the salt of its commitments; 32 bytes each."""

    case: int
    vote: bytes
    salt: bytes

    def commitment(self, place: int) -> bytes:
        """Return what is sent first: keccak256(abi.encode(case, place, vote, salt))."""
        numbers = self.case.to_bytes(32, "big") + place.to_bytes(32, "big")
        return keccak(numbers + self.vote + self.salt)


class _File(msgspec.Struct):
    vote: str
    salt: str


class Ballots:
    """One file a case and receipt, never written over: what was committed must be revealed.

    A case is known by its number and the receipt that it is about: after a reorganisation another
    accusation may have the number, and a vote on the wrong one costs a fine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[int, Hash], Ballot] = {}
        for path in folder.glob("*.json"):
            found = NAME.fullmatch(path.stem)
            if found is not None:
                file = decode_json(path.read_bytes(), _File)
                case, receipt = int(found[1]), Hash(found[2])
                vote, salt = bytes.fromhex(file.vote), bytes.fromhex(file.salt)
                self._known[case, receipt] = Ballot(case, vote, salt)

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def get(self, case: int, receipt: Hash) -> Ballot:
        """Return the ballot of a case that has one."""
        return self._known[case, receipt]

    def cast(self, case: int, receipt: Hash, vote: bytes) -> Ballot:
        """Write a vote down with a new salt; one that is there stays. Raises OSError."""
        if (case, receipt) not in self._known:
            ballot = Ballot(case, vote, os.urandom(32))
            file = _File(vote.hex(), ballot.salt.hex())
            path = self._folder / f"{case}-{receipt}.json"
            write_atomically(path, msgspec.json.encode(file), PRIVATE)
            self._known[case, receipt] = ballot
        return self._known[case, receipt]
