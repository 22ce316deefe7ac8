"""An indexer as a process of its own, for tests that kill it: deployment, store, rpc, die_at.

At its `die_at`-th SQL statement (0: never) it kills itself as kill -9 does.
"""

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

from sqlalchemy import event

from indexer.run import run
from indexer.settings import IndexerSettings
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.deployment import parse_deployment
from wasmarket.store.database import open_database


def main(deployment_file: str, store: str, rpc_url: str, die_at: str, tells: str = "") -> None:
    """Run until SIGTERM, or until that statement; print the URL when it answers.

    `tells`: it also listens to what the node tells of new blocks.
    """
    deployment = parse_deployment(json.loads(Path(deployment_file).read_text()))
    database = open_database(store)
    statements = count(1)

    def die(*_arguments: object) -> None:
        if next(statements) == int(die_at):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "after_cursor_execute", die)
    with Rpc(rpc_url) as rpc:
        run(
            IndexerSettings(port=0, poll_seconds=0.05),
            database=database,
            reader=rpc,
            deployment=deployment,
            rpc_url=rpc_url if tells else "",
            version="test",
            on_ready=lambda url: print(json.dumps({"ready": True, "url": url}), flush=True),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
