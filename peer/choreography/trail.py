"""What became of a particle on this peer: where it came from and went, what was called."""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from peer.choreography.caps import now_ms
from wasmarket.kernel.documents.particles import Particle

MOST_ENTRIES: Final = 500
KEPT_MS: Final = 600_000
"""How long a trail is kept after its particle expired."""
KEPT_TRAILS: Final = 20_000
KEPT_ENTRIES: Final = 200_000
"""Calls and sendings of all trails together: some 60 MB."""
MOST_NAME: Final = 128
MOST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A call made for a particle; `receipt` is `assignment:sequence:sha256` of a deal's service.

    `arguments` and `result` are sha256 of the bodies as in the receipt, where there is one.
    """

    at: int
    peer_id: str
    service: str
    function: str
    code: int
    duration_us: int
    deal: int = 0
    receipt: str = ""
    arguments: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """The particle went to another peer or client, or could not; `problem` says why."""

    at: int
    peer_id: str
    problem: str = ""


@dataclass(slots=True)
class Trail:
    """Grows while the particle lives; the oldest entries go when there are too many."""

    particle_id: str
    initiator: str
    signature: bytes
    timestamp: int
    ttl: int
    arrivals: int = 0
    invokes: int = 0
    invoke_us: int = 0
    calls: deque[ServiceCall] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    sent: deque[Sending] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    problems: deque[str] = field(default_factory=lambda: deque(maxlen=50))

    @property
    def size(self) -> int:
        """Return how many entries it has."""
        return len(self.calls) + len(self.sent)

    def add_call(self, call: ServiceCall) -> None:
        """Keep a call; scripts choose the names, which are cut."""
        self.calls.append(
            replace(call, service=call.service[:MOST_NAME], function=call.function[:MOST_NAME])
        )

    def add_sending(self, peer_id: str, problem: str = "") -> None:
        """Keep where the particle went, or why it could not.

        AquaVM names the initiator to everybody who knows something for it; only its relay can
        reach it, so that is no problem elsewhere.
        """
        self.sent.append(Sending(now_ms(), peer_id[:MOST_NAME], problem[:MOST_TEXT]))
        if problem and peer_id != self.initiator:
            self.add_problem(f"not sent to {peer_id[:MOST_NAME]}: {problem}")

    def add_problem(self, text: str) -> None:
        """Keep why something did not go on, for whoever asks."""
        self.problems.append(text[:MOST_TEXT])


class Trails:
    """The trails of particles that live, and of those that expired not long ago."""

    def __init__(self, most_entries: int = KEPT_ENTRIES) -> None:
        """`most_entries`: of all trails together."""
        self._most = most_entries
        self._by_id: dict[str, list[Trail]] = {}
        self._by_signature: dict[bytes, Trail] = {}

    def open(self, particle: Particle) -> Trail:
        """Return the trail of a particle, a new one at its first arrival."""
        known = self._by_signature.get(particle.signature)
        if known is None:
            known = Trail(
                particle.id,
                particle.init_peer_id,
                particle.signature,
                particle.timestamp,
                particle.ttl,
            )
            self._by_signature[particle.signature] = known
            self._by_id.setdefault(particle.id, []).append(known)
            if len(self._by_signature) > KEPT_TRAILS:
                self._forget(next(iter(self._by_signature.values())))
        return known

    def find(self, particle_id: str) -> list[Trail]:
        """Return the trails of all particles with an id: it is the initiators' to choose."""
        return list(self._by_id.get(particle_id, ()))

    def prune(self) -> None:
        """Forget those whose particles expired long ago."""
        now = now_ms()
        old = [t for t in self._by_signature.values() if t.timestamp + t.ttl + KEPT_MS < now]
        for trail in old:
            self._forget(trail)
        self._forget_most()

    def _forget_most(self) -> None:
        """Forget the oldest while there are too many entries."""
        count = sum(trail.size for trail in self._by_signature.values())
        while count > self._most and self._by_signature:
            oldest = next(iter(self._by_signature.values()))
            count -= oldest.size
            self._forget(oldest)

    def _forget(self, trail: Trail) -> None:
        del self._by_signature[trail.signature]
        others = [other for other in self._by_id[trail.particle_id] if other is not trail]
        if others:
            self._by_id[trail.particle_id] = others
        else:
            del self._by_id[trail.particle_id]
