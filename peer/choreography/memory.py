"""Hold live particles within bounds: the idle ones go to files when there are too many bytes."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator

from peer.choreography.caps import now_ms
from peer.choreography.identities import Identities
from peer.choreography.live import LiveParticle, Strand
from peer.choreography.particle_files import ParticleFiles, StoredParticle
from peer.choreography.trail import Trails
from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.errors import LimitReached

logger = logging.getLogger(__name__)

MEMORY_BYTES = 64 << 20
DISK_BYTES = 1 << 30
WRITES_AT_ONCE = 16
"""Files that are written before others have their turn."""


class ParticleMemory:
    """The live particles by signature, least recently used first. Event loop only."""

    def __init__(
        self,
        files: ParticleFiles,
        identities: Identities,
        trails: Trails,
        *,
        has_room: Callable[[], bool] = lambda: True,
        memory_bytes: int = MEMORY_BYTES,
        disk_bytes: int = DISK_BYTES,
    ) -> None:
        """`has_room` says whether the disk may take more."""
        self._files = files
        self._identities = identities
        self._trails = trails
        self._has_room = has_room
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._live: OrderedDict[bytes, LiveParticle] = OrderedDict()
        self.held_bytes = 0
        self.stored_bytes = 0

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveParticle]:
        return iter(list(self._live.values()))

    def find(self, signature: bytes) -> LiveParticle | None:
        """Return a live particle, whole."""
        live = self._live.get(signature)
        if live is None:
            return None
        self._live.move_to_end(signature)
        if live.is_spilled and not self._restore(live):
            self.drop(live)
            return None
        return live

    def add(self, particle: Particle) -> LiveParticle:
        """Hold a new particle. Raises LimitReached while there is no room."""
        if not self._make_room(len(particle.script) + len(particle.data)):
            raise LimitReached(
                "this peer holds as many bytes of particles as it may",
                remedy="try again in a moment",
            )
        live = LiveParticle(particle.with_data(b""), self._trails.open(particle))
        self._live[live.key] = live
        self.remeasure(live)
        return live

    def may_take(self, size: int) -> bool:
        """Say whether there is room for so many bytes more, after idle particles went to files."""
        return self._make_room(size)

    def remeasure(self, live: LiveParticle) -> None:
        """Count what a particle holds now; it has changed."""
        if self._live.get(live.key) is not live:
            return
        live.is_changed = True
        size = live.measure()
        self.held_bytes += size - live.size
        live.size = size

    def drop(self, live: LiveParticle) -> None:
        """Forget a particle."""
        self._live.pop(live.key, None)
        self.held_bytes -= live.size
        live.size = 0
        if live.stored_bytes:
            self.stored_bytes -= live.stored_bytes
            live.stored_bytes = 0
            self._files.remove(live.key)

    def expire(self) -> list[LiveParticle]:
        """Drop and return those whose time is over."""
        now = now_ms()
        over = [live for live in self._live.values() if live.particle.expires <= now]
        for live in over:
            self.drop(live)
        return over

    async def save(self) -> None:
        """Write what has changed since it was written last. Raises OSError."""
        for count, live in enumerate(self):
            if live.is_changed and not live.is_spilled and live.key in self._live:
                if not self._has_room():
                    return
                self._write(live)
            if count % WRITES_AT_ONCE == 0:
                await asyncio.sleep(0)

    def load(self) -> None:
        """Take up what an earlier run left; data of identities that are gone is forgotten."""
        for stored, size in self._files.load_all(now_ms()):
            live = LiveParticle(stored.particle, self._trails.open(stored.particle))
            self._fill(live, stored)
            live.is_changed, live.stored_bytes = False, size
            self.stored_bytes += size
            self._live[live.key] = live
            live.size = live.measure()
            self.held_bytes += live.size
            self._make_room(0)

    def _make_room(self, size: int) -> bool:
        if self.held_bytes + size > self._memory_bytes:
            for live in self:
                if live.is_idle and not live.is_spilled:
                    self._spill(live)
                if self.held_bytes + size <= self._memory_bytes:
                    break
        return self.held_bytes + size <= self._memory_bytes

    def _spill(self, live: LiveParticle) -> None:
        try:
            if live.is_changed:
                if self.stored_bytes >= self._disk_bytes or not self._has_room():
                    return
                self._write(live)
        except OSError as error:
            logger.warning("a particle stays in memory", extra={"why": str(error)})
            return
        live.particle = Particle(
            live.particle.id,
            live.particle.init_peer_id,
            live.particle.timestamp,
            live.particle.ttl,
            "",
            live.particle.signature,
        )
        for strand in live.strands.values():
            strand.previous = b""
        live.is_spilled = True
        self.held_bytes -= live.size
        live.size = 0

    def _restore(self, live: LiveParticle) -> bool:
        stored = self._files.load(live.key)
        if stored is None:
            return False
        live.particle = stored.particle
        self._fill(live, stored)
        live.is_spilled = False
        live.size = live.measure()
        self.held_bytes += live.size
        return True

    def _fill(self, live: LiveParticle, stored: StoredParticle) -> None:
        for peer_id, data in stored.strands.items():
            identity = self._identities.find(peer_id)
            if identity is not None:
                strand = live.strands.setdefault(peer_id, Strand(identity))
                strand.previous = data
                strand.invokes = max(strand.invokes, stored.invokes.get(peer_id, 0))
                strand.calls = max(strand.calls, stored.calls.get(peer_id, 0))

    def _write(self, live: LiveParticle) -> None:
        particle, strands = live.particle, live.strands
        size = self._files.save(
            StoredParticle(
                particle.id,
                particle.init_peer_id,
                particle.timestamp,
                particle.ttl,
                particle.script,
                particle.signature,
                {peer_id: strand.previous for peer_id, strand in strands.items()},
                {peer_id: strand.invokes for peer_id, strand in strands.items()},
                {peer_id: strand.calls for peer_id, strand in strands.items()},
            )
        )
        self.stored_bytes += size - live.stored_bytes
        live.stored_bytes, live.is_changed = size, False
