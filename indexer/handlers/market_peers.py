"""Market, peers: registered, resized, re-keyed, moved."""

from typing import Any

from indexer.handlers.reputation import note_registration
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import PeerEndpoint, PeerRegistered, PeerUnits, PeerWallet
from wasmarket.kernel.units import PeerId
from wasmarket.store.enums import Uint
from wasmarket.store.tables import PeerRow, UnitChangeRow

PEERS = Handlers()


@PEERS.on(PeerRegistered)
def peer_registered(scope: Scope, log: Log[PeerRegistered]) -> None:
    """A provider registered a peer."""
    event = log.event
    peer = scope.rows.add(
        PeerRow,
        id=PeerId(event.peer),
        provider=event.provider,
        key=event.key,
        units=event.units,
        used=0,
        memory_mib=event.memory_mib,
        region=event.region,
        traits=Uint(event.traits),
        wallet=event.wallet,
        endpoint=event.endpoint,
        registered_block=log.block_number,
        registered_at=log.timestamp,
    )
    note_registration(scope, log, peer)
    _note_units(scope, log, event.peer, event.units)


@PEERS.on(PeerUnits)
def peer_units(scope: Scope, log: Log[PeerUnits]) -> None:
    """A peer sells more or fewer units: its provider said so, or it was evicted."""
    peer = scope.rows.get(PeerRow, log.event.peer)
    _note_units(scope, log, log.event.peer, log.event.units - peer.units)
    peer.units = log.event.units
    scope.resized[log.event.peer] = log.tx_hash


@PEERS.on(PeerWallet)
def peer_wallet(scope: Scope, log: Log[PeerWallet]) -> None:
    """A peer has another hot key."""
    scope.rows.get(PeerRow, log.event.peer).wallet = log.event.wallet


@PEERS.on(PeerEndpoint)
def peer_endpoint(scope: Scope, log: Log[PeerEndpoint]) -> None:
    """A peer is reached elsewhere."""
    scope.rows.get(PeerRow, log.event.peer).endpoint = log.event.endpoint


def _note_units(scope: Scope, log: Log[Any], peer: int, delta: int) -> None:
    """Keep by how much a peer's units changed, and when."""
    scope.rows.append(
        UnitChangeRow,
        block_number=log.block_number,
        log_index=log.log_index,
        peer=PeerId(peer),
        epoch=scope.epoch(log),
        delta=delta,
    )
