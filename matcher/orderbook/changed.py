"""What events changed of the things that a book is made of."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.views import EventView


@dataclass(slots=True)
class Touched:
    """Everything that must be looked at again; `evicted` has peers by time (seconds)."""

    peers: set[int] = field(default_factory=set)
    registered: set[int] = field(default_factory=set)
    accounts: set[Address] = field(default_factory=set)
    offers: set[Hash] = field(default_factory=set)
    deals: set[int] = field(default_factory=set)
    evicted: dict[int, int] = field(default_factory=dict)

    def note(self, events: Iterable[EventView]) -> None:
        """Take in events, in any order."""
        for event in events:
            if event.name in READ:
                self._note(event)

    def _note(self, event: EventView) -> None:
        data = json.loads(event.data)
        if event.name in OF_A_DEAL:
            self.deals.add(int(data["deal"]))
        if event.name in OF_A_PEER:
            self.peers.add(int(data["peer"]))
        if event.name == "PeerRegistered":
            self.registered.add(int(data["peer"]))
        elif event.name == "CounterBumped":
            self.accounts.add(Address(data["account"]))
        elif event.name == "DealCreated":
            self.offers.add(Hash(data["offer"]))
        elif event.name in OF_AN_OFFER:
            self.offers.add(Hash(data["hash"]))
        elif event.name == "Ended" and data["kind"] == EndKind.EVICTED:
            peer = int(data["peer"])
            self.evicted[peer] = max(event.timestamp, self.evicted.get(peer, 0))


OF_A_DEAL = frozenset(
    {
        "Activated",
        "AppChanged",
        "Assigned",
        "DealBalance",
        "DealCreated",
        "Ended",
        "Lapsed",
        "Matched",
        "Stopped",
    }
)
OF_A_PEER = frozenset({"Assigned", "Ended", "PeerEndpoint", "PeerRegistered", "PeerUnits"})
OF_AN_OFFER = frozenset({"OfferCancelled", "OfferPublished"})
READ = OF_A_DEAL | OF_A_PEER | OF_AN_OFFER | {"CounterBumped"}
"""Events that change what a book is made of. The others move money, or are seen with the time."""
