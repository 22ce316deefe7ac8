"""Where a peer of this machine keeps what is its own, and its two keys: identity and hot wallet."""

from pathlib import Path

from peer.folder import PeerFolder, public_key
from peer.settings import PeerSettings
from wasmarket.chain.sending.wallet import Account, load_or_create_account
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Hash

URL = "url"
"""In a peer's folder while it runs: where it listens."""


def load_peer_keys(wiring: Wiring, name: str) -> tuple[Hash, Account]:
    """Return a peer's public key and wallet, made if there are none yet."""
    key = public_key(PeerFolder(peer_path(wiring, name)).load_key())
    wallet = wiring.home.wallet_name(name)
    account = load_or_create_account(wiring.home.keys, wallet, wiring.password(wallet))
    return key, account


def peer_path(wiring: Wiring, name: str) -> Path:
    """Return the folder of a peer: `[peer] folder`, else the home's of that name."""
    given = wiring.configuration.read(PeerSettings, "peer").folder
    return Path(given).expanduser() if given else wiring.home.peer(name)


def find_peer(wiring: Wiring, name: str) -> Path:
    """Return the folder of a peer that was made here. Raises NotFound."""
    path = peer_path(wiring, name)
    if not (path / "key").is_file():
        known = ", ".join(wiring.home.peer_names()) or "none"
        raise NotFound(
            f"there is no peer {name!r} in {path.parent}",
            field="name",
            remedy=f"the peers here: {known}; make one: `wasmarket peer init {name}`",
        )
    return path
