"""What a handler works with: the rows, the deployment, and which handler is for which event."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import Event
from wasmarket.kernel.units import Epoch, Hash
from wasmarket.store.chain.rows import ChainRows

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that the events of one block may change.

    `resized`: by peer the transaction in which its units changed last, until an end or a conviction
    of the peer: an eviction for a fault takes units first, that of a short peer does not.
    """

    rows: ChainRows
    deployment: Deployment
    resized: dict[int, Hash] = field(default_factory=dict)

    def epoch(self, log: Log[Any]) -> Epoch:
        """Return the epoch in which a log happened."""
        return self.deployment.epoch_of(log.timestamp)


Handler = Callable[[Scope, Log[EventT]], None]


class Handlers:
    """One handler per event; two for one event are a mistake."""

    def __init__(self) -> None:
        """Begin without any."""
        self.by_kind: dict[type[Event], Handler[Any]] = {}

    def on(self, kind: type[EventT]) -> Callable[[Handler[EventT]], Handler[EventT]]:
        """Register the decorated function for an event."""

        def register(handler: Handler[EventT]) -> Handler[EventT]:
            if kind in self.by_kind:
                raise ValueError(f"{kind.__name__} has two handlers")
            self.by_kind[kind] = handler
            return handler

        return register
