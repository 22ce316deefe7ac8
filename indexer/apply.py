"""Apply a block: every event to its handler, and each event as it came."""

from typing import Any

from indexer.event_json import dump_event
from indexer.handlers.market_accounts import ACCOUNTS
from indexer.handlers.market_assignments import ASSIGNMENTS
from indexer.handlers.market_deals import DEALS
from indexer.handlers.market_peers import PEERS
from indexer.handlers.proofs import PROOFS
from indexer.handlers.staking import STAKING
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Block, Log
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import Event
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import EventRow

MAX_ID = 2**63

HANDLERS: dict[type[Event], Handlers] = {
    kind: handlers
    for handlers in (ACCOUNTS, PEERS, DEALS, ASSIGNMENTS, STAKING, PROOFS)
    for kind in handlers.kinds()
}


def apply_logs(rows: ChainRows, deployment: Deployment, block: Block) -> None:
    """Let each of the block's events change the rows, in the order of the chain."""
    scope = Scope(rows, deployment)
    for log in block.logs:
        HANDLERS[type(log.event)].apply(scope, log)
        _record(rows, log)


def _record(rows: ChainRows, log: Log[Any]) -> None:
    event = log.event
    rows.append(
        EventRow,
        block_number=log.block_number,
        log_index=log.log_index,
        name=type(event).__name__,
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
        deal=_subject(event, "deal"),
        assignment=_subject(event, "assignment"),
        peer=_subject(event, "peer"),
        data=dump_event(event),
    )


def _subject(event: Event, name: str) -> int | None:
    """Return a member to look the event up by; a caller may have made it too large for that."""
    value = getattr(event, name, None)
    return value if value is None or value < MAX_ID else None
