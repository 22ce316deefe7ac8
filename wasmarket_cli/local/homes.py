"""The home of a local market: one market at a time, and nothing left of the chain before."""

import fcntl
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from peer.folder import PeerFolder
from wasmarket.chain.development.anvil import CHAIN_ID
from wasmarket.client.home import Home
from wasmarket.kernel.errors import Conflict
from wasmarket_cli.local.plan import is_ours

KEPT = frozenset({"key", "blocks", "cache"})
"""What a peer may take along to another chain."""


def claim_home(home: Home) -> IO[str]:
    """Return a lock on a home, held until it is closed. Raises Conflict while another holds it."""
    home.locks.mkdir(parents=True, exist_ok=True)
    lock = (home.locks / "local.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Conflict(
            f"a local market runs in {home.root} already",
            field="home",
            remedy="end it first, or choose another home: `wasmarket --home DIR local up`",
        ) from error
    return lock


def forget_chain(home: Home, peers: Iterable[str]) -> None:
    """Remove what an earlier local market and its peers knew of their chain, which is gone.

    `peers`: those of the market; those that somebody added to it are found by their chain. Keys,
    logs and content stay, and so does a peer that runs. Does nothing in a home that no local
    market made.
    """
    if not is_ours(home):
        return
    (home.deployments / f"{CHAIN_ID}.json").unlink(missing_ok=True)
    for path in home.store.parent.glob(f"{home.store.name}*"):
        path.unlink()
    shutil.rmtree(home.offers, ignore_errors=True)
    added = (name for name in home.peer_names() if _is_of_local_chain(home.peer(name)))
    for name in {*peers, *added}:
        if home.peer(name).is_dir():
            _forget(PeerFolder(home.peer(name)))


def _is_of_local_chain(folder: Path) -> bool:
    """Say whether a peer last followed a local chain."""
    try:
        saved = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
        return bool(saved["facts"]["chain_id"] == CHAIN_ID)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _forget(folder: PeerFolder) -> None:
    try:
        lock = folder.lock()
    except Conflict:
        return
    with lock:
        for path in folder.path.iterdir():
            if path.name in KEPT:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
