"""A peer's receipts without the rest of it."""

from peer.folder import PeerFolder
from peer.receipts.heads import HeadSigner
from peer.receipts.high_water import HighWater
from peer.receipts.receipt_log import ReceiptLog
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.signing.typed_data import market_domain

SECONDS = 60
WALLET = Account.from_key(b"\x07" * 32)
DOMAIN = market_domain(31_337, to_address(b"m" * 20))


def open_log(folder: PeerFolder, floor: int = 0, copies: tuple = ()) -> ReceiptLog:
    """Open the receipts in a folder, as a peer does at its start."""
    signer = HeadSigner(DOMAIN, WALLET, HighWater([folder.path, *copies]))
    return ReceiptLog(folder, signer, SECONDS, floor, copies)
