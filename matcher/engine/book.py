"""The book: peers, their providers' counters and the live asks, changed one thing at a time."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from kernel.units import Address, Hash
from matcher.engine.values import Ask, Peer


class Book:
    """All asks that could fill something, cheapest first. Equal contents match equally.

    What can never fill again leaves by itself: `advance` drops what has expired, `set_counter`
    what its provider withdrew. An ask of an unknown or drained peer stays, but is not offered.
    """

    def __init__(self, now: int = 0) -> None:
        """Begin empty at chain time `now` (seconds)."""
        self.now = now
        self._asks: dict[Hash, Ask] = {}
        self._order: list[tuple[int, int, Hash]] = []
        self._peers: dict[int, Peer] = {}
        self._counters: dict[Address, int] = {}

    def __len__(self) -> int:
        """Return how many asks there are."""
        return len(self._asks)

    def advance(self, now: int) -> list[Hash]:
        """Set the chain time and drop the asks that expired before it; return their hashes."""
        self.now = now
        return self._drop([ask for ask in self._asks.values() if ask.offer.valid_until < now])

    def put_peer(self, peer: Peer) -> None:
        """Add a peer, or replace what is known of it."""
        self._peers[peer.id] = peer

    def remove_peer(self, peer: int) -> None:
        """Forget a peer (a reorg undid its registration)."""
        self._peers.pop(peer, None)

    def set_counter(self, account: Address, counter: int) -> list[Hash]:
        """Set an account's counter and drop its asks under any other; return their hashes."""
        self._counters[account] = counter
        return self._drop(
            [
                ask
                for ask in self._asks.values()
                if ask.offer.counter != counter
                and (peer := self.get_peer(ask.offer.peer)) is not None
                and peer.provider == account
            ]
        )

    def add(self, ask: Ask) -> None:
        """Add an ask; one of the same hash is replaced."""
        self.remove(ask.hash)
        self._asks[ask.hash] = ask
        insort(self._order, ask.order)

    def remove(self, offer: Hash) -> bool:
        """Drop an ask (cancelled, or taken back); return whether it was there."""
        ask = self._asks.pop(offer, None)
        if ask is None:
            return False
        del self._order[bisect_left(self._order, ask.order)]
        return True

    def get_ask(self, offer: Hash) -> Ask | None:
        """Return the ask of that hash."""
        return self._asks.get(offer)

    def get_peer(self, peer: int) -> Peer | None:
        """Return the peer of that number."""
        return self._peers.get(peer)

    def get_counter(self, account: Address) -> int:
        """Return an account's counter; 0 when it was never bumped."""
        return self._counters.get(account, 0)

    def peers(self) -> Iterator[Peer]:
        """Iterate over all peers by number."""
        return iter(self._peers[number] for number in sorted(self._peers))

    def asks(self) -> Iterator[Ask]:
        """Iterate over all asks, cheapest first, also those that fill nothing now."""
        return iter(self._asks[entry[2]] for entry in self._order)

    def _drop(self, asks: list[Ask]) -> list[Hash]:
        for ask in asks:
            self.remove(ask.hash)
        return [ask.hash for ask in asks]
