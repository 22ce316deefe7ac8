"""Travel through time on a local chain, one epoch at a time (DESIGN 8.1)."""

import time
from collections.abc import Callable, Collection

from wasmarket.chain.contracts.packed_words import AssignmentCode
from wasmarket.chain.development.cheats import Cheats
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.errors import RpcError
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import TimedOut
from wasmarket.kernel.units import Epoch

PROOF_SECONDS = 60.0
PAID_BY_EPOCH = (AssignmentCode.ACTIVE, AssignmentCode.ENDED)
PAID_BY_WORK = (AssignmentCode.METERED, AssignmentCode.CLOSED)

IsRunning = Callable[[int], bool]
"""Says whether a peer's process is there to commit."""


def next_epoch(wiring: Wiring, is_running: IsRunning) -> Epoch:
    """Begin the next epoch, show that the chain takes proofs of the one before (the pulse, without
    which nobody can be evicted), and wait until each running peer has committed it.

    Raises TimedOut that names the peers which have not.
    """
    deployment = wiring.deployment
    ended = deployment.epoch_of(wiring.clock.refresh())
    committers = {peer for peer in find_committers(wiring, ended) if is_running(peer)}
    cheats = Cheats(wiring.rpc)
    try:
        cheats.set_next_timestamp(deployment.start_of(ended + 1))
        cheats.mine()
    except RpcError:
        # A block of the next epoch came in between: then there is nothing to travel over.
        if deployment.epoch_of(wiring.clock.refresh()) <= ended:
            raise
    pulse = wiring.proofs.call("commit", ended, [(0, 0)])
    wiring.sender(dev_accounts()[-1]).send(pulse)
    wait_proven(wiring, committers, ended)
    return Epoch(ended + 1)


def find_committers(wiring: Wiring, epoch: int) -> set[int]:
    """Return the peers whose commitment of `epoch` decides about pay, or can be asked for."""
    count = wiring.lens.read("assignment_count")
    return {
        view.peer
        for view in wiring.lens.assignments(range(1, count + 1))
        if (view.state in PAID_BY_EPOCH and view.next <= epoch <= view.end_of)
        or (view.state in PAID_BY_WORK and view.start <= epoch <= view.end_of)
    }


def wait_proven(wiring: Wiring, peers: Collection[int], epoch: int) -> None:
    """Wait until `peers` have committed `epoch`, as far as it still matters. Raises TimedOut."""
    missing = set(peers)
    until = time.monotonic() + PROOF_SECONDS
    while missing := {peer for peer in missing if not wiring.proofs.is_proven(peer, epoch)}:
        # One that was convicted meanwhile has nothing left to commit for.
        missing &= find_committers(wiring, epoch)
        if time.monotonic() > until:
            raise TimedOut(
                f"peers {sorted(missing)} did not commit epoch {epoch} in {PROOF_SECONDS:.0f} s",
                remedy="do they run? see their logs",
            )
        time.sleep(0.1)
