"""Take turns at reading events for all triggers that wait for some."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from peer.policy.policy import Policy
from peer.triggers.chain_events import EventWatch
from peer.triggers.firings import TriggerRecord
from peer.triggers.runner import TriggerRunner
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import MarketError, Refused

logger = logging.getLogger(__name__)

AT_ONCE: Final = 4

OpenWatch = Callable[[Trigger], EventWatch]
"""Returns what reads a trigger's events. Raises MarketError where this peer may not."""


class ChainReaders:
    """The nodes that events are read from: the market's, and those that the policy names."""

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        find_policy: Callable[[], Policy],
        *,
        check_headers: bool,
    ) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._find_policy = find_policy
        self._check_headers = check_headers
        self._others: dict[str, Rpc] = {}

    def open_watch(self, trigger: Trigger) -> EventWatch:
        """Return what reads a trigger's events. Raises Refused."""
        if trigger.chain in (0, self._deployment.chain_id):
            return EventWatch(
                self._rpc, self._deployment, trigger, check_headers=self._check_headers
            )
        url = self._find_policy().chains.get(str(trigger.chain))
        if url is None:
            raise Refused(
                f"events of chain {trigger.chain} are not read here",
                remedy="the provider names a node of it under `chains` in the policy",
            )
        if url not in self._others:
            self._others[url] = Rpc(url)
        # Nothing of ours has to be on another chain.
        there = replace(self._deployment, chain_id=trigger.chain, contracts={})
        return EventWatch(self._others[url], there, trigger, check_headers=self._check_headers)

    def close(self) -> None:
        """End the connections to other chains."""
        for rpc in self._others.values():
            rpc.close()


class EventReading:
    """Reads what the runner's triggers wait for. Event loop only."""

    def __init__(self, runner: TriggerRunner, open_watch: OpenWatch) -> None:
        self._runner = runner
        self._open_watch = open_watch
        self._watches: dict[tuple[int, str], EventWatch] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def take_turn(self) -> None:
        """Read on for each trigger; one that cannot be read says so, and keeps no other."""
        wanted = list(self._runner.list_watched())
        known = {(deal, record.trigger.key) for deal, record in wanted}
        self._watches = {key: watch for key, watch in self._watches.items() if key in known}
        await asyncio.gather(*(self._read(deal, record) for deal, record in wanted))

    async def _read(self, deal: int, record: TriggerRecord) -> None:
        trigger = record.trigger
        try:
            watch = self._watches.get((deal, trigger.key))
            if watch is None:
                watch = self._watches[deal, trigger.key] = self._open_watch(trigger)
            async with self._gate:
                found, passed = await asyncio.to_thread(watch.read, record.passed)
        except MarketError as error:
            if record.problem != error.detail:
                extra = {"deal": deal, "trigger": trigger.key, "why": error.detail}
                logger.warning("events cannot be read", extra=extra)
            record.problem = error.detail
            return
        record.problem = ""
        await self._runner.take_events(deal, record, found, passed)
