"""The identities that this peer runs scripts as: itself, its workers, and callers it acts for.

All but the peer's own are derived from its key, so that none has to be kept.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import to_peer_id
from wasmarket.kernel.signing.particles import worker_message
from wasmarket.kernel.signing.typed_data import Domain

WORKER_LABEL: Final = b"wasmarket worker seed v1"
INITIATOR_LABEL: Final = b"wasmarket initiator seed v1"
MOST_INITIATORS: Final = 10_000


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """Somebody as whom scripts run here; `deal` and `assignment` are 0 but for workers."""

    peer_id: str
    key: bytes
    seed: bytes
    deal: int = 0
    assignment: int = 0

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """Return the key that signs."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class WorkerProof:
    """A worker's id, and the peer's signature over it (`worker_message`)."""

    worker_id: str
    key: bytes
    signature: bytes


class Identities:
    """Find identities by peer id, derive new ones."""

    def __init__(self, key: Ed25519PrivateKey, domain: Domain) -> None:
        self._key = key
        self._domain = domain
        self._seed = key.private_bytes_raw()
        self.own = _build(self._seed)
        self._workers: dict[int, OwnIdentity] = {}
        self._initiators: dict[bytes, OwnIdentity] = {}
        self._by_id = {self.own.peer_id: self.own}

    def find(self, peer_id: str) -> OwnIdentity | None:
        """Return who of this peer has an id."""
        return self._by_id.get(peer_id)

    @property
    def workers(self) -> list[OwnIdentity]:
        """Return the workers that are known now, by assignment."""
        return [self._workers[number] for number in sorted(self._workers)]

    def take(self, assignments: dict[int, int]) -> None:
        """Know the workers of these assignments (each with its deal), and no others."""
        for number in self._workers.keys() - assignments.keys():
            del self._by_id[self._workers.pop(number).peer_id]
        for number, deal in assignments.items():
            if number not in self._workers:
                seed = self._derive(WORKER_LABEL, deal.to_bytes(32, "big"), number)
                self._workers[number] = worker = _build(seed, deal, number)
                self._by_id[worker.peer_id] = worker

    def worker_of(self, assignment: int) -> OwnIdentity | None:
        """Return the worker of an assignment that is held here."""
        return self._workers.get(assignment)

    def prove_worker(self, peer: int, assignment: int) -> WorkerProof | None:
        """Return a worker's id with its proof, if there is such a worker."""
        worker = self._workers.get(assignment)
        if worker is None:
            return None
        message = worker_message(self._domain, peer, worker.deal, assignment, worker.key)
        return WorkerProof(worker.peer_id, worker.key, self._key.sign(message))

    def initiator_of(self, caller: bytes) -> OwnIdentity:
        """Return as whom scripts of a caller run that come without a key of their own."""
        known = self._initiators.get(caller)
        if known is None:
            if len(self._initiators) >= MOST_INITIATORS:
                # The oldest: whoever comes again gets the same.
                self._by_id.pop(self._initiators.pop(next(iter(self._initiators))).peer_id)
            known = self._initiators[caller] = _build(self._derive(INITIATOR_LABEL, caller, 0))
            self._by_id[known.peer_id] = known
        return known

    def _derive(self, label: bytes, what: bytes, number: int) -> bytes:
        market = raw(self._domain.contract).rjust(32, b"\0")
        place = self._domain.chain_id.to_bytes(32, "big") + market
        text = label + place + number.to_bytes(32, "big") + what
        return hmac.new(self._seed, text, hashlib.sha256).digest()


def _build(seed: bytes, deal: int = 0, assignment: int = 0) -> OwnIdentity:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return OwnIdentity(to_peer_id(key), key, seed, deal, assignment)
