"""A particle host with a real AquaVM in this process's own workers, for tests of what it does."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.choreography.avm import Avm, ServiceAnswer, ServiceRequest
from peer.choreography.avm_file import CHECKOUT, PLACE
from peer.choreography.callers.scripts import Scripts
from peer.choreography.caps import ParticleCaps, now_ms
from peer.choreography.identities import Identities, OwnIdentity
from peer.choreography.live import LiveParticle
from peer.choreography.memory import ParticleMemory
from peer.choreography.particle_files import ParticleFiles
from peer.choreography.particle_host import ParticleHost
from peer.choreography.trail import Trails
from peer.runtime.workers.spawner import WorkerSpawner
from tests.paths import CHECKOUT as ROOT
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.documents.particles import Particle, to_peer_id
from wasmarket.kernel.signing.particles import sign_particle
from wasmarket.kernel.signing.typed_data import market_domain

AVM = CHECKOUT / PLACE
AVM_CACHE = ROOT / ".build" / "avm"
DOMAIN = market_domain(31337, ZERO_ADDRESS)
Do = Callable[[LiveParticle, OwnIdentity, ServiceRequest], object]


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def id_of(number: int) -> str:
    return to_peer_id(key_of(number).public_key().public_bytes_raw())


def build_particle(
    number: int, script: str, *, ttl: int = 60_000, timestamp: int | None = None, data: bytes = b""
) -> Particle:
    """A particle of the initiator of that number, signed."""
    when = now_ms() if timestamp is None else timestamp
    unsigned = Particle(secrets.token_hex(8), id_of(number), when, ttl, script, b"", data)
    return sign_particle(unsigned, key_of(number))


@dataclass
class Record:
    """What a host had done: calls by service and function, particles sent by peer."""

    called: list[tuple[str, str, list[object]]] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    do: Do = lambda live, identity, request: request.arguments
    scripts: Scripts | None = None

    def call(self, live: LiveParticle, identity: OwnIdentity, request: ServiceRequest):
        known = self.scripts and self.scripts.answer(live, identity, request)
        if known is not None:
            return known
        self.called.append((request.service, request.function, request.arguments))
        value = self.do(live, identity, request)
        if isinstance(value, ServiceAnswer) or asyncio.iscoroutine(value):
            return value
        return ServiceAnswer(0, value)

    def send(self, live: LiveParticle, data: bytes, peer_id: str) -> None:
        self.sent.append((peer_id, data))


@dataclass
class Bench:
    """A host, its parts, and what it had done."""

    host: ParticleHost
    memory: ParticleMemory
    trails: Trails
    identities: Identities
    avm: Avm
    scripts: Scripts
    record: Record

    @property
    def called(self) -> list[tuple[str, str, list[object]]]:
        return self.record.called

    @property
    def sent(self) -> list[tuple[str, bytes]]:
        return self.record.sent

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while not all(live.is_idle for live in self.memory):
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    folder: Path,
    number: int = 9,
    *,
    caps: ParticleCaps | None = None,
    memory_bytes: int = 64 << 20,
    units: int = 1,
) -> AsyncIterator[Bench]:
    """Run the host of the peer of that number; its particles lie in `folder`."""
    caps = caps or ParticleCaps()
    spawner = WorkerSpawner()
    identities = Identities(key_of(number), DOMAIN)
    trails = Trails()
    memory = ParticleMemory(
        ParticleFiles(folder / "particles"), identities, trails, memory_bytes=memory_bytes
    )
    avm = Avm(
        AVM,
        AVM_CACHE,
        units=units,
        idle_seconds=60,
        spawner=spawner,
        particle_bytes=caps.data_bytes,
    )
    record = Record()
    host = ParticleHost(
        avm,
        identities,
        memory,
        trails,
        caps,
        call=record.call,
        carrier=record,
    )
    scripts = host.watcher = record.scripts = Scripts(host, identities.own.peer_id)
    bench = Bench(host, memory, trails, identities, avm, scripts, record)
    avm.start()
    host.load()
    try:
        yield bench
    finally:
        await host.close()
        await spawner.close()
