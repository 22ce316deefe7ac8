"""Put a peer's triggers together from its parts."""

import httpx

from peer.chain_state.listener import Listener
from peer.folder import PeerFolder
from peer.hosting.host import Host
from peer.triggers.firings import TriggerFile
from peer.triggers.runner import TriggerRunner
from wasmarket.serving.daemon import Pace, TaskLoop


def build_triggers(
    host: Host, folder: PeerFolder, client: httpx.AsyncClient, listener: Listener
) -> TriggerRunner:
    """Return what runs the triggers of a host's deals; `listener` knows the peer's endpoint."""
    return TriggerRunner(
        lambda: host.deals,
        lambda deal: TriggerFile(folder.service(deal)),
        client,
        endpoint=lambda: listener.endpoint,
        now=host.now,
        peer=lambda: 0 if host.chain_view is None else host.chain_view.peer,
    )


def build_trigger_loop(runner: TriggerRunner) -> TaskLoop:
    """Return the loop that takes the runner's turns."""
    return TaskLoop("triggers", runner.take_turn, Pace(runner.pause))
