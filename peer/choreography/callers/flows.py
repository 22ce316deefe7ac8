"""Start the flows of apps: the worker of the deal is the initiator, a receipt says what came.

What a finished flow left, AquaVM's data with every peer's signature, is kept as long as receipts.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from peer.choreography.callers.flow_answers import FlowAnswer, FlowAnswers
from peer.choreography.callers.scripts import ScriptFailed, ScriptResult, Scripts
from peer.choreography.identities import Identities
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.hosting.refusals import NotServing
from peer.hosting.served_assignment import ServedAssignment
from peer.receipts.chain_file import CallRecord
from peer.receipts.epoch_files import ChainHead
from peer.receipts.receipt_log import ReceiptLog
from wasmarket.kernel.documents.app_parts import Flow
from wasmarket.kernel.documents.flows import ROUTE
from wasmarket.kernel.documents.receipts import CallStatus, function_hash
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.hashing import sha256

logger = logging.getLogger(__name__)

SUFFIX: Final = ".flow"


class KeptFlow(msgspec.Struct):
    """What is kept of a finished flow; `calls` are receipts of this peer and of those it asked."""

    id: str
    deal: int
    flow: str
    app: str
    assignment: int
    init_peer_id: str
    timestamp: int
    ttl: int
    script: str
    signature: bytes
    data: bytes
    input: bytes
    output: bytes
    receipt: str


class Flows:
    """The flows of the deals that are served here. Event loop only."""

    def __init__(
        self,
        host: Host,
        book: ReceiptLog,
        identities: Identities,
        scripts: Scripts,
        folder: Path,
        *,
        keep_epochs: int,
        now_epoch: Callable[[], int],
        has_room: Callable[[], bool],
    ) -> None:
        """`keep_epochs`: how many epochs what finished flows left is kept.

        `has_room` says whether the disk may take more.
        """
        self._host = host
        self._book = book
        self._identities = identities
        self._scripts = scripts
        self._folder = folder
        self._keep_epochs = keep_epochs
        self._now_epoch = now_epoch
        self._has_room = has_room
        self._answers = FlowAnswers()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def peer(self) -> int:
        """Return the peer's number on chain."""
        return self._book.peer

    def find(self, deal: int, name: str) -> tuple[HostedDeal, ServedAssignment, Flow]:
        """Return a flow and what would run it. Raises NotFound, and as `HostedDeal.pick`."""
        hosted = self._host.find(deal)
        run = hosted.pick()
        for flow in run.workers.version.manifest.flows:
            if flow.name == name:
                return hosted, run, flow
        known = ", ".join(flow.name for flow in run.workers.version.manifest.flows)
        raise NotFound(
            f"the app of deal {deal} has no flow {name:.80}", remedy=f"it has: {known or 'none'}"
        )

    async def run(
        self, run: ServedAssignment, deal: int, flow: Flow, body: bytes, given: Any, key: str
    ) -> FlowAnswer:
        """Run a flow with JSON arguments; with an idempotency `key` once, however often asked.

        Raises InvalidInput, Conflict for a key that came with another body, ScriptFailed, TimedOut.
        """
        if not key:
            return await self._run(run, deal, flow, body, given)
        return await self._answers.run_once(
            (deal, flow.name, key), body, lambda: self._run(run, deal, flow, body, given)
        )

    def read(self, particle: str) -> KeptFlow:
        """Return what a finished flow left. Raises NotFound."""
        found = self._folder.glob(f"*/{particle}{SUFFIX}") if particle.isalnum() else ()
        for path in found:
            try:
                return msgspec.msgpack.decode(path.read_bytes(), type=KeptFlow)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                logger.warning("a flow's data is damaged", extra={"why": f"{path}: {error}"})
        raise NotFound(f"this peer keeps no flow {particle:.80}")

    def prune(self) -> None:
        """Forget what is older than receipts are kept."""
        before = self._now_epoch() - self._keep_epochs
        for path in self._folder.iterdir():
            if path.name.isdecimal() and int(path.name) < before:
                shutil.rmtree(path)

    async def _run(
        self, run: ServedAssignment, deal: int, flow: Flow, body: bytes, given: Any
    ) -> FlowAnswer:
        arguments = flow.interface.bind(given)
        identity = self._identities.worker_of(run.assignment)
        if identity is None:
            raise NotServing(f"assignment {run.assignment} is not known yet", remedy="try again")
        began, now = time.perf_counter_ns(), self._host.now()
        try:
            found = await self._scripts.run(identity, flow.script, arguments, flow.ttl_ms)
        except MarketError:
            await self._record(run, flow, body, b"", CallStatus.TRAP, began, now)
            raise
        output = msgspec.json.encode({"result": found.value})
        most = run.workers.version.manifest.limits.output_bytes
        if len(output) > most:
            await self._record(run, flow, body, b"", CallStatus.OUTPUT, began, now)
            raise ScriptFailed(
                f"the flow's result has {len(output)} bytes, over {most}",
                remedy="answer less, or raise `output_bytes` in the app's limits",
            )
        head = await self._record(run, flow, body, output, CallStatus.ANSWERED, began, now)
        receipt = f"{run.assignment}:{head.sequence}:{head.hash.hex()}"
        self._keep(run, deal, flow, found, body, output, receipt)
        return FlowAnswer(found.particle.id, output, run.assignment, head)

    async def _record(
        self,
        run: ServedAssignment,
        flow: Flow,
        body: bytes,
        output: bytes,
        status: CallStatus,
        began: int,
        now: int,
    ) -> ChainHead:
        """Write the flow's own receipt: the app's manifest names its script."""
        written: asyncio.Future[ChainHead | Exception] = asyncio.get_running_loop().create_future()
        record = CallRecord(
            run.workers.app,
            function_hash(ROUTE, flow.name),
            sha256(body),
            sha256(output),
            int(status),
            0,
            len(body) + len(output),
            (time.perf_counter_ns() - began) // 1_000,
            now,
        )
        self._book.record(run.chain, record, written.set_result)
        head = await written
        if not isinstance(head, ChainHead):
            raise head
        return head

    def _keep(
        self,
        run: ServedAssignment,
        deal: int,
        flow: Flow,
        found: ScriptResult,
        body: bytes,
        output: bytes,
        receipt: str,
    ) -> None:
        particle = found.particle
        kept = KeptFlow(
            particle.id,
            deal,
            flow.name,
            run.workers.version.app,
            run.assignment,
            particle.init_peer_id,
            particle.timestamp,
            particle.ttl,
            particle.script,
            particle.signature,
            found.data,
            body,
            output,
            receipt,
        )
        if not self._has_room():
            logger.warning("a flow's data is not kept", extra={"why": "the disk is full"})
            return
        folder = self._folder / str(max(0, self._now_epoch()))
        try:
            folder.mkdir(exist_ok=True)
            temporary = folder / f"{particle.id}.new"
            temporary.write_bytes(msgspec.msgpack.encode(kept))
            temporary.replace(temporary.with_suffix(SUFFIX))
        except OSError as error:
            logger.warning("a flow's data is not kept", extra={"why": str(error)})
