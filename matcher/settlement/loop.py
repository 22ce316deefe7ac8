"""The loop: read the store, compute the round, send its matches, evict who is absent."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matcher.engine.answers.explain import explain
from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import Demand, Round
from matcher.metrics import MatcherMetrics
from matcher.offers.funding import (
    Funding,
    fetch_permit_rules,
    fetch_purses,
    parse_permit,
    split_by_funds,
)
from matcher.offers.onchain_offers import PublishedOffers
from matcher.offers.peer_checks import PeerChecks
from matcher.orderbook.incremental import Feed
from matcher.orderbook.snapshot import Snapshot, is_for
from matcher.settlement.evictions import Evictions
from matcher.settlement.offer_status import OfferStatusWriter
from matcher.settlement.proposals import (
    Proposal,
    build_book_document,
    build_proposals,
    fetch_refusals,
)
from matcher.settlement.sentences import to_sentences
from matcher.settlement.submissions import Submissions
from wasmarket.chain.contracts.bindings import Erc20, Market, MarketLens, Proofs
from wasmarket.chain.contracts.fills import MatchPermit
from wasmarket.chain.errors import GasTooDear
from wasmarket.chain.sending.transactions import TransactionReceipt
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError, Reverted, TimedOut
from wasmarket.kernel.events import Assigned, Ended, FillSkipped, Matched
from wasmarket.kernel.reasons import EndKind, describe
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp
from wasmarket.store.chain.events import fetch_stamp
from wasmarket.store.chain.state import NotIndexed
from wasmarket.store.database import Database
from wasmarket.store.enums import BookState
from wasmarket.store.leader import Leader

logger = logging.getLogger(__name__)

SOLVES = 4
"""How often a round is solved again because the chain would refuse a fill of it."""

EXPLAINED = 16
"""Unmatched offers explained per turn; the rest are told where to look."""

EXPLAINED_BOOK = 50_000
"""Asks up to which a turn stops to explain at all."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts that a matcher reads and calls."""

    market: Market
    proofs: Proofs
    lens: MarketLens
    usdc: Erc20


