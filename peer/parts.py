"""What a peer is put together from."""

from dataclasses import dataclass
from pathlib import Path

from peer.offers.selling import Seller
from peer.policy.file import PolicyFile
from peer.settings import PeerSettings
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import Deployment
from wasmarket.serving.outbound import Outbound


@dataclass(frozen=True, slots=True)
class PeerParts:
    """What the composition root gives a peer; `folder` is the peer's own."""

    settings: PeerSettings
    deployment: Deployment
    wallet: Account
    folder: Path
    policy: PolicyFile
    outbound: Outbound
    version: str
    confirmations: int = 0
    check_headers: bool = True
    websocket: str = ""
    """Where the node tells of new blocks; empty: the chain is only looked at."""
    max_fee: int | None = None
    seller: Seller | None = None
    """The provider's account, if this process is to make the peer's offers."""
