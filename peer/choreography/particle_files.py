"""Keep live particles in files: they outlive a restart, and need not all be in memory."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from wasmarket.kernel.documents.particles import Particle

logger = logging.getLogger(__name__)

SUFFIX: Final = ".particle"


class StoredParticle(msgspec.Struct):
    """What a file holds; `strands` is the newest data by identity."""

    id: str
    init_peer_id: str
    timestamp: int
    ttl: int
    script: str
    signature: bytes
    strands: dict[str, bytes]
    invokes: dict[str, int]
    calls: dict[str, int]

    @property
    def particle(self) -> Particle:
        """Return the particle without data."""
        return Particle(
            self.id, self.init_peer_id, self.timestamp, self.ttl, self.script, self.signature
        )


_DECODER: Final = msgspec.msgpack.Decoder(StoredParticle)


class ParticleFiles:
    """One file a particle. A crash may lose the newest moments of one: it is sent again then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, stored: StoredParticle) -> int:
        """Write a particle; return the size of its file. Raises OSError."""
        data = msgspec.msgpack.encode(stored)
        path = self._path(stored.signature)
        temporary = path.with_suffix(".new")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return len(data)

    def load(self, signature: bytes) -> StoredParticle | None:
        """Return a particle that was saved; None if its file is damaged or gone."""
        return self._read(self._path(signature))

    def load_all(self, now_ms: int) -> Iterator[tuple[StoredParticle, int]]:
        """Return all that have not expired with their files' sizes; remove the others."""
        for path in sorted(self._folder.iterdir()):
            found = self._read(path) if path.suffix == SUFFIX else None
            if found is None or found.particle.expires <= now_ms:
                path.unlink(missing_ok=True)
            else:
                yield found, path.stat().st_size

    def remove(self, signature: bytes) -> None:
        """Forget a particle."""
        self._path(signature).unlink(missing_ok=True)

    def _path(self, signature: bytes) -> Path:
        return self._folder / (hashlib.sha256(signature).hexdigest()[:40] + SUFFIX)

    def _read(self, path: Path) -> StoredParticle | None:
        try:
            return _DECODER.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            logger.warning("a damaged particle was dropped", extra={"path": str(path)})
            return None
