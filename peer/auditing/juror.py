"""Judge the accusations in which this peer has a seat: run the call again, and write the vote down.

Sending is the submitter's. What cannot be run alike twice is a vote of 0, and so is an input that
nobody has by the middle of the voting.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from peer.auditing.ballots import Ballots
from peer.auditing.executor import CallExecutor
from peer.chain_state.trials import Trial
from peer.chain_state.view import ChainView
from wasmarket.chain.contracts.abi import load_abi
from wasmarket.kernel.addresses import raw, to_hash
from wasmarket.kernel.audits.evidence import join_words
from wasmarket.kernel.audits.juries import CANNOT_TELL, FALSE_IN_ITSELF
from wasmarket.kernel.documents.receipts import Receipt, receipt_hash, unpack_receipt
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events.audits import CaseState
from wasmarket.kernel.units import Hash

logger = logging.getLogger(__name__)

ReadCalldata = Callable[[Hash], bytes]
"""Returns what a transaction was sent with. Raises MarketError."""
FetchInput = Callable[[bytes], Awaitable[bytes]]
"""Returns content by its sha256. Raises MarketError."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a juror looks: the accusation's transaction, content, and the apps of a deal."""

    read_calldata: ReadCalldata
    fetch_input: FetchInput
    find_apps: Callable[[int], Sequence[Hash]]


class Juror:
    """Judges one trial after the other; on the event loop."""

    def __init__(
        self,
        ballots: Ballots,
        executor: CallExecutor,
        sources: Sources,
        epoch_seconds: int,
        on_ballot: Callable[[], object],
    ) -> None:
        """`on_ballot` hears of each vote that was written down."""
        self._ballots = ballots
        self._executor = executor
        self._sources = sources
        self._seconds = epoch_seconds
        self._on_ballot = on_ballot
        self._chain_view: ChainView | None = None

    async def close(self) -> None:
        """End the workers."""
        await self._executor.close()

    def take(self, chain_view: ChainView) -> None:
        """Take what the chain says now."""
        self._chain_view = chain_view

    async def step(self) -> None:
        """Judge what is to be voted on and has no ballot yet."""
        chain_view = self._chain_view
        if chain_view is None:
            return
        for trial in chain_view.trials:
            is_ours = trial.state == CaseState.DRAWN and trial.own_places
            if not is_ours or (trial.case, trial.receipt) in self._ballots:
                continue
            vote = await self._judge(trial)
            is_late = chain_view.head.timestamp >= trial.since + self._seconds
            if vote is None and not is_late:
                continue
            found = CANNOT_TELL if vote is None else vote
            await asyncio.to_thread(self._ballots.cast, trial.case, trial.receipt, found)
            logger.info("vote cast", extra={"case": trial.case, "vote": found.hex()})
            self._on_ballot()

    async def _judge(self, trial: Trial) -> bytes | None:
        """Return a vote; None while it may still become possible to tell."""
        try:
            receipt = await asyncio.to_thread(self._read_receipt, trial)
            apps = self._sources.find_apps(receipt.deal)
            if apps and to_hash(receipt.app) not in apps:
                return FALSE_IN_ITSELF
            body = await self._sources.fetch_input(receipt.input)
        except MarketError as error:
            logger.info("nothing to judge by yet", extra={"case": trial.case, "why": str(error)})
            return None
        found = await self._executor.execute(to_hash(receipt.app), receipt.function, body)
        if found.is_false:
            return FALSE_IN_ITSELF
        if found.value is None:
            logger.info("it cannot be told", extra={"case": trial.case, "why": found.why})
            return None
        return found.value

    def _read_receipt(self, trial: Trial) -> Receipt:
        data = self._sources.read_calldata(trial.tx)
        _, _, called = load_abi("Audits").function("accuse").decode_inputs(data[4:])
        packed = join_words(called[0])
        if receipt_hash(packed) != raw(trial.receipt):
            raise MarketError("the accusation does not bring the receipt that it names")
        return unpack_receipt(packed)
