"""What one particle, one initiator and one address may ask of a peer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.errors import Expired, InvalidInput, LimitReached, TooLarge
from wasmarket.kernel.signing.particles import verify_particle
from wasmarket.serving.callers.limits import RateLimit

SKEW_MS: Final = 30_000
"""How far ahead of ours an initiator's clock may be."""


@dataclass(frozen=True, slots=True)
class ParticleCaps:
    """Sizes in bytes, times in milliseconds; `invokes`, `calls` and `inbox` are of one identity."""

    script_bytes: int = 256 << 10
    data_bytes: int = 1 << 20
    ttl_ms: int = 600_000
    invokes: int = 2_000
    calls: int = 2_000
    inbox: int = 1_000
    particles: int = 20_000
    """Live ones of this peer."""
    per_minute: int = 6_000
    """New ones of one initiator; one address may bring ten times as many."""

    @property
    def frame_bytes(self) -> int:
        """Return the longest frame that is read; a list of numbers takes twice the bytes."""
        return 2 * self.data_bytes + self.script_bytes + 4_096


def now_ms() -> int:
    """Return the time as particles have it."""
    return time.time_ns() // 1_000_000


class Admission:
    """Says whether a particle may be run here at all."""

    def __init__(self, caps: ParticleCaps, clock: Callable[[], int] = now_ms) -> None:
        """`clock` returns milliseconds since 1970."""
        self._caps = caps
        self._clock = clock
        rate = caps.per_minute
        self._initiators = RateLimit(rate, time.monotonic, "particles of one initiator")
        self._addresses = RateLimit(10 * rate, time.monotonic, "particles from one address")

    def check(self, particle: Particle) -> None:
        """Check sizes, times and signature.

        Raises TooLarge, InvalidInput, Expired, InvalidSignature.
        """
        caps, now = self._caps, self._clock()
        if len(particle.script) > caps.script_bytes:
            raise TooLarge(
                f"the script has {len(particle.script)} bytes, more than {caps.script_bytes}",
                field="script",
            )
        self.check_data(particle.data)
        if particle.ttl > caps.ttl_ms:
            raise InvalidInput(
                f"a ttl of {particle.ttl} ms is longer than this peer's {caps.ttl_ms}",
                field="ttl",
                remedy=f"send at most {caps.ttl_ms}",
            )
        if particle.timestamp > now + SKEW_MS:
            raise InvalidInput(
                f"the timestamp is {particle.timestamp - now} ms ahead of this peer's clock",
                field="timestamp",
                remedy="set the clock; it is in milliseconds since 1970",
            )
        if particle.expires <= now:
            raise Expired(f"the particle expired {now - particle.expires} ms ago", field="ttl")
        verify_particle(particle)

    def check_data(self, data: bytes) -> None:
        """Raise TooLarge for more data than a particle may carry."""
        if len(data) > self._caps.data_bytes:
            raise TooLarge(
                f"the data has {len(data)} bytes, more than {self._caps.data_bytes}", field="data"
            )

    def count(self, particle: Particle, live: int) -> None:
        """Count a new particle. Raises RateLimited, LimitReached."""
        if live >= self._caps.particles:
            raise LimitReached(
                f"{live} particles are under way here", remedy="try again in a moment"
            )
        self._initiators.check(particle.init_peer_id)

    def count_address(self, address: str) -> None:
        """Count a request that brings one. Raises RateLimited."""
        self._addresses.check(address)
