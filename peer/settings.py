"""What a provider sets for one peer; built once by the composition root."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Table `[peer]`. Seconds are wall-clock; `folder` holds all that the peer keeps."""

    folder: str = ""
    """Folder of the state; empty: `peers/<name>` under the home of the installation."""
    name: str = "peer"
    peer_id: int = 0
    """Number on chain; 0: the first registration that names this peer's key and wallet."""
    host: str = "127.0.0.1"
    port: int = 8610
    policy: str = ""
    """Path of the policy file; empty: the default policy."""
    gateways: tuple[str, ...] = ()
    """URLs of trustless gateways that are asked for content."""
    poll_seconds: float = 1.0
    fetch_seconds: float = 20.0
    """How long sources are tried for a new assignment before it is refused."""
    retry_seconds: float = 15.0
    """Pause after a failed update, start or transaction."""
    receipt_flush_ms: int = 5
    """How long receipts may wait for the disk."""
    claim_every_epochs: int = 0
    """Claim for the provider every so many epochs, at the wallet's cost; 0: never."""
