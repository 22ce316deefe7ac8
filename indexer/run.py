"""An indexer process: the loop in a thread, the six routes of every service in front."""

import gc
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from indexer.look_pace import LookPace
from indexer.loop import IndexLoop
from indexer.progress import Board, Progress
from indexer.settings import IndexerSettings
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.reading.heads import NewHeads, websocket_url
from wasmarket.kernel.deployment import Deployment
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.server import bind, serve
from wasmarket.serving.service import (
    Readiness,
    ServiceInfo,
    ServiceStatus,
    build_status,
    create_service,
)
from wasmarket.store.chain.writer import DEPTH
from wasmarket.store.database import Database
from wasmarket.store.migrate import upgrade

RARE_GARBAGE = (100_000, 50, 100)
"""Blocks are many values without circles: looking for those at the usual rate takes a fifth."""

LONGEST_PAUSE = 5.0
"""Seconds between looks at a chain that does not answer."""


def run(
    settings: IndexerSettings,
    *,
    database: Database,
    reader: Reader,
    deployment: Deployment,
    confirmations: int = 0,
    check_headers: bool = True,
    rpc_url: str = "",
    websocket: str = "",
    version: str,
    on_ready: Callable[[str], None],
    on_progress: Callable[[Progress], object] | None = None,
) -> None:
    """Index until SIGINT or SIGTERM; `on_ready` gets the URL. Raises PortInUse, ConfigError.

    `on_progress` hears of every block and every look at the chain, in the thread that indexes.

    `rpc_url`: the node's, `websocket`: where it tells of new blocks; neither: it is only looked at.

    A chain that does not answer is no reason to end: the service says so and tries again.
    """
    listener = bind(settings.host, settings.port)
    upgrade(database)
    gc.set_threshold(*RARE_GARBAGE)
    registry = CollectorRegistry()
    board = Board(registry)
    index = IndexLoop(
        database,
        reader,
        deployment,
        board,
        confirmations=confirmations,
        check_headers=check_headers,
        reindex=settings.reindex,
    )
    stop = threading.Event()

    def wake() -> None:
        loop.wake()

    heads = NewHeads(websocket_url(rpc_url, websocket), wake) if rpc_url else None
    pace = LookPace(rpc_url, settings.poll_seconds, lambda: heads is not None and heads.is_live)

    def beat() -> None:
        loop.beat()
        if on_progress is not None:
            on_progress(board.progress)

    def take_turn() -> None:
        index.take_turn(stop, beat)
        beat()
        pace.note(board.progress.head or 0)

    loop = ThreadLoop(
        "index",
        take_turn,
        Pace(pace.pause, longest_pause=LONGEST_PAUSE),
        on_end=index.close,
    )
    loops = Loops(loop)
    if heads is not None:
        loops.add(
            ThreadLoop("new_heads", heads.step, Pace(lambda: heads.pause), on_end=heads.close)
        )
    registry.register(loops)
    app = create_service(
        ServiceInfo("indexer", version),
        status=lambda: read_status(board, deployment),
        readiness=lambda: read_readiness(board, settings.max_lag, loops),
        registry=registry,
    )
    loops.start()
    try:
        serve(app, listener, on_ready)
    finally:
        stop.set()
        loops.stop()


def read_status(board: Board, deployment: Deployment) -> ServiceStatus:
    """Return what `/v1/status` shows."""
    now = board.progress
    return build_status(
        deployment,
        head=now.head,
        indexed=now.indexed,
        finality=None if now.head is None else max(0, now.head - DEPTH),
        extra={
            "lag": now.lag,
            "leader": now.is_leader,
            "problem": now.problem,
            "remedy": now.remedy,
            "rebuilt": now.rebuilt,
        },
    )


def read_readiness(board: Board, max_lag: int, loops: Loops | None = None) -> Readiness:
    """Return whether the store is fresh enough to answer from, and if not, why."""
    now = board.progress
    if now.problem:
        return Readiness(False, "; ".join(filter(None, (now.problem, now.remedy))))
    if loops is not None and (problems := loops.problems()):
        return Readiness(False, "; ".join(problems))
    if now.lag is None:
        return Readiness(False, "nothing is indexed yet")
    if now.lag > max_lag:
        return Readiness(False, f"{now.lag} blocks behind the head")
    return Readiness(True)
