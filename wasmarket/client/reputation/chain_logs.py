"""Fetch the logs that concern a provider's peers from a node, by their topics.

Peers first, then what they were assigned to, then the deals of that. The node is believed not to
leave any out: name one that you trust as `[chain] rpc`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.blocks import BlockRef, Log, RawLog
from wasmarket.chain.reading.logs import check_logs
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address, Hash, Timestamp

MOST_TOPICS = 200
"""Numbers that are asked for in one place of a query."""

FIRST_SPAN = 50_000
HEADERS = 500

Report = Callable[[str, int, int], object]
"""Told what is read, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class ProviderLogs:
    """The peers that were asked for, and all logs that concern them, in the order of the chain."""

    peers: frozenset[int]
    logs: tuple[Log[Any], ...]
    head: BlockRef


class LogSearch:
    """Asks one node for logs of a deployment up to one block."""

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        block: int | None = None,
        report: Report = lambda *_: None,
    ) -> None:
        """Search up to `block`, or the newest. Raises MarketError of the node."""
        self._rpc = rpc
        self._deployment = deployment
        self._report = report
        self._head = rpc.fetch_head() if block is None else _known(rpc, block)
        self._decoder = Decoder(deployment)
        self._found: dict[tuple[int, int], RawLog] = {}
        self._span = FIRST_SPAN

    def of_provider(self, provider: Address) -> ProviderLogs:
        """Return what concerns all peers of a provider."""
        owner = "0x" + provider[2:].lower().rjust(64, "0")
        self._find("Market", ["PeerRegistered"], [None, owner])
        return self._complete(self._numbers("PeerRegistered", 1))

    def of_peer(self, peer: int) -> ProviderLogs:
        """Return what concerns one peer."""
        self._find("Market", ["PeerRegistered"], [_topics([peer])])
        return self._complete(self._numbers("PeerRegistered", 1))

    def _complete(self, peers: Sequence[int]) -> ProviderLogs:
        for part in _parts(peers):
            self._find("Market", ["PeerUnits"], [part])
            self._find("Proofs", ["Committed"], [part])
            self._find("Market", ["Assigned", "Ended"], [None, None, part])
        deals, assignments = self._numbers("Assigned", 2), self._numbers("Assigned", 1)
        for part in _parts(deals):
            self._find("Market", ["DealCreated", "Lapsed", "DealBalance", "Stopped"], [part])
            self._find("Market", ["Activated", "Ended"], [None, part])
        for part in _parts(assignments):
            self._find("Market", ["Claimed"], [part])
            self._find("Meter", ["Redeemed"], [part])
            self._find("Audits", ["Opened", "Closed"], [None, part])
            self._find("Audits", ["Contradicted"], [part])
        return ProviderLogs(frozenset(peers), self._decode(), self._head)

    def _find(self, contract: str, names: Sequence[str], wanted: Sequence[Any]) -> None:
        events = load_abi(contract).events
        topics = [[events[name].topic for name in names], *wanted]
        address = self._deployment.contracts[contract].address
        for log in self._scan(address, topics, f"{contract}: {', '.join(names)}"):
            self._found[log.number, log.index] = log

    def _scan(self, address: Address, topics: Sequence[Any], what: str) -> Iterator[RawLog]:
        """Yield the logs of all blocks, in ranges that the node will answer."""
        first, last = self._deployment.block, self._head.number
        begin = int(first)
        while begin <= last:
            until = min(begin + self._span - 1, last)
            self._report(what, begin - first, last - first + 1)
            try:
                logs = self._rpc.fetch_topic_logs(address, topics, begin, until)
            except RpcError:
                if until == begin:
                    raise
                self._span = max(1, (until - begin + 1) // 2)
                continue
            check_logs(logs, begin, until, self._rpc.origin)
            yield from logs
            begin = until + 1

    def _numbers(self, name: str, place: int) -> list[int]:
        """Return the numbers that logs of an event have as a topic."""
        topic = load_abi("Market").events[name].topic
        return sorted(
            {int(log.topics[place], 16) for log in self._found.values() if log.topics[0] == topic}
        )

    def _decode(self) -> tuple[Log[Any], ...]:
        blocks: dict[int, str] = {log.number: log.block_hash for log in self._found.values()}
        times: dict[str, Timestamp] = {}
        numbers = sorted(blocks)
        for at in range(0, len(numbers), HEADERS):
            self._report("times of blocks", at, len(numbers))
            hashes = [Hash(blocks[number]) for number in numbers[at : at + HEADERS]]
            for hash_, header in zip(hashes, self._rpc.fetch_headers(hashes), strict=True):
                if header is None:
                    raise MarketError(
                        f"{self._rpc.origin} gave logs of block {hash_}, which it does not know",
                        remedy="the chain has changed meanwhile: try again",
                    )
                times[hash_] = header.timestamp
        return self._decoder.decode_all(self._found.values(), times)


def _known(rpc: Rpc, block: int) -> BlockRef:
    [found] = rpc.fetch_headers([block])
    if found is None:
        raise MarketError(
            f"{rpc.origin} does not know block {block}",
            remedy="it is behind what answered: try again, or use another node",
        )
    return found


def _topics(numbers: Iterable[int]) -> list[str]:
    return [f"0x{number:064x}" for number in numbers]


def _parts(numbers: Sequence[int]) -> Iterator[list[str]]:
    for at in range(0, len(numbers), MOST_TOPICS):
        yield _topics(numbers[at : at + MOST_TOPICS])
