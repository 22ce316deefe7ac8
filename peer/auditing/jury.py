"""Put a juror together from the peer's parts."""

from collections.abc import Callable, Sequence
from typing import Any

from peer.auditing.ballots import Ballots
from peer.auditing.executor import CallExecutor
from peer.auditing.juror import Juror, Sources
from peer.folder import PeerFolder
from peer.hosting.versions import Preparer, Version
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.content.fetcher import Fetcher
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Hash

MEMORY_MIB = 4_096


def build_juror(
    folder: PeerFolder,
    ballots: Ballots,
    rpc: Rpc,
    deployment: Deployment,
    fetcher: Fetcher,
    preparer: Preparer,
    spawner: WorkerSpawner,
    gateways: Sequence[str],
    find_apps: Callable[[int], Sequence[Hash]],
    on_ballot: Callable[[], object],
) -> Juror:
    """Return a juror whose workers are its own; content is asked of `gateways`."""

    async def prepare(app: Hash) -> Version:
        storage = folder.cache / "jury"
        return await preparer.prepare(app, MEMORY_MIB, storage, lambda: tuple(gateways))

    def read_calldata(tx: Hash) -> bytes:
        found: Any = rpc.request("eth_getTransactionByHash", [tx])
        if not isinstance(found, dict) or not isinstance(found.get("input"), str):
            raise NotFound(f"the node does not know the transaction {tx}")
        return bytes.fromhex(found["input"].removeprefix("0x"))

    async def fetch_input(digest: bytes) -> bytes:
        # An input is one raw block; its id is made like an app's.
        return await fetcher.fetch_block(app_cid(to_hash(digest)), tuple(gateways))

    return Juror(
        ballots,
        CallExecutor(folder.cache, prepare, spawner),
        Sources(read_calldata, fetch_input, find_apps),
        deployment.parameters.epoch_seconds,
        on_ballot,
    )
