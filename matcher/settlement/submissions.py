"""Send transactions so that a crash at any point loses nothing and sends nothing twice.

What is signed is recorded, with its match and book, before it is broadcast; what a dead process
left open is finished by the next one from these records.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from matcher.settlement.gas_budget import GasBudget
from matcher.settlement.proposals import Proposal
from wasmarket.chain.errors import NonceGap, RpcError
from wasmarket.chain.sending.transactions import ContractCall, Signed, Submitter, TransactionReceipt
from wasmarket.kernel.errors import InvalidInput, MarketError, Reverted, TimedOut, Unreachable
from wasmarket.kernel.events import Assigned, DealCreated, FillSkipped
from wasmarket.kernel.reasons import describe
from wasmarket.kernel.units import AssignmentId, BlockNumber, DealId, Hash, Timestamp
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import BookState, SubmissionState
from wasmarket.store.leader import Leader
from wasmarket.store.matching.book_documents import put_book
from wasmarket.store.matching.lost_matches import add_lost_match
from wasmarket.store.matching.matches import add_match, fetch_match, set_match_tx
from wasmarket.store.matching.notices import add_notices
from wasmarket.store.matching.offers import set_offer_state
from wasmarket.store.matching.submissions import (
    fetch_open_submissions,
    record_submission,
    set_submission_state,
)
from wasmarket.store.matching.views import NoticeDraft, SubmissionView

logger = logging.getLogger(__name__)

MATCH = "match"
EVICT = "evict"
RELEASE = "release"
SHOW_PULSE = "pulse"

GIVEN_UP = "not sent after a restart: the chain would refuse it by then"

MAX_GAS = 15_000_000
"""Gas of the matches that wait together: half a block of most chains."""


@dataclass(slots=True)
class _Recorder:
    """Records one call's signed transactions; a replacement belongs to the same match."""

    record: Callable[[Signed, int | None], int | None]
    match: int | None = None

    def __call__(self, signed: Signed) -> None:
        self.match = self.record(signed, self.match)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Records a call's signed transactions, and lists those that were recorded."""

    recorder: _Recorder
    attempts: list[Signed]

    def __call__(self, signed: Signed) -> None:
        self.recorder(signed)
        self.attempts.append(signed)


