"""Several nodes of one chain as one reader: another answers when one fails, two must agree."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from wasmarket.chain.errors import ContradictoryAnswer
from wasmarket.chain.reading.blocks import BlockRef, BlockTag, Header, LogRange, RawLog, Reader
from wasmarket.kernel.errors import MarketError, TimedOut, Unreachable, WrongChain
from wasmarket.kernel.units import Address, Hash

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

LOOKED_BELOW = 16
"""Blocks below the lowest head in which nodes on different branches are expected to meet."""


class SeveralNodes:
    """Asks one node until it fails or is doubted, then the next. For one thread.

    `check` raises WrongChain for a node of another chain; each is checked before it is believed.
    With `must_agree` the newest block is the highest that two nodes know by the same hash.
    """

    def __init__(
        self,
        nodes: Sequence[Reader],
        *,
        check: Callable[[Reader], object] = lambda _: None,
        must_agree: bool = False,
    ) -> None:
        self._nodes = list(nodes)
        self._check = check
        self._must_agree = must_agree
        self._at = 0

    @property
    def origin(self) -> str:
        """The node that is asked now."""
        return self._nodes[self._at].origin

    def doubt(self) -> None:
        """Ask the next node from now on: what this one said cannot be right."""
        self._turn_to_next("it contradicts itself or its chain")

    def fetch_chain_id(self) -> int:
        """Return the chain id."""
        return self._ask(lambda node: node.fetch_chain_id())

    def fetch_head(self, tag: BlockTag = "latest") -> BlockRef:
        """Return the newest block, in agreement where that is asked for."""
        if tag == "latest" and self._must_agree:
            return self._fetch_agreed_head()
        return self._ask(lambda node: node.fetch_head(tag))

    def fetch_headers(self, tags: Sequence[BlockTag]) -> list[BlockRef | None]:
        """Return one block per tag, None where the node knows no such block."""
        if not self._must_agree or "latest" not in tags:
            return self._ask(lambda node: node.fetch_headers(tags))
        head = self._fetch_agreed_head()
        others = [tag for tag in tags if tag != "latest"]
        found = iter(self._ask(lambda node: node.fetch_headers(others)))
        return [head if tag == "latest" else next(found) for tag in tags]

    def fetch_checked_headers(self, tags: Sequence[BlockTag]) -> list[Header | None]:
        """Return one block per tag with its bloom, None where the node knows no such block."""
        return self._ask(lambda node: node.fetch_checked_headers(tags))

    def fetch_logs(self, addresses: Sequence[Address], first: int, last: int) -> list[RawLog]:
        """Return the logs of blocks first … last."""
        return self._ask(lambda node: node.fetch_logs(addresses, first, last))

    def fetch_range(self, addresses: Sequence[Address], first: int, last: int) -> LogRange:
        """Return the logs of blocks first … last and the block `last`, of one node."""
        return self._ask(lambda node: node.fetch_range(addresses, first, last))

    def fetch_block_logs(
        self, addresses: Sequence[Address], hashes: Sequence[Hash]
    ) -> list[list[RawLog] | None]:
        """Return each block's logs by block hash, None where the node knows no such block."""
        return self._ask(lambda node: node.fetch_block_logs(addresses, hashes))

    def fetch_code(self, address: Address) -> bytes:
        """Return the runtime code at an address, empty if there is none."""
        return self._ask(lambda node: node.fetch_code(address))

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, block: BlockTag = "latest"
    ) -> bytes:
        """Run a function without a transaction and return its output. Raises Reverted."""
        return self._ask(lambda node: node.call(to, data, sender=sender, block=block))

    def call_many(
        self, calls: Sequence[tuple[Address, bytes]], *, block: BlockTag = "latest"
    ) -> list[bytes | MarketError]:
        """Run several functions on one block; a refused one gives its error in place."""
        return self._ask(lambda node: node.call_many(calls, block=block))

    def _ask(self, question: Callable[[Reader], Answer]) -> Answer:
        """Return the answer of the first node that gives one. Raises the last one's error."""
        for left in range(len(self._nodes) - 1, -1, -1):
            try:
                return question(self._nodes[self._at])
            except (Unreachable, TimedOut) as error:
                if left == 0:
                    raise
                self._turn_to_checked(error)
        raise AssertionError("the last node answers or raises")

    def _turn_to_checked(self, error: MarketError) -> None:
        """Go on with the next node that is of this chain; one that is silent fails later."""
        for _ in self._nodes:
            self._turn_to_next(error.detail)
            try:
                self._check(self._nodes[self._at])
            except (WrongChain, Unreachable, TimedOut) as failure:
                logger.warning("node left out", extra={"why": failure.detail})
                continue
            return
        raise error

    def _turn_to_next(self, why: str) -> None:
        if len(self._nodes) > 1:
            left = self.origin
            self._at = (self._at + 1) % len(self._nodes)
            logger.warning("another node", extra={"from": left, "to": self.origin, "why": why})

    def _fetch_agreed_head(self) -> BlockRef:
        """Return the highest block that two nodes know by one hash, and go on with one of them."""
        heads = self._fetch_heads()
        numbers = sorted({head.number for _, head in heads}, reverse=True)
        below = range(numbers[-1] - 1, max(-1, numbers[-1] - 1 - LOOKED_BELOW), -1)
        for number in (*numbers, *below):
            known: dict[Hash, int] = {}
            for place, head in heads:
                ref = self._fetch_block(place, head, number)
                if ref is None:
                    continue
                if ref.hash in known:
                    self._at = self._at if self._at in (place, known[ref.hash]) else place
                    return ref
                known[ref.hash] = place
        raise ContradictoryAnswer(
            f"no two of {', '.join(node.origin for node in self._nodes)} know one block "
            f"{numbers[0]}, nor any of the {LOOKED_BELOW} below",
            remedy="wait until they follow one chain, or take the wrong one out of `[chain] nodes`",
        )

    def _fetch_heads(self) -> list[tuple[int, BlockRef]]:
        """Return the newest block of each node that answers. Raises Unreachable below two."""
        heads: list[tuple[int, BlockRef]] = []
        silent = []
        for place, node in enumerate(self._nodes):
            try:
                heads.append((place, node.fetch_head()))
            except MarketError as error:
                silent.append(error.detail)
        if len(heads) < 2:
            raise Unreachable(
                f"{len(heads)} of {len(self._nodes)} nodes answered, and two must agree: "
                f"{'; '.join(silent)}",
                field="chain.nodes",
                remedy="start one more of them, or set `[chain] must_agree = false`",
            )
        return heads

    def _fetch_block(self, place: int, head: BlockRef, number: int) -> BlockRef | None:
        if number >= head.number:
            return head if number == head.number else None
        try:
            return self._nodes[place].fetch_headers([number])[0]
        except MarketError:
            return None
