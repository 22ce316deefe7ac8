"""Whoever has no part in a game but its worst moments: asks, evictions, accusations."""

import random

from tests.games.honest_peer import HonestPeer
from tests.peer.market_world import MarketWorld
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.audits.evidence import build_called, build_summed
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.usage import Voucher


class Strangers:
    """Each `step` is one thing that somebody tries against the honest peers."""

    def __init__(self, world: MarketWorld, peers: list[HonestPeer], rng: random.Random) -> None:
        self._world = world
        self._peers = peers
        self._rng = rng
        self.vouchers: list[Voucher] = []
        self.done: dict[str, int] = {}

    def pulse(self) -> None:
        """Show that the chain took commitments, so that absence can be punished."""
        epoch = self._world.epoch - 1
        self._try("pulse", self._world.proofs.call("commit", epoch, [(0, ZERO_HASH)]))

    def step(self) -> None:
        """Try something."""
        self._rng.choice(
            (
                self._ask,
                self._ask,
                self._evict,
                self._claim,
                self._resolve,
                self._accuse,
                self._redeem,
            )
        )()

    def _ask(self) -> None:
        found = self._find_assignment()
        if found:
            epoch = self._world.epoch - self._rng.randint(1, 4)
            ask = self._world.audits.call("ask", found[1], epoch, self._rng.randint(0, 12))
            self._try("ask", ask)

    def _evict(self) -> None:
        self._try("evict", self._world.market.call("evict", self._list_assignments()))

    def _claim(self) -> None:
        ids = self._list_assignments()
        self._try("claim", self._world.market.call("claim", ids))
        self._try("release", self._world.market.call("release", ids))

    def _resolve(self) -> None:
        count = self._world.audits.read("case_count")
        for case in range(1, count + 1):
            for function in ("resolve", "draw"):
                self._try(function, self._world.audits.call(function, case))

    def _redeem(self) -> None:
        if self.vouchers:
            chosen = [self._rng.choice(self.vouchers)]
            self._try("redeem", self._world.meter.redeem(chosen))

    def _accuse(self) -> None:
        found = self._find_assignment()
        if not found or found[0].papers is None:
            return
        peer, assignment = found
        epoch = self._world.epoch - 1
        closed = peer.papers.commitments.get(epoch)
        if closed is None:
            return
        places = {summary.assignment: place for place, summary in enumerate(closed.summaries)}
        if assignment not in places:
            return
        place = places[assignment]
        packed = list(peer.papers.book.get(assignment).read_epoch(epoch))
        if not packed or len(packed) != closed.summaries[place].count:
            return
        index = self._rng.randrange(len(packed))
        proof = closed.tree().prove(place)
        summed = build_summed(closed.summaries[place], place, len(places), proof)
        called = build_called(packed[index], index, MerkleTree(packed).prove(index))
        self._try("accuse", self._world.audits.call("accuse", assignment, summed, called))

    def _find_assignment(self) -> tuple[HonestPeer, int] | None:
        peers = [(peer, held.id) for peer in self._peers for held in peer.find_served()]
        return self._rng.choice(peers) if peers else None

    def _list_assignments(self) -> list[int]:
        count = self._world.lens.read("assignment_count")
        return list(range(1, min(count, 64) + 1))

    def _try(self, what: str, call: ContractCall) -> None:
        try:
            self._world.send(self._world.stranger, call)
        except MarketError:
            return
        self.done[what] = self.done.get(what, 0) + 1
