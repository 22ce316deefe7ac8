"""Events of chains for the triggers of an app on a desk: read from nodes that are named for it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from peer.triggers.chain_events import EventWatch
from peer.triggers.event_loop import EventReading
from peer.triggers.runner import TriggerRunner
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import Refused
from wasmarket.serving.daemon import Pace, TaskLoop

LOOK_SECONDS: Final = 0.5
MARKETS: Final = 0
"""The chain that a trigger means that names none."""


class DeskNodes:
    """Nodes by the ids of their chains; the first one stands for the market's too."""

    def __init__(self, urls: Iterable[str], deployment: Deployment) -> None:
        """Ask each node which chain it is of. Raises Unreachable, InvalidInput for no URL."""
        self._deployment = deployment
        self._all: list[Rpc] = []
        self._by_chain: dict[int, tuple[int, Rpc]] = {}
        try:
            for url in urls:
                rpc = Rpc(url)
                self._all.append(rpc)
                chain = rpc.fetch_chain_id()
                self._by_chain.setdefault(MARKETS, (chain, rpc))
                self._by_chain[chain] = (chain, rpc)
        except BaseException:
            self.close()
            raise

    def open_watch(self, trigger: Trigger) -> EventWatch:
        """Return what reads a trigger's events. Raises Refused without a node of its chain."""
        if trigger.chain not in self._by_chain:
            chain = f"chain {trigger.chain}" if trigger.chain else "the market's chain"
            raise Refused(f"no node of {chain} was named: --rpc URL, or --rpc market")
        found, rpc = self._by_chain[trigger.chain]
        # Nothing of ours has to be on that chain.
        there = replace(self._deployment, chain_id=found, contracts={})
        return EventWatch(rpc, there, trigger, check_headers=True)

    def build_loop(self, runner: TriggerRunner) -> TaskLoop:
        """Return the loop that reads for the triggers of a runner."""
        reading = EventReading(runner, self.open_watch)
        return TaskLoop("events", reading.take_turn, Pace(LOOK_SECONDS))

    def close(self) -> None:
        """End the connections."""
        for rpc in self._all:
            rpc.close()
