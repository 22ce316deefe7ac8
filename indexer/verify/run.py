"""Verify a store: every table that the contracts have views of, and on request all by a replay."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from indexer.verify.accounts import (
    compare_accounts,
    compare_cancellations,
    compare_market,
    compare_published,
    compare_stakes,
)
from indexer.verify.audits import (
    compare_audit_accounts,
    compare_cases,
    compare_seats,
    compare_votes,
)
from indexer.verify.comparison import (
    Compared,
    RowCheck,
    RowDifference,
    StoreAndChain,
    find_differences,
)
from indexer.verify.deals import (
    compare_assignments,
    compare_deals,
    compare_peers,
    compare_run_ends,
)
from indexer.verify.epochs import (
    compare_blocks,
    compare_commitments,
    compare_peer_epochs,
    compare_provider_epochs,
    compare_totals,
)
from indexer.verify.replay import compare_replayed, open_scratch, replay, replayed_tables
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.reading.identity import check_identity
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import BlockNumber
from wasmarket.store.beside import copy_chain
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.chain.table_scan import count_rows
from wasmarket.store.chain.writer import ChainWriter, Mark, fetch_tail
from wasmarket.store.database import Database, Session
from wasmarket.store.views import Indexed

CHECKS = (
    RowCheck("account", compare_accounts),
    RowCheck("stake", compare_stakes),
    RowCheck("offer_cancellation", compare_cancellations),
    RowCheck("published_offer", compare_published),
    RowCheck("market_state", compare_market),
    RowCheck("peer", compare_peers),
    RowCheck("deal", compare_deals),
    RowCheck("run_end", compare_run_ends),
    RowCheck("assignment", compare_assignments),
    RowCheck("commitment", compare_commitments),
    RowCheck("epoch_total", compare_totals),
    RowCheck("peer_epoch", compare_peer_epochs),
    RowCheck("provider_epoch", compare_provider_epochs),
    RowCheck("audit_case", compare_cases),
    RowCheck("audit_vote", compare_votes),
    RowCheck("seat", compare_seats),
    RowCheck("audit_account", compare_audit_accounts),
)
"""Tables that contracts have views of, in the order in which they are compared."""

BLOCKS = RowCheck("block", compare_blocks)
KEPT = 1_000
"""Differences that are kept to be shown; all are counted."""

Progress = Callable[[str, int, int], object]
"""Told the table or work at hand, how much of it is done, and of how much."""


@dataclass(slots=True)
class Verdict:
    """What a verification found as of a block: rows compared by table, and what differs."""

    block: int
    block_hash: str
    checked: dict[str, int] = field(default_factory=dict)
    differences: list[RowDifference] = field(default_factory=list)
    found: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether the store says in everything that was compared what the chain says."""
        return self.found == 0


def verify_store(
    database: Database,
    reader: Reader,
    deployment: Deployment,
    *,
    block: int | None = None,
    replays: bool = False,
    check_headers: bool = True,
    on_progress: Progress = lambda *_: None,
) -> Verdict:
    """Compare the store with the chain as of the store's newest block, or an earlier `block`.

    `replays`: also read the chain again, and compare every column of every row. Raises
    InvalidInput for a block that the store cannot go to, MarketError of the node.
    """
    check_identity(reader, deployment)
    with _session_at(database, deployment, block) as session:
        at = fetch_indexed(session)
        verdict = Verdict(at.block, at.block_hash)
        sides = StoreAndChain(session, at, reader, deployment)
        for check in (BLOCKS, *CHECKS):
            _compare_twice(session, check, sides, verdict, on_progress)
        if replays:
            _replay(session, at, reader, deployment, verdict, check_headers, on_progress)
    return verdict


def _replay(
    session: Session,
    at: Indexed,
    reader: Reader,
    deployment: Deployment,
    verdict: Verdict,
    check_headers: bool,
    on_progress: Progress,
) -> None:
    total = at.block - deployment.block + 1
    with open_scratch() as scratch:
        replay(
            scratch,
            reader,
            deployment,
            at.block,
            check_headers=check_headers,
            on_block=lambda number: on_progress(
                "reading again", number - deployment.block + 1, total
            ),
        )
        with scratch.read() as again:
            for table in replayed_tables():
                compared = compare_replayed(session, again, table)
                _compare(session, table, compared, verdict, on_progress)


def _compare_twice(
    session: Session,
    check: RowCheck,
    sides: StoreAndChain,
    verdict: Verdict,
    on_progress: Progress,
) -> None:
    """Compare a table, and if that finds something once more: what is not found again is none.

    A node can answer for another block than it is asked for, Anvil while it makes one.
    """
    once = Verdict(verdict.block, verdict.block_hash)
    _compare(session, check.table, check.compare(sides), once, on_progress)
    if 0 < once.found <= KEPT:
        again = Verdict(verdict.block, verdict.block_hash)
        _compare(session, check.table, check.compare(sides), again, on_progress)
        once.differences = [one for one in again.differences if one in once.differences]
        once.found = len(once.differences)
    verdict.checked |= once.checked
    verdict.found += once.found
    verdict.differences += once.differences[: max(0, KEPT - len(verdict.differences))]


def _compare(
    session: Session,
    table: str,
    compared: Iterator[Compared],
    verdict: Verdict,
    on_progress: Progress,
) -> None:
    total = 0 if table == BLOCKS.table else count_rows(session, table)
    on_progress(table, 0, total)
    done = 0
    for done, pair in enumerate(_end_at_contradiction(compared), 1):
        found = find_differences(table, pair)
        # A replay meets what the views have shown already.
        new = [difference for difference in found if difference not in verdict.differences]
        verdict.found += len(new)
        verdict.differences += new[: max(0, KEPT - len(verdict.differences))]
        on_progress(table, done, total)
    verdict.checked[table] = max(done, verdict.checked.get(table, 0))


def _end_at_contradiction(compared: Iterator[Compared]) -> Iterator[Compared]:
    """Pass rows on; those of a store that is so wrong that it cannot be read are a difference."""
    try:
        yield from compared
    except (LookupError, ValueError) as error:
        stored = f"cannot be read with the rows of other tables: {type(error).__name__} {error}"
        yield Compared("*", {"rows": stored}, {"rows": "agree"})


@contextmanager
def _session_at(database: Database, deployment: Deployment, block: int | None) -> Iterator[Session]:
    """Open a session as of the newest block, or of a copy that was taken back to `block`."""
    with database.read() as session:
        at = fetch_indexed(session)
        if block is None or block == at.block:
            yield session
            return
        target = _find_mark(session, at, block)
        with open_scratch() as scratch:
            copy_chain(session, scratch)
            writer = ChainWriter(scratch, deployment)
            writer.open()
            writer.undo(BlockNumber(target.number), target.hash)
            writer.close()
            with scratch.read() as earlier:
                yield earlier


def _find_mark(session: Session, at: Indexed, block: int) -> Mark:
    tail = fetch_tail(session)
    for mark in tail:
        if mark.number == block:
            return mark
    remedy = (
        "wait until it is indexed" if block > at.block else "the store can go back to no other one"
    )
    raise InvalidInput(
        f"the store is as of block {at.block} and can be taken back to {tail[0].number} at most: "
        f"not to {block}",
        field="block",
        remedy=remedy,
    )
