"""Put choreography together from its parts; a peer without AquaVM has none."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.chain_state.listener import Listener
from peer.chain_state.view import ChainView, State
from peer.choreography.avm import Avm
from peer.choreography.avm_file import find_avm, find_code_cache
from peer.choreography.builtins.network import NetworkBuiltins
from peer.choreography.builtins.stat import StatBuiltins
from peer.choreography.builtins.table import Builtins
from peer.choreography.callers.flows import Flows
from peer.choreography.callers.scripts import Scripts
from peer.choreography.calls.deal_access import DealAccess
from peer.choreography.calls.service_calls import ServiceCalls
from peer.choreography.caps import ParticleCaps
from peer.choreography.directory import PeerDirectory
from peer.choreography.forwarding import ParticleForwarder
from peer.choreography.identities import Identities
from peer.choreography.memory import ParticleMemory
from peer.choreography.metrics import ParticleMetrics
from peer.choreography.particle_files import ParticleFiles
from peer.choreography.particle_host import ParticleHost
from peer.choreography.trail import Trails
from peer.choreography.vaults.vaults import ParticleVaults
from peer.folder import PeerFolder
from peer.hosting.host import Host
from peer.p2p.certificate import Certificate, read_certificate
from peer.p2p.edge import ClientEdge
from peer.receipts.receipt_log import ReceiptLog
from peer.runtime.workers.spawner import WorkerSpawner
from peer.settings import PeerSettings
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.serving.outbound import Outbound

MOST_UNITS = 2
"""Processes that run AquaVM at the same time."""


@dataclass(frozen=True, slots=True)
class ChoreographySettings:
    """What a peer's settings say of it; `units` are processes, `idle_seconds` as of services."""

    avm: Path
    cache: Path
    folder: Path
    units: int
    idle_seconds: float
    caps: ParticleCaps
    host: str
    p2p_port: int
    p2p_address: str
    certificate: Certificate | None
    keep_epochs: int


class Choreography:
    """A peer's particles and all that they need."""

    def __init__(
        self,
        settings: ChoreographySettings,
        key: Ed25519PrivateKey,
        domain: Domain,
        host: Host,
        listener: Listener,
        lens: MarketLens,
        http: httpx.AsyncClient,
        outbound: Outbound,
        spawner: WorkerSpawner,
        book: ReceiptLog,
        *,
        version: str,
        has_room: Callable[[], bool],
    ) -> None:
        self.identities = Identities(key, domain)
        self.trails = Trails()
        self.caps = settings.caps
        self._settings = settings
        self._listener = listener
        self._avm = Avm(
            settings.avm,
            settings.cache,
            units=settings.units,
            idle_seconds=settings.idle_seconds,
            spawner=spawner,
            particle_bytes=settings.caps.data_bytes,
        )
        directory = PeerDirectory(listener, lens, http, domain, self._own_worker)
        self.forwarder = ParticleForwarder(directory, outbound)
        network = NetworkBuiltins(
            self.identities,
            directory,
            host,
            version=version,
            addresses=lambda: self.addresses,
            is_connected=self._is_client,
        )
        self._vaults = ParticleVaults(settings.folder.with_name("vaults"))
        access = DealAccess(self.identities, directory.worker_ids)
        builtins = Builtins(network, self._vaults, StatBuiltins(host, access))
        self.calls = ServiceCalls(host, self.identities, builtins, self._vaults, access)
        memory = ParticleMemory(
            ParticleFiles(settings.folder), self.identities, self.trails, has_room=has_room
        )
        self.metrics = ParticleMetrics(memory, self._avm)
        self.host = ParticleHost(
            self._avm,
            self.identities,
            memory,
            self.trails,
            settings.caps,
            call=self.calls.call,
            carrier=self.forwarder,
        )
        self._edge = ClientEdge(
            key, f"wasmarket/{version}", settings.caps.frame_bytes, self.host.accept
        )
        self.forwarder.to_client = self._edge.send
        self.scripts = Scripts(self.host, self.identities.own.peer_id)
        self.flows = Flows(
            host,
            book,
            self.identities,
            self.scripts,
            settings.folder.with_name("flows"),
            keep_epochs=settings.keep_epochs,
            now_epoch=lambda: -1 if host.chain_view is None else host.chain_view.epoch,
            has_room=has_room,
        )
        self.host.on_sweep = self._prune
        self.calls.initiators = self.scripts
        self.host.watcher = self.scripts

    def _prune(self) -> None:
        if self._settings.certificate is not None:
            self._settings.certificate.refresh()
        self.flows.prune()
        self._vaults.prune()

    def take(self, chain_view: ChainView) -> None:
        """Know the workers of the assignments that the chain names now."""
        self.identities.take(
            {
                held.id: held.deal
                for held in chain_view.assignments.values()
                if held.alive and held.state in (State.PENDING, State.ACTIVE)
            }
        )

    async def start(self) -> None:
        """Take up what an earlier run left; AquaVM itself starts with the first particle.

        Raises PortInUse.
        """
        if self._listener.chain_view is not None:
            self.take(self._listener.chain_view)
        self._avm.start()
        self.host.load()
        if self._settings.p2p_port:
            settings = self._settings
            await self._edge.start(settings.host, settings.p2p_port, settings.certificate)

    async def close(self) -> None:
        """End it all; live particles are kept in files."""
        await self._edge.close()
        await self.host.close()
        await self.forwarder.close()

    def _is_client(self, peer_id: str) -> bool:
        return self._edge.has(peer_id)

    def _own_worker(self, assignment: int) -> str:
        worker = self.identities.worker_of(assignment)
        return "" if worker is None else worker.peer_id

    @property
    def addresses(self) -> list[str]:
        """Return the multiaddrs under which clients reach this peer."""
        settings = self._settings
        if not settings.p2p_port:
            return []
        kind = "ip6" if ":" in settings.host else "ip4"
        scheme = "ws" if settings.certificate is None else "wss"
        own = f"/{kind}/{settings.host}/tcp/{settings.p2p_port}/{scheme}"
        place = settings.p2p_address or own
        return [f"{place}/p2p/{self.identities.own.peer_id}"]


def read_settings(settings: PeerSettings, folder: PeerFolder) -> ChoreographySettings | None:
    """Return what choreography needs; None without AquaVM. Raises ConfigError."""
    avm = find_avm(settings.avm)
    if avm is None:
        return None
    return ChoreographySettings(
        avm,
        find_code_cache(settings.avm_cache, avm, folder.cache),
        folder.path / "particles",
        MOST_UNITS,
        settings.idle_seconds,
        ParticleCaps(per_minute=settings.particles_per_minute),
        settings.host,
        settings.p2p_port,
        settings.p2p_address,
        read_certificate(settings.p2p_tls_cert, settings.p2p_tls_key),
        settings.keep_receipt_epochs,
    )