class Submissions:
    """The one sender of this matcher's transactions; only the elected leader writes."""

    def __init__(
        self,
        database: Database,
        sender: Submitter,
        leader: Leader,
        *,
        sources: tuple[str, ...],
        now: Callable[[], int],
        budget: GasBudget | None = None,
    ) -> None:
        """`sources` go into notices; `now` is the matcher's own clock in seconds."""
        self._database = database
        self._sender = sender
        self._leader = leader
        self._sources = sources
        self._now = now
        self._budget = budget or GasBudget()
        self.trouble: MarketError | None = None
        """Why something is still open after the last `resume`."""
        self.left_open: frozenset[str] = frozenset()
        """Offers whose match is still open after the last `resume`."""

    def send_matches(
        self, proposals: Sequence[Proposal], book: Sequence[bytes], at: Timestamp
    ) -> list[TransactionReceipt | MarketError]:
        """Send matches one behind the other and wait until they are mined; `at`: the book's time.

        Returns for each its receipt, Reverted when the chain refuses it, GasTooDear when it was
        not worth sending, or TimedOut when it is still open: `resume` later.
        """
        signed: list[list[Signed]] = [[] for _ in proposals]
        calls = [
            (self._budget.limit(proposal), _Listed(self._recorder(proposal, book, at), attempts))
            for proposal, attempts in zip(proposals, signed, strict=True)
        ]
        outcomes = self._sender.send_each(calls, max_gas=MAX_GAS)
        for proposal, attempts, outcome in zip(proposals, signed, outcomes, strict=True):
            if isinstance(outcome, TransactionReceipt):
                self._finish(outcome)
            elif isinstance(outcome, Reverted):
                self._lose(attempts, proposal, outcome.detail)
        return outcomes

    def _lose(self, attempts: Sequence[Signed], proposal: Proposal, reason: str) -> None:
        with self._writing() as session:
            for attempt in attempts:
                self._fail(session, attempt.hash, proposal.offer, reason)
            add_lost_match(session, proposal.offer, reason, BlockNumber(proposal.draft.block))

    def _recorder(self, proposal: Proposal, book: Sequence[bytes], at: Timestamp) -> _Recorder:
        def record(signed: Signed, match: int | None) -> int | None:
            with self._writing() as session:
                if match is None:
                    put_book(session, Hash(proposal.draft.book), book)
                    match = add_match(session, proposal.draft)
                self._record(session, signed, MATCH, at, offer=proposal.offer, match=match)
                set_offer_state(session, proposal.offer, BookState.SUBMITTING)
            return match

        return _Recorder(record)

    def send_batch(self, purpose: str, call: ContractCall, at: Timestamp) -> TransactionReceipt:
        """Send a batch, such as an eviction, and wait until it is mined.

        Raises Reverted, TimedOut.
        """

        def record(signed: Signed, match: int | None) -> int | None:
            with self._writing() as session:
                self._record(session, signed, purpose, at)
            return match

        attempts: list[Signed] = []
        try:
            receipt = self._sender.send(call, _Listed(_Recorder(record), attempts))
        except Reverted as error:
            with self._writing() as session:
                for attempt in attempts:
                    self._fail(session, attempt.hash, None, error.detail)
            raise
        self._finish(receipt)
        return receipt

    def resume(self) -> list[tuple[SubmissionView, TransactionReceipt]]:
        """Finish what was signed and not yet seen mined or lost, by this process or one before.

        What cannot be finished now stays open, its reason in `trouble`, and does not hold up the
        others; only behind a nonce that waits nothing can be mined.
        """
        self.trouble = None
        with self._database.read() as session:
            recorded = fetch_open_submissions(session)
        finished = []
        left: set[str] = set()
        for nonce, group in groupby(recorded, key=lambda entry: entry.nonce):
            attempts = sorted(group, key=lambda entry: -entry.id)
            try:
                found = self._resume_nonce(attempts)
            except (TimedOut, Unreachable, RpcError) as error:
                logger.warning(
                    "a submission stays open", extra={"nonce": nonce, "why": error.detail}
                )
                self.trouble = self.trouble or error
                left |= {attempt.offer for attempt in attempts if attempt.offer is not None}
                if isinstance(error, TimedOut):
                    break
                continue
            if found is not None:
                finished.append(found)
        self.left_open = frozenset(left)
        return finished

    def _resume_nonce(
        self, attempts: Sequence[SubmissionView]
    ) -> tuple[SubmissionView, TransactionReceipt] | None:
        """Finish the transactions with one nonce, of which one at most can be mined."""
        for attempt in attempts:
            receipt = self._resume_one(attempt, is_last=attempt is attempts[-1])
            if receipt is not None:
                return attempt, receipt
        return None

    def _resume_one(self, attempt: SubmissionView, *, is_last: bool) -> TransactionReceipt | None:
        """Finish one of the transactions with one nonce; when the last fails, the match is lost."""

        def record(signed: Signed) -> None:
            with self._writing() as session:
                self._record(
                    session,
                    signed,
                    attempt.purpose,
                    Timestamp(attempt.created_at),
                    offer=None if attempt.offer is None else Hash(attempt.offer),
                    match=attempt.match,
                )

        try:
            receipt = self._sender.resume(Hash(attempt.tx_hash), attempt.raw, record)
        except (Reverted, InvalidInput) as error:
            with self._writing() as session:
                self._fail(session, attempt.tx_hash, attempt.offer, error.detail)
                if is_last:
                    _add_lost(session, attempt, error.detail)
            return None
        except NonceGap as error:
            # Whoever is matched next takes the nonces before; should this one be mined after them,
            # the chain refuses what is a deal by then.
            self._give_up(attempt, error.detail, is_last=is_last)
            return None
        if receipt is None:
            self._give_up(attempt, GIVEN_UP, is_last=is_last)
            return None
        self._finish(receipt)
        return receipt

    def _give_up(self, attempt: SubmissionView, reason: str, *, is_last: bool) -> None:
        with self._writing() as session:
            set_submission_state(session, Hash(attempt.tx_hash), SubmissionState.DROPPED)
            self._reopen(session, attempt.offer, ())
            if is_last:
                _add_lost(session, attempt, reason)
        logger.info("submission given up", extra={"tx": attempt.tx_hash, "why": reason})

    def _finish(self, receipt: TransactionReceipt) -> None:
        """Record what was mined: its submission, the match's deal, the notices to its peers."""
        with self._writing() as session:
            mined = None
            left_open = fetch_open_submissions(session)
            for entry in left_open:
                if entry.tx_hash == receipt.tx_hash:
                    mined = entry
            if mined is None:
                return
            for entry in left_open:
                if entry.nonce == mined.nonce:
                    won = entry.tx_hash == receipt.tx_hash
                    set_submission_state(
                        session,
                        Hash(entry.tx_hash),
                        SubmissionState.MINED if won else SubmissionState.DROPPED,
                        block_number=receipt.block_number if won else None,
                    )
            if mined.match is not None:
                self._finish_match(session, mined, receipt)

    def _finish_match(
        self, session: Session, mined: SubmissionView, receipt: TransactionReceipt
    ) -> None:
        assigned = receipt.find(Assigned)
        deals = {event.deal for event in assigned} | {e.deal for e in receipt.find(DealCreated)}
        deal = min(deals, default=None)
        set_match_tx(
            session, mined.match or 0, receipt.tx_hash, None if deal is None else DealId(deal)
        )
        skipped = tuple(
            f"peer {event.peer} was left out of the last match: {describe(event.reason)}"
            for event in receipt.find(FillSkipped)
        )
        self._reopen(session, mined.offer, skipped)
        add_notices(
            session,
            [
                NoticeDraft(
                    assignment=AssignmentId(event.assignment),
                    deal=DealId(event.deal),
                    block=receipt.block_number,
                    tx=receipt.tx_hash,
                    sources=self._sources,
                )
                for event in assigned
            ],
            self._now(),
        )

    def _fail(self, session: Session, tx_hash: str, offer: str | None, reason: str) -> None:
        set_submission_state(session, Hash(tx_hash), SubmissionState.FAILED, reason=reason)
        self._reopen(session, offer, (reason,))

    def _reopen(self, session: Session, offer: str | None, reasons: tuple[str, ...]) -> None:
        if offer is not None:
            set_offer_state(session, Hash(offer), BookState.POSTED, reasons=reasons)

    def _record(
        self,
        session: Session,
        signed: Signed,
        purpose: str,
        at: Timestamp,
        *,
        offer: Hash | None = None,
        match: int | None = None,
    ) -> None:
        record_submission(
            session,
            tx_hash=signed.hash,
            raw=signed.raw,
            nonce=signed.nonce,
            purpose=purpose,
            offer=offer,
            match=match,
            created_at=at,
        )

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._database.write() as session:
            self._leader.check(session)
            yield session


def _add_lost(session: Session, attempt: SubmissionView, reason: str) -> None:
    if attempt.match is not None and attempt.offer is not None:
        block = BlockNumber(fetch_match(session, attempt.match).block)
        add_lost_match(session, Hash(attempt.offer), reason, block)
