"""Travel through time on a local chain, one epoch at a time (DESIGN 8.1)."""

import time
from collections.abc import Collection

from chain.cheats import Cheats
from kernel.errors import TimedOut
from kernel.units import Epoch
from wasmarket.wiring import Wiring

PROOF_SECONDS = 30.0


def next_epoch(wiring: Wiring, live_peers: Collection[int]) -> Epoch:
    """Begin the next epoch and wait until each of `live_peers` has committed the one before.

    Raises TimedOut that names the peers which have not.
    """
    deployment = wiring.deployment
    ended = deployment.epoch_of(wiring.clock.refresh())
    cheats = Cheats(wiring.rpc)
    cheats.set_next_timestamp(deployment.start_of(ended + 1))
    cheats.mine()
    wait_proven(wiring, live_peers, ended)
    return Epoch(ended + 1)


def wait_proven(wiring: Wiring, peers: Collection[int], epoch: int) -> None:
    """Wait until `peers` have committed `epoch`. Raises TimedOut."""
    missing = set(peers)
    until = time.monotonic() + PROOF_SECONDS
    while missing := {peer for peer in missing if not wiring.proofs.is_proven(peer, epoch)}:
        if time.monotonic() > until:
            raise TimedOut(
                f"peers {sorted(missing)} did not commit epoch {epoch} in {PROOF_SECONDS:.0f} s",
                remedy="do they run? see their logs",
            )
        time.sleep(0.1)
