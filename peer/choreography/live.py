"""A particle that is under way here, and what each of the peer's identities knows of it."""

from collections import deque
from dataclasses import dataclass, field

from peer.choreography.avm import ServiceAnswer
from peer.choreography.identities import OwnIdentity
from peer.choreography.trail import Trail
from wasmarket.kernel.documents.particles import Particle


@dataclass(slots=True, eq=False)
class Strand:
    """One particle at one identity: at most one invoke of AquaVM at a time.

    `previous` is the newest data; `arrived` and `answers` wait for the next invoke.
    """

    identity: OwnIdentity
    previous: bytes = b""
    arrived: deque[bytes] = field(default_factory=deque)
    answers: dict[int, ServiceAnswer] = field(default_factory=dict)
    calling: int = 0
    invokes: int = 0
    calls: int = 0
    failed_us: int = 0
    """How long invokes took that AquaVM did not survive."""
    is_running: bool = False
    is_stopped: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waits."""
        return not (self.is_running or self.calling or self.arrived or self.answers)

    @property
    def size(self) -> int:
        """Return how many bytes of data it holds."""
        return len(self.previous) + sum(map(len, self.arrived))


@dataclass(slots=True, eq=False)
class LiveParticle:
    """A particle until it expires. `particle` carries no data of its own: strands do."""

    particle: Particle
    trail: Trail
    strands: dict[str, Strand] = field(default_factory=dict)
    stored_bytes: int = 0
    """Size of its file; 0 while there is none."""
    is_changed: bool = True
    """Whether the file is older than what is here."""
    is_spilled: bool = False
    """Whether script and data are in the file only."""
    size: int = 0
    """Bytes it was counted with when it was measured last."""
    has_left: bool = False
    """Whether it was given to others, who may bring it back."""

    @property
    def key(self) -> bytes:
        """Return what tells particles apart: an id is anybody's to choose."""
        return self.particle.signature

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is under way."""
        return all(strand.is_idle for strand in self.strands.values())

    def measure(self) -> int:
        """Return how many bytes it holds in memory now."""
        return len(self.particle.script) + sum(s.size for s in self.strands.values())
