"""The two keys of a peer: its identity and its hot wallet."""

from chain.wallet import Account, load_or_create_account
from kernel.units import Hash
from peer.folder import PeerFolder, public_key
from wasmarket.wiring import Wiring


def load_peer_keys(wiring: Wiring, name: str) -> tuple[Hash, Account]:
    """Return a peer's public key and wallet, made if there are none yet."""
    folder = PeerFolder(wiring.home.peer(name))
    wallet = f"peer-{name}"
    account = load_or_create_account(wiring.home.keys, wallet, wiring.password(wallet))
    return public_key(folder.load_key()), account
