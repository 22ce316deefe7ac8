"""Put a peer's triggers together from its parts."""

import json
from dataclasses import dataclass

import httpx

from peer.chain_state.listener import Listener
from peer.choreography.assembly import Choreography
from peer.folder import PeerFolder
from peer.hosting.host import Host
from peer.parts import PeerParts
from peer.triggers.calling import RunFlow, run_no_flow
from peer.triggers.event_loop import ChainReaders, EventReading
from peer.triggers.firings import TriggerFile
from peer.triggers.runner import TriggerRunner
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.serving.daemon import Pace, TaskLoop


@dataclass(frozen=True, slots=True)
class Triggers:
    """A peer's triggers: what runs them, and what reads the events that some wait for."""

    runner: TriggerRunner
    reading: EventReading
    readers: ChainReaders
    poll_seconds: float

    def build_loops(self) -> tuple[TaskLoop, TaskLoop]:
        """Return the loops that take the turns of both."""
        return (
            TaskLoop("triggers", self.runner.take_turn, Pace(self.runner.pause)),
            TaskLoop("events", self.reading.take_turn, Pace(self.poll_seconds)),
        )

    async def close(self) -> None:
        """End what waits."""
        await self.runner.close()
        self.readers.close()


def build_triggers(
    parts: PeerParts,
    host: Host,
    folder: PeerFolder,
    client: httpx.AsyncClient,
    listener: Listener,
    rpc: Rpc,
    choreography: Choreography | None,
) -> Triggers:
    """Return the triggers of a host's deals; `listener` knows the peer's endpoint."""
    runner = TriggerRunner(
        lambda: host.deals,
        lambda deal: TriggerFile(folder.service(deal)),
        client,
        endpoint=lambda: listener.endpoint,
        now=host.now,
        peer=lambda: 0 if host.chain_view is None else host.chain_view.peer,
        run_flow=run_no_flow if choreography is None else _find_flows(choreography),
    )
    readers = ChainReaders(
        rpc,
        parts.deployment,
        lambda: parts.policy.current,
        check_headers=parts.check_headers,
    )
    reading = EventReading(runner, readers.open_watch)
    host.make_last_calls = runner.make_last_calls
    return Triggers(runner, reading, readers, parts.settings.poll_seconds)


def _find_flows(choreography: Choreography) -> RunFlow:
    async def run(deal: int, name: str, body: bytes, key: str) -> str:
        _, run, flow = choreography.flows.find(deal, name)
        found = await choreography.flows.run(run, deal, flow, body, json.loads(body), key)
        return f"{found.assignment}:{found.head.sequence}"

    return run
