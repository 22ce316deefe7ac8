"""JSON of the events of the chain."""

import json
from typing import Any

from pydantic import BaseModel

from wasmarket.store.chain.events import id_of
from wasmarket.store.views import EventView


class EventJson(BaseModel):
    """An event: where it happened, what it is about, and its members as the stream writes them.

    `id` is its id in the stream.
    """

    id: str
    name: str
    block: int
    log_index: int
    tx: str
    timestamp: int
    deal: int | None
    assignment: int | None
    peer: int | None
    data: dict[str, Any]

    @classmethod
    def build(cls, event: EventView) -> "EventJson":
        """Render an event."""
        return cls(
            id=id_of(event.block, event.log_index, event.branch),
            name=event.name,
            block=event.block,
            log_index=event.log_index,
            tx=event.tx_hash,
            timestamp=event.timestamp,
            deal=event.deal,
            assignment=event.assignment,
            peer=event.peer,
            data=json.loads(event.data),
        )
