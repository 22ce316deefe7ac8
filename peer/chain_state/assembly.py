"""Put together what tells a peer of the chain."""

from pathlib import Path
from typing import TYPE_CHECKING

from peer.chain_state.listener import Listener
from peer.folder import public_key
from peer.parts import PeerParts
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.chain.reading.rpc import Rpc

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def build_listener(parts: PeerParts, rpc: Rpc, path: Path, key: "Ed25519PrivateKey") -> Listener:
    """Return the listener of a peer with this key; what it learnt is kept in a file at `path`."""
    deployment = parts.deployment
    follower = Follower(
        rpc,
        deployment,
        Decoder(deployment),
        confirmations=parts.confirmations,
        check_headers=parts.check_headers,
    )
    return Listener(
        follower,
        MarketLens(rpc, deployment),
        deployment,
        path=path,
        key=public_key(key),
        wallet=parts.wallet.address,
        peer_id=parts.settings.peer_id,
    )
