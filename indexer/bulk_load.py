"""Read the rows that many blocks will change, with a few questions instead of one for each."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from wasmarket.chain.reading.blocks import Block
from wasmarket.kernel.events import (
    MARKET_EVENTS,
    METER_EVENTS,
    PROOFS_EVENTS,
    Event,
    OfferCancelled,
)
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import AccountRow, AssignmentRow, DealRow, OfferCancellationRow, PeerRow

MAX_ID = 2**63
"""What is beyond is no row's number, but a caller may have written it."""

_ROWS: dict[str, type[Any]] = {
    "assignment": AssignmentRow,
    "deal": DealRow,
    "peer": PeerRow,
    "account": AccountRow,
    "developer": AccountRow,
    "caller": AccountRow,
    "provider": AccountRow,
}
NAMED: dict[type[Event], tuple[tuple[str, type[Any]], ...]] = {
    kind: tuple((f.name, _ROWS[f.name]) for f in fields(kind) if f.name in _ROWS)
    for kind in (*MARKET_EVENTS, *METER_EVENTS, *PROOFS_EVENTS)
}
"""Members of events that are keys of rows."""


def load_rows(rows: ChainRows, blocks: Sequence[Block]) -> None:
    """Read what the blocks' events name, all at once instead of one by one."""
    wanted: dict[type[Any], list[tuple[Any, ...]]] = {}
    for block in blocks:
        for log in block.logs:
            event = log.event
            for name, kind in NAMED.get(type(event), ()):
                value = getattr(event, name)
                if kind is AccountRow or value < MAX_ID:
                    wanted.setdefault(kind, []).append((value,))
            if isinstance(event, OfferCancelled):
                wanted.setdefault(OfferCancellationRow, []).append((event.account, event.hash))
    for kind, keys in wanted.items():
        rows.load(kind, keys)
    # What an assignment is of: its deal is named by hardly any event.
    if AssignmentRow in wanted:
        deals = [rows.peek(AssignmentRow, *key) for key in wanted[AssignmentRow]]
        rows.load(DealRow, [(known.deal,) for known in deals if known is not None])
