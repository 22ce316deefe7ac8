"""Apply blocks: every event to its handler, and each event as it came."""

from collections.abc import Sequence
from typing import Any

from indexer.event_json import DUMPS
from indexer.handlers.audits import AUDITS
from indexer.handlers.market_accounts import ACCOUNTS
from indexer.handlers.market_assignments import ASSIGNMENTS
from indexer.handlers.market_deals import DEALS
from indexer.handlers.market_peers import PEERS
from indexer.handlers.metering import METERING
from indexer.handlers.proofs import PROOFS
from indexer.handlers.staking import STAKING
from indexer.scope import Handler, Scope
from indexer.subjects import FINDERS
from wasmarket.chain.reading.blocks import Block
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import Event
from wasmarket.store.chain.events import branch_of
from wasmarket.store.chain.rows import ChainRows, in_order
from wasmarket.store.tables import EventRow

HANDLERS: dict[type[Event], Handler[Any]] = {
    kind: handler
    for handlers in (ACCOUNTS, PEERS, DEALS, ASSIGNMENTS, STAKING, PROOFS, METERING, AUDITS)
    for kind, handler in handlers.by_kind.items()
}

EVENT = in_order(
    EventRow,
    "block_number",
    "log_index",
    "name",
    "timestamp",
    "tx_hash",
    "branch",
    "deal",
    "assignment",
    "peer",
    "account",
    "other_account",
    "data",
)

_RECORDS = {kind: (kind.__name__, FINDERS[kind], DUMPS[kind]) for kind in HANDLERS}


def apply_logs(rows: ChainRows, deployment: Deployment, blocks: Sequence[Block]) -> None:
    """Let each of the blocks' events change the rows, in the order of the chain."""
    scope = Scope(rows, deployment)
    record = rows.appender(EVENT)
    for block in blocks:
        for log in block.logs:
            HANDLERS[type(log.event)](scope, log)
        # Only now is all there that they are about: a match assigns before it creates the deal.
        number, second, branch = block.ref.number, block.ref.timestamp, branch_of(block.ref.hash)
        for log in block.logs:
            event = log.event
            name, find, dump = _RECORDS[type(event)]
            about = find(rows, event)
            record((number, log.log_index, name, second, log.tx_hash, branch, *about, dump(event)))
