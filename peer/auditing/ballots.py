"""Keep a juror's votes with their salts until they are revealed: a lost salt costs a fine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from peer.folder import write_atomically
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.hashing import keccak

PRIVATE = 0o600


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
    """One file a case, never written over: what was committed must be revealed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, Ballot] = {}
        for path in folder.glob("*.json"):
            if path.stem.isdecimal():
                file = decode_json(path.read_bytes(), _File)
                case = int(path.stem)
                vote, salt = bytes.fromhex(file.vote), bytes.fromhex(file.salt)
                self._known[case] = Ballot(case, vote, salt)

    def __contains__(self, case: object) -> bool:
        return case in self._known

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, case: int) -> Ballot:
        """Return the ballot of a case that has one."""
        return self._known[case]

    def cast(self, case: int, vote: bytes) -> Ballot:
        """Write a vote down with a new salt; one that is there stays. Raises OSError."""
        if case not in self._known:
            ballot = Ballot(case, vote, os.urandom(32))
            file = _File(vote.hex(), ballot.salt.hex())
            path = self._folder / f"{case}.json"
            write_atomically(path, msgspec.json.encode(file), PRIVATE)
            self._known[case] = ballot
        return self._known[case]