class SettlementLoop:
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
        checks: PeerChecks | None = None,
    ) -> None:
        """`account` sends the matches; `evict` also ends what should have, of served deals.

        `checks` knows which peers answer; without it all are taken to.
        """
        self._database = database
        self._deployment = deployment
        self._contracts = contracts
        self._submissions = submissions
        self._leader = leader
        self._account = account
        self._metrics = metrics
        self._evictions = Evictions(
            database,
            contracts.market,
            contracts.proofs,
            contracts.lens,
            submissions,
            account,
            deployment.parameters,
        )
        self._keeps = evict
        self._checks = checks
        self._token: Domain | None = None
        self._feed = Feed(database, reachable_only=checks is not None)
        self._offer_status = OfferStatusWriter(database, leader)
        self._published = PublishedOffers(database)
        self._seen: tuple[object, int] | None = None
        self._reorg = 0
        self._generation = 0
        self.on_change: Callable[[], object] = lambda: None
        """Called when there is something new to do."""
        self._mined_at: dict[Hash, BlockNumber] = {}
        self._kinds = tuple(PriceKind)
        self.gap_ppm = 0

    def wake(self) -> None:
        """Have the next turn now: an offer came or went."""
        self._generation += 1
        self.on_change()

    @property
    def generation(self) -> int:
        """How often it was woken."""
        return self._generation

    def close(self) -> None:
        """Let another process lead."""
        self._leader.release()

    def take_turn(self) -> bool:
        """Do whatever is new since the last turn; return whether there was anything.

        Raises what the store or the node raise; nothing is lost then.
        """
        if not self._leader.is_held:
            self._offer_status.begin()
        if not self._leader.acquire():
            self._metrics.leads.set(0)
            return False
        self._metrics.leads.set(1)
        for submission, receipt in self._submissions.resume():
            self._note_mined(submission.offer, receipt)
        stuck = self._submissions.trouble
        if isinstance(stuck, TimedOut):
            # A match sent now would wait behind it.
            raise stuck
        is_news = self._match_and_keep()
        if stuck is not None:
            raise stuck
        return is_news

    def _match_and_keep(self) -> bool:
        generation = self._generation
        with self._database.read() as session:
            stamp = fetch_stamp(session)
        if stamp[0] is None or (stamp, generation) == self._seen:
            return False
        try:
            snapshot = self._read(stamp[1])
        except NotIndexed:
            return False
        seen = (self._feed.stamp, generation)
        self._offer_status.keep(snapshot.open)
        self._match(snapshot)
        if self._keeps:
            for receipt in self._evictions.keep(snapshot.at):
                self._note_mined(None, receipt)
        self._seen = seen
        return True

    def _read(self, reorg: int) -> Snapshot:
        if reorg != self._reorg:
            self._published.restart()
            self._reorg = reorg
        self._published.take_in()
        if self._checks is not None:
            self._checks.take_in()
        began, rebuilds, changes = time.perf_counter(), self._feed.rebuilds, self._feed.changes
        snapshot = self._feed.refresh()
        while self._published.has_news():
            # A block came in between: a book of that block must have what it published.
            self._published.take_in()
            snapshot = self._feed.refresh()
        self._metrics.feed_seconds.observe(time.perf_counter() - began)
        self._metrics.rebuilds.inc(self._feed.rebuilds - rebuilds)
        self._metrics.changes.inc(self._feed.changes - changes)
        return snapshot

    def _match(self, snapshot: Snapshot) -> None:
        self._mined_at = {h: b for h, b in self._mined_at.items() if b > snapshot.at.block}
        demands = [
            demand
            for hash_, entry in snapshot.open.items()
            if is_for(entry.stored, self._account)
            and hash_ not in self._mined_at
            and hash_ not in self._submissions.left_open
            if (demand := snapshot.demand_of(entry)).want
        ]
        self._metrics.book.set(sum(map(len, snapshot.books.values())))
        self._metrics.open.set(len(demands))
        if not demands:
            return
        if snapshot.paused:
            told = {d.hash: ("matching is paused",) for d in demands}
            self._offer_status.tell(told, snapshot.at.block)
            return
        gaps = [0]
        for kind in self._kinds:
            wanted = [demand for demand in demands if demand.kind is kind]
            if wanted and self._match_kind(snapshot, kind, wanted, gaps):
                # Both books sell the same units: the other one waits for the block, and is first.
                self._kinds = (*(other for other in PriceKind if other is not kind), kind)
                break
        self.gap_ppm = max(gaps)
        self._metrics.gap_ppm.set(self.gap_ppm)

    def _match_kind(
        self, snapshot: Snapshot, kind: PriceKind, demands: Sequence[Demand], gaps: list[int]
    ) -> bool:
        """Match what is priced alike, note its gap; return whether the chain has a match of it."""
        funding = self._fund(snapshot, demands)
        book, result = self._solve(snapshot, kind, funding.funded)
        document = build_book_document(snapshot, book, result) if _fills(result) else []
        proposals = list(build_proposals(snapshot, self._contracts.market, result, document))
        self._tell(snapshot, book, funding, result)
        gaps.append(result.gap_ppm)
        return self._send(snapshot, proposals, document)

    def _fund(self, snapshot: Snapshot, demands: Sequence[Demand]) -> Funding:
        first = [demand for demand in demands if demand.is_first]
        # At the book's block, so that anybody can check later who could pay.
        developers = sorted({demand.offer.developer for demand in first})
        words = self._contracts.market.accounts(developers, snapshot.at.block)
        free = {owner: word.free for owner, word in zip(developers, words, strict=True)}
        purses = fetch_purses(
            self._contracts.usdc, self._deployment.market, free, snapshot.at.block
        )
        permits = self._good_permits(snapshot, first)
        return split_by_funds(demands, purses, permits, snapshot.at.timestamp)

    def _good_permits(self, snapshot: Snapshot, first: Sequence[Demand]) -> dict[Hash, MatchPermit]:
        """Return the permits that the token would take as of the book's block."""
        given = {
            d.hash: (d.offer.developer, parse_permit(permit))
            for d in first
            if (permit := snapshot.open[d.hash].stored.permit) is not None
        }
        if not given:
            return {}
        usdc = self._contracts.usdc
        if self._token is None:
            self._token = usdc.permit_domain(self._deployment.chain_id)
        owners = {owner for owner, _ in given.values()}
        rules = fetch_permit_rules(
            usdc, self._token, self._deployment.market, owners, snapshot.at.block
        )
        return {
            name: permit for name, (owner, permit) in given.items() if rules.is_good(owner, permit)
        }

    def _solve(
        self, snapshot: Snapshot, kind: PriceKind, demands: Sequence[Demand]
    ) -> tuple[OrderBook, Round]:
        """Solve without what the chain would refuse by now; return the book that was solved.

        The shared book stays as it is: the chain may accept those asks after the next block.
        """
        book = snapshot.books[kind]
        for _ in range(SOLVES):
            result = match_round(demands, book)
            refused = fetch_refusals(snapshot, self._contracts.lens, result)
            if not refused:
                return book, result
            demands = [demand for demand in demands if demand.hash not in refused.stale]
            for hash_, reason in refused.asks.items():
                logger.info("ask left out", extra={"offer": hash_, "reason": describe(reason)})
                self._metrics.fills.labels("refused").inc()
            book = book.without(refused.asks)
        return book, Round((), 0)

    def _send(
        self, snapshot: Snapshot, proposals: Sequence[Proposal], document: Sequence[bytes]
    ) -> bool:
        """Send matches; return whether any was mined. Raises what stopped them."""
        if not proposals:
            return False
        outcomes = self._submissions.send_matches(
            proposals, document, Timestamp(snapshot.at.timestamp)
        )
        failed: list[MarketError] = []
        mined = False
        for proposal, outcome in zip(proposals, outcomes, strict=True):
            self._offer_status.unsay(proposal.offer)
            if isinstance(outcome, TransactionReceipt):
                self._note_mined(proposal.offer, outcome)
                mined = True
            elif isinstance(outcome, Reverted):
                self._lose(snapshot, proposal, outcome)
            elif isinstance(outcome, GasTooDear):
                told = {proposal.offer: (f"not sent: {outcome.detail}",)}
                self._offer_status.tell(told, snapshot.at.block)
                if outcome.field is not None:
                    # The operator's own limit: nothing at all is sent until gas is cheaper.
                    failed.append(outcome)
            else:
                self._metrics.matches.labels("open").inc()
                failed.append(outcome)
        if failed:
            raise failed[0]
        return mined

    def _lose(self, snapshot: Snapshot, proposal: Proposal, error: Reverted) -> None:
        """Another was faster, or the chain is ahead of the store: the next block will tell."""
        self._metrics.matches.labels("lost").inc()
        logger.info("match lost", extra={"offer": proposal.offer, "detail": error.detail})
        told = {proposal.offer: (f"the last match was refused: {error.detail}",)}
        self._offer_status.tell(told, snapshot.at.block)

    def _note_mined(self, offer: str | None, receipt: TransactionReceipt) -> None:
        ended = [event.kind for event in receipt.find(Ended)]
        self._metrics.evictions.inc(ended.count(EndKind.EVICTED))
        self._metrics.releases.inc(ended.count(EndKind.RELEASED))
        if offer is None:
            return
        self._mined_at[Hash(offer)] = receipt.block_number
        self._metrics.matches.labels("mined").inc()
        self._metrics.fills.labels("assigned").inc(len(receipt.find(Assigned)))
        self._metrics.fills.labels("skipped").inc(len(receipt.find(FillSkipped)))
        for event in receipt.find(Matched):
            logger.info(
                "deal matched",
                extra={"deal": event.deal, "units": event.units, "tx": receipt.tx_hash},
            )

    def _tell(self, snapshot: Snapshot, book: OrderBook, funding: Funding, result: Round) -> None:
        block = snapshot.at.block
        unfunded = {hash_: (reason,) for hash_, reason in funding.unfunded.items()}
        self._offer_status.tell(unfunded, block, BookState.UNFUNDED)
        empty = [match.demand for match in result.matches if not match.fills]
        told: dict[Hash, tuple[str, ...]] = {}
        for place, demand in enumerate(empty):
            told[demand.hash] = (
                to_sentences(explain(demand, book))
                if place < EXPLAINED and len(book) <= EXPLAINED_BOOK
                else (f"see /v1/developer-offers/{demand.hash}/explain",)
            )
        self._offer_status.tell(told, block)


def _fills(result: Round) -> bool:
    return any(match.fills for match in result.matches)
