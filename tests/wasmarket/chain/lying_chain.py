"""A chain in memory whose node lies about logs, as nodes do that lag, cut off or lose an index."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from wasmarket.chain.reading.blocks import LogRange
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

DEPLOYMENT = fake_deployment()

Logs = list[Any]


@dataclass
class Lie:
    """Changes the logs of the next answers to one method; `where` chooses among them."""

    method: str
    change: Callable[[Logs], Logs]
    times: int = 1
    where: Callable[[Any], bool] = bool


class LyingChain(FakeChain):
    """Gives false logs while there are `lies`; blocks and headers are true."""

    def __init__(self, **options: Any) -> None:
        super().__init__(DEPLOYMENT, **options)
        self.lies: list[Lie] = []

    def truth(self, hash: str) -> tuple[Any, ...]:
        """Return the logs that a block really has."""
        return self._by_hash[hash].logs

    def fetch_range(self, addresses, first, last):
        answer = super().fetch_range(addresses, first, last)
        return LogRange(self._lie("fetch_range", answer.logs), answer.last)

    def fetch_block_logs(self, addresses, hashes):
        method = "fetch_block_logs" if addresses else "fetch_all_block_logs"
        answers = super().fetch_block_logs(addresses, hashes)
        return [None if logs is None else self._lie(method, logs) for logs in answers]

    def _lie(self, method, logs):
        for lie in self.lies:
            if lie.method == method and lie.times and lie.where(logs):
                lie.times -= 1
                return lie.change(list(logs))
        return logs


def nothing(_logs: Logs) -> Logs:
    return []


def without_first(logs: Logs) -> Logs:
    return logs[1:]


def cut_off(logs: Logs) -> Logs:
    return logs[: len(logs) // 2]


def twice(logs: Logs) -> Logs:
    return [*logs, *logs[-1:]]


def removed(logs: Logs) -> Logs:
    return [*logs[:-1], *(structs.replace(log, removed=True) for log in logs[-1:])]


def of_another_kind(logs: Logs) -> Logs:
    strange = "0x" + "ab" * 32
    return [structs.replace(log, topics=(log.topics[0], strange)) for log in logs]
