"""A gateway as a process of its own, for tests that kill it: deployment, store, folder."""

import json
import sys
import time
from pathlib import Path

from gateway.directory.from_store import StoreDirectory
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from wasmarket.kernel.deployment import parse_deployment
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.server import bind, serve
from wasmarket.store.database import open_database


def main(deployment_file: str, store: str, folder: str) -> None:
    """Serve until SIGTERM; print the URL when it answers."""
    settings = GatewaySettings(port=0, directory_seconds=0.05, patience_seconds=0.0)
    parts = GatewayParts(
        version="test",
        deployment=parse_deployment(json.loads(Path(deployment_file).read_text())),
        directory=StoreDirectory(open_database(store)),
        outbound=Outbound(True),
        folder=Path(folder),
        now=lambda: int(time.time()),
        refresh=lambda: None,
    )
    front = create_front(create_gateway(settings, parts))
    serve(
        front,
        bind(settings.host, settings.port),
        lambda url: print(json.dumps({"ready": True, "url": url}), flush=True),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
