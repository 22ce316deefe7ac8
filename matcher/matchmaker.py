"""The loop: read the store, compute the round, send its matches, evict who is absent."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain.contracts import Erc20, Market, MarketLens
from chain.transactions import Receipt
from kernel.deployment import Deployment
from kernel.errors import MarketError, Reverted, TimedOut
from kernel.events import Ended, Matched
from kernel.reasons import describe
from kernel.units import Address, BlockNumber, Hash, Timestamp
from matcher.engine.explain import explain
from matcher.engine.rounds import match_round
from matcher.engine.values import Demand, Round
from matcher.funding import Funding, fetch_purses, parse_permit, split_by_funds
from matcher.keeper import confirm_absent, find_absent
from matcher.metrics import MatcherMetrics
from matcher.proposals import Proposal, build_book_document, build_proposals, fetch_refusals
from matcher.published import PublishedOffers
from matcher.reasons import to_sentences
from matcher.snapshot import Snapshot, is_for, read_snapshot, to_demand
from matcher.submissions import Submissions
from store.chain_state import NotIndexed, fetch_account, fetch_indexed
from store.database import Database
from store.events import fetch_latest
from store.leader import Leader
from store.offers import fetch_developer_offers, fetch_provider_offers, set_offer_state
from store.words import BookState

logger = logging.getLogger(__name__)

SOLVES = 4
"""How often a round is solved anew because the chain would refuse a fill of it."""

EXPLAINED = 16
"""Unmatched offers explained per turn; the rest are told where to look."""

EXPLAINED_BOOK = 5_000
"""Asks up to which a turn stops to explain at all."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts that a matcher reads and calls."""

    market: Market
    lens: MarketLens
    usdc: Erc20


@dataclass(slots=True)
class _Seen:
    """What the last finished turn was computed from."""

    block_hash: str = ""
    reorg: int = 0
    generation: int = -1
    asks: int = 0
    bids: int = 0


