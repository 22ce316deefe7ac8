"""Apply blocks: every event to its handler, and each event as it came."""

from collections.abc import Sequence
from typing import Any

from indexer.event_json import dump_event
from indexer.handlers.audits import AUDITS
from indexer.handlers.market_accounts import ACCOUNTS
from indexer.handlers.market_assignments import ASSIGNMENTS
from indexer.handlers.market_deals import DEALS
from indexer.handlers.market_peers import PEERS
from indexer.handlers.metering import METERING
from indexer.handlers.proofs import PROOFS
from indexer.handlers.staking import STAKING
from indexer.scope import Handlers, Scope
from indexer.subjects import find_subjects
from wasmarket.chain.reading.blocks import Block, Log
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import Event
from wasmarket.store.chain.events import branch_of
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import EventRow

HANDLERS: dict[type[Event], Handlers] = {
    kind: handlers
    for handlers in (ACCOUNTS, PEERS, DEALS, ASSIGNMENTS, STAKING, PROOFS, METERING, AUDITS)
    for kind in handlers.kinds()
}


def apply_logs(rows: ChainRows, deployment: Deployment, blocks: Sequence[Block]) -> None:
    """Let each of the blocks' events change the rows, in the order of the chain."""
    scope = Scope(rows, deployment)
    for block in blocks:
        for log in block.logs:
            HANDLERS[type(log.event)].apply(scope, log)
        # Only now is all there that they are about: a match assigns before it creates the deal.
        for log in block.logs:
            _record(rows, log)


def _record(rows: ChainRows, log: Log[Any]) -> None:
    event = log.event
    about = find_subjects(rows, event)
    rows.append(
        EventRow,
        block_number=log.block_number,
        log_index=log.log_index,
        name=type(event).__name__,
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
        branch=branch_of(log.block_hash),
        deal=about.deal,
        assignment=about.assignment,
        peer=about.peer,
        account=about.account,
        other_account=about.other_account,
        data=dump_event(event),
    )
