"""Put together what sends a peer's duties."""

import threading
from collections.abc import Callable
from pathlib import Path

from peer.auditing.ballots import Ballots
from peer.duties.due_calls import Outlook
from peer.duties.submitter import DutyContracts, DutySubmitter
from peer.papers import PeerPapers
from peer.parts import PeerParts
from wasmarket.chain.contracts.bindings import Audits, Market, Meter, Proofs
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.sender import Sender


def build_submitter(
    parts: PeerParts,
    rpc: Rpc,
    lock: Path,
    papers: PeerPapers,
    ballots: Ballots,
    outlook: Callable[[], Outlook],
    *,
    on_sent: Callable[[], object],
    stop: threading.Event,
) -> DutySubmitter:
    """Return the submitter; `lock` is a file that only one sender of the wallet may have."""
    settings, deployment = parts.settings, parts.deployment
    parameters = deployment.parameters
    sender = Sender(
        rpc,
        parts.wallet,
        chain_id=deployment.chain_id,
        decoder=Decoder(deployment),
        lock=lock,
        max_fee=parts.max_fee,
        stop=stop,
    )
    contracts = DutyContracts(
        Market(rpc, deployment),
        Proofs(rpc, deployment),
        Audits(rpc, deployment),
        Meter(rpc, deployment),
    )
    return DutySubmitter(
        sender,
        contracts,
        deployment,
        papers,
        ballots,
        outlook,
        claim_every=settings.claim_every_epochs,
        # A chain on which one block is enough for an answer makes none by itself.
        settle_blocks=min(settings.settle_blocks, parameters.accept_blocks - 1),
        read_work=lambda: papers.read_work(parts.policy.current.metered),
        on_sent=on_sent,
        retry_seconds=settings.retry_seconds,
    )