class Matchmaker:
    """The loop of the elected submitter; other matcher processes on the store only serve."""

    def __init__(
        self,
        database: Database,
        deployment: Deployment,
        contracts: Contracts,
        submissions: Submissions,
        leader: Leader,
        account: Address,
        metrics: MatcherMetrics,
        *,
        evict: bool = True,
    ) -> None:
        """`account` sends the matches; `evict` also evicts absent peers of served deals."""
        self._database = database
        self._deployment = deployment
        self._contracts = contracts
        self._submissions = submissions
        self._leader = leader
        self._account = account
        self._metrics = metrics
        self._evicts = evict
        self._published = PublishedOffers(database)
        self._seen = _Seen()
        self._generation = 0
        self._wake = threading.Event()
        self._mined_at: dict[Hash, BlockNumber] = {}
        self._evicted_at = BlockNumber(0)
        self.gap_ppm = 0

    def wake(self) -> None:
        """Have the next turn now: an offer came or went."""
        self._generation += 1
        self._wake.set()

    def run(self, stop: threading.Event, interval: float) -> None:
        """Take turns until told to stop; what goes wrong is logged, counted and tried again."""
        while not stop.is_set():
            try:
                self.take_turn()
                self._metrics.steps.labels("ok").inc()
            except MarketError as error:
                self._metrics.steps.labels("failed").inc()
                logger.warning("turn failed", extra={"detail": error.detail})
            except Exception:
                self._metrics.steps.labels("bug").inc()
                logger.exception("turn failed unexpectedly")
            self._wake.wait(interval)
            self._wake.clear()
        self._leader.release()

    def take_turn(self) -> bool:
        """Do whatever is new since the last turn; return whether there was anything.

        Raises what the store or the node raise; nothing is lost then.
        """
        if not self._leader.acquire():
            return False
        for submission, receipt in self._submissions.resume():
            self._note_mined(submission.offer, receipt)
        try:
            now = self._look()
        except NotIndexed:
            return False
        if now == self._seen:
            return False
        if now.reorg != self._seen.reorg:
            self._published.restart()
        self._published.take_in()
        with self._database.read() as session:
            snapshot = read_snapshot(session)
        self._match(snapshot)
        if self._evicts:
            self._evict(snapshot)
        self._seen = now
        return True

    def _look(self) -> _Seen:
        generation = self._generation
        with self._database.read() as session:
            at = fetch_indexed(session)
            asks = fetch_provider_offers(session, after=self._seen.asks, limit=None)
            bids = fetch_developer_offers(session, after=self._seen.bids, limit=None)
            return _Seen(
                block_hash=at.block_hash,
                reorg=fetch_latest(session).reorg,
                generation=generation,
                asks=asks[-1].sequence if asks else self._seen.asks,
                bids=bids[-1].sequence if bids else self._seen.bids,
            )

    def _match(self, snapshot: Snapshot) -> None:
        demands = [
            to_demand(entry.stored, entry.deal, snapshot.avoid)
            for hash_, entry in snapshot.open.items()
            if is_for(entry.stored, self._account) and not self._is_ahead(snapshot, hash_)
        ]
        self._metrics.book.set(len(snapshot.book))
        self._metrics.open.set(len(demands))
        if not demands:
            return
        if snapshot.paused:
            self._tell(snapshot, {d.hash: ("matching is paused",) for d in demands})
            return
        funding = self._fund(snapshot, demands)
        result = self._solve(snapshot, funding.funded)
        self.gap_ppm = result.gap_ppm
        self._metrics.gap_ppm.set(result.gap_ppm)
        self._tell_unfunded(snapshot, funding)
        self._tell_unmatched(snapshot, result)
        self._send(snapshot, result)

    def _fund(self, snapshot: Snapshot, demands: Sequence[Demand]) -> Funding:
        first = [demand for demand in demands if demand.is_first]
        with self._database.read() as session:
            free = {
                d.offer.developer: fetch_account(session, d.offer.developer).free for d in first
            }
        purses = fetch_purses(self._contracts.usdc, self._deployment.market, free)
        permits = {d.hash: parse_permit(snapshot.open[d.hash].stored.permit) for d in first}
        return split_by_funds(demands, purses, permits, snapshot.at.timestamp)

    def _solve(self, snapshot: Snapshot, demands: Sequence[Demand]) -> Round:
        """Solve, and leave out of the book whatever the chain would refuse by now."""
        for _ in range(SOLVES):
            result = match_round(demands, snapshot.book)
            refused = fetch_refusals(snapshot, self._contracts.lens, result)
            if not refused:
                return result
            demands = [demand for demand in demands if demand.hash not in refused.stale]
            for ask, reason in refused.asks.items():
                logger.info("ask left out", extra={"offer": ask, "reason": describe(reason)})
                snapshot.book.remove(ask)
        return Round((), 0)

    def _send(self, snapshot: Snapshot, result: Round) -> None:
        book = build_book_document(snapshot, result)
        for proposal in build_proposals(snapshot, self._contracts.market, result, book):
            try:
                receipt = self._submissions.send_match(
                    proposal, book, Timestamp(snapshot.at.timestamp)
                )
            except Reverted as error:
                self._lose(snapshot, proposal, error)
            except TimedOut:
                self._metrics.matches.labels("open").inc()
                raise
            else:
                self._note_mined(proposal.offer, receipt)

    def _lose(self, snapshot: Snapshot, proposal: Proposal, error: Reverted) -> None:
        """Another was faster, or the chain is ahead of the store: the next block will tell."""
        self._metrics.matches.labels("lost").inc()
        logger.info("match lost", extra={"offer": proposal.offer, "detail": error.detail})
        self._tell(snapshot, {proposal.offer: (f"the last match was refused: {error.detail}",)})

    def _note_mined(self, offer: str | None, receipt: Receipt) -> None:
        self._metrics.evictions.inc(len(receipt.find(Ended)))
        if offer is None:
            return
        self._mined_at[Hash(offer)] = receipt.block_number
        self._metrics.matches.labels("mined").inc()
        for event in receipt.find(Matched):
            logger.info(
                "deal matched",
                extra={"deal": event.deal, "units": event.units, "tx": receipt.tx_hash},
            )

    def _is_ahead(self, snapshot: Snapshot, offer: Hash) -> bool:
        """Whether this offer was matched in a block that the store does not have yet."""
        mined = self._mined_at.get(offer)
        if mined is None:
            return False
        if snapshot.at.block >= mined:
            del self._mined_at[offer]
            return False
        return True

    def _evict(self, snapshot: Snapshot) -> None:
        if snapshot.at.block < self._evicted_at:
            return
        with self._database.read() as session:
            suspects = find_absent(session, snapshot.at, self._account, self._deployment.parameters)
        for ids in confirm_absent(self._contracts.lens, suspects):
            call = self._contracts.market.call("evict", list(ids))
            receipt = self._submissions.send_evict(call, Timestamp(snapshot.at.timestamp))
            self._evicted_at = receipt.block_number
            self._note_mined(None, receipt)
            logger.info("absent peers evicted", extra={"assignments": list(ids)})

    def _tell_unfunded(self, snapshot: Snapshot, funding: Funding) -> None:
        told = {hash_: (reason,) for hash_, reason in funding.unfunded.items()}
        self._tell(snapshot, told, BookState.UNFUNDED)

    def _tell_unmatched(self, snapshot: Snapshot, result: Round) -> None:
        empty = [match.demand for match in result.matches if not match.fills]
        told: dict[Hash, tuple[str, ...]] = {}
        for place, demand in enumerate(empty):
            told[demand.hash] = (
                to_sentences(explain(demand, snapshot.book))
                if place < EXPLAINED and len(snapshot.book) <= EXPLAINED_BOOK
                else (f"see /v1/developer-offers/{demand.hash}/explain",)
            )
        self._tell(snapshot, told)

    def _tell(
        self,
        snapshot: Snapshot,
        told: Mapping[Hash, tuple[str, ...]],
        state: BookState = BookState.UNMATCHED,
    ) -> None:
        """Record what the developers should know, where it is news."""
        news = {
            hash_: reasons
            for hash_, reasons in told.items()
            if (snapshot.open[hash_].stored.state, snapshot.open[hash_].stored.reasons)
            != (state, reasons)
        }
        if not news:
            return
        with self._database.write() as session:
            self._leader.check(session)
            for hash_, reasons in news.items():
                set_offer_state(
                    session,
                    hash_,
                    state,
                    reasons=reasons,
                    tried_block=BlockNumber(snapshot.at.block),
                )
