"""Read the rows that many blocks will change, with a few questions instead of one for each."""

from collections.abc import Sequence
from operator import attrgetter
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
    kind: tuple((name, _ROWS[name]) for name in kind.__struct_fields__ if name in _ROWS)
    for kind in (*MARKET_EVENTS, *METER_EVENTS, *PROOFS_EVENTS)
}
"""Members of events that are keys of rows."""

_KINDS = tuple(dict.fromkeys(_ROWS.values()))
_READERS = {
    kind: tuple((attrgetter(name), row) for name, row in members)
    for kind, members in NAMED.items()
    if members
}


def load_rows(rows: ChainRows, blocks: Sequence[Block]) -> None:
    """Read what the blocks' events name, all at once instead of one by one."""
    values: dict[type[Any], dict[Any, None]] = {kind: {} for kind in _KINDS}
    cancelled: dict[tuple[Any, ...], None] = {}
    for block in blocks:
        for log in block.logs:
            event = log.event
            for read, kind in _READERS.get(type(event), ()):
                values[kind][read(event)] = None
            if type(event) is OfferCancelled:
                cancelled[event.account, event.hash] = None
    for kind, found in values.items():
        known = found if kind is AccountRow else [number for number in found if number < MAX_ID]
        rows.load(kind, [(value,) for value in known])
    rows.load(OfferCancellationRow, cancelled)
    # What an assignment is of: its deal is named by hardly any event.
    named = [rows.peek(AssignmentRow, n) for n in values[AssignmentRow] if n < MAX_ID]
    rows.load(DealRow, [(assignment.deal,) for assignment in named if assignment is not None])
