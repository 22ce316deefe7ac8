"""Keep served deals alive: evict absent peers, and give back units of what is dead.

Anyone may evict a peer that did not activate or does not prove; whoever does gets the fault fee.
That a peer did not prove counts only in epochs of which somebody showed that the chain took proofs:
the pulse, one cheap transaction in each epoch in which a served deal runs.
Anyone may release a dead assignment; peers do, unless they are gone, and then nobody else can have
the units.
"""

import logging
from collections.abc import Iterable, Iterator

from matcher.settlement.submissions import EVICT, RELEASE, SHOW_PULSE, Submissions
from wasmarket.chain.contracts.bindings import Market, MarketLens, Proofs
from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.deployment import Parameters
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.units import Address, BlockNumber, Timestamp
from wasmarket.store.database import Database, Session
from wasmarket.store.matching.overdue_assignments import (
    fetch_dead,
    fetch_gap_end,
    fetch_late,
    fetch_silent,
    has_running,
    is_committed,
)
from wasmarket.store.views import Indexed

logger = logging.getLogger(__name__)

MAX_IDS = 64
PULSE = 0
"""The peer for which anybody may commit."""

PATIENCE = 1
"""Whole epochs that a dead assignment is left for its peer to release."""


class Evictions:
    """Ends what should have ended, for the deals that this matcher serves, and sets the pulse."""

    def __init__(
        self,
        database: Database,
        market: Market,
        proofs: Proofs,
        lens: MarketLens,
        submissions: Submissions,
        account: Address,
        parameters: Parameters,
    ) -> None:
        """`account` is the matcher's; it serves deals of offers for it or for anybody."""
        self._database = database
        self._market = market
        self._proofs = proofs
        self._lens = lens
        self._submissions = submissions
        self._account = account
        self._parameters = parameters
        self._kept_in: int | None = None
        self._looked_in: int | None = None
        self._gap_end = 0
        self._waits_for = BlockNumber(0)

    def keep(self, at: Indexed) -> list[TransactionReceipt]:
        """Evict and release what can be as of `at`; return what was mined.

        Silence and death only show with a new epoch, so they are looked for once in each.
        While no block came nobody could activate or prove: after a gap of more than
        `accept_seconds` peers have as long again before anybody is evicted. Raises TimedOut,
        Unreachable.
        """
        if at.block < self._waits_for:
            return []
        patience = self._parameters.accept_seconds
        absent: tuple[int, ...] = ()
        with self._database.read() as session:
            self._gap_end = max(self._gap_end, fetch_gap_end(session, patience))
            is_calm = at.timestamp >= self._gap_end + patience
            if is_calm:
                absent = find_late(session, at, self._account, self._parameters)
            if is_calm and at.epoch != self._looked_in:
                absent += find_silent(session, at, self._account, self._parameters)
            is_new_epoch = at.epoch != self._kept_in
            dead = find_dead(session, at, self._account) if is_new_epoch else ()
            needs_pulse = is_new_epoch and find_pulse(session, at, self._account)
        if needs_pulse:
            pulse = self._proofs.call("commit", at.epoch - 1, [(PULSE, 0)])
            self._send(SHOW_PULSE, pulse, at)
        receipts = [
            self._send(EVICT, self._market.call("evict", list(ids)), at)
            for ids in confirm_absent(self._lens, sorted(absent))
        ]
        receipts += [
            self._send(
                RELEASE, self._market.call("release", list(dead[first : first + MAX_IDS])), at
            )
            for first in range(0, len(dead), MAX_IDS)
        ]
        mined = [receipt for receipt in receipts if receipt is not None]
        if mined:
            self._waits_for = max(receipt.block_number for receipt in mined)
        self._kept_in = at.epoch
        if is_calm:
            self._looked_in = at.epoch
        return mined

    def _send(self, purpose: str, call: ContractCall, at: Indexed) -> TransactionReceipt | None:
        try:
            receipt = self._submissions.send_batch(purpose, call, Timestamp(at.timestamp))
        except Reverted as error:
            # Another was faster with all of them; the next block shows it.
            logger.info("%s refused", purpose, extra={"detail": error.detail})
            return None
        logger.info("%s mined", purpose, extra={"tx": receipt.tx_hash})
        return receipt


def find_pulse(session: Session, at: Indexed, matcher: Address) -> bool:
    """Whether nobody has shown yet that the epoch before could be proven, and it may matter."""
    ended = at.epoch - 1
    return not is_committed(session, PULSE, ended) and has_running(
        session, at, [ZERO_ADDRESS, matcher], ended
    )


def find_absent(
    session: Session, at: Indexed, matcher: Address, parameters: Parameters
) -> tuple[int, ...]:
    """Return assignments of this matcher's deals whose peer seems absent as of `at`, by id."""
    late = find_late(session, at, matcher, parameters)
    return tuple(sorted(late + find_silent(session, at, matcher, parameters)))


def find_late(
    session: Session, at: Indexed, matcher: Address, parameters: Parameters
) -> tuple[int, ...]:
    """Return those that were not activated in time."""
    late = fetch_late(session, at, [ZERO_ADDRESS, matcher], parameters.accept_seconds)
    return tuple(entry.id for entry in late)


def find_silent(
    session: Session, at: Indexed, matcher: Address, parameters: Parameters
) -> tuple[int, ...]:
    """Return those whose peer has not proved for `max_missed` final epochs."""
    # The contract's words: start <= E - W - MAX_MISSED, and E - W - 1 is the last final epoch.
    since = at.final_epoch + 1 - parameters.max_missed
    return tuple(entry.id for entry in fetch_silent(session, at, [ZERO_ADDRESS, matcher], since))


def find_dead(session: Session, at: Indexed, matcher: Address) -> tuple[int, ...]:
    """Return dead assignments that their peers have left unreleased for a while."""
    return tuple(entry.id for entry in fetch_dead(session, at, [ZERO_ADDRESS, matcher], PATIENCE))


def confirm_absent(lens: MarketLens, ids: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Yield those that the chain would let anybody evict now, in batches for one call each."""
    listed = list(ids)
    for first in range(0, len(listed), MAX_IDS):
        batch = listed[first : first + MAX_IDS]
        evictable = lens.evictable(batch)
        chosen = tuple(id_ for id_, yes in zip(batch, evictable, strict=True) if yes)
        if chosen:
            yield chosen
