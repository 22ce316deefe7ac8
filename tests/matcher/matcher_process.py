"""A matcher as a process of its own, for tests that kill it: deployment, store, rpc, key."""

import json
import sys
import threading
from pathlib import Path

from chain.decoder import Decoder
from chain.rpc import Rpc
from chain.sender import Sender
from chain.wallet import Account
from kernel.deployment import parse_deployment
from matcher.run import run
from matcher.settings import MatcherSettings
from store.database import open_database


def main(deployment_file, store, rpc_url, key):
    """Run until SIGTERM; print the URL when it answers."""
    deployment = parse_deployment(json.loads(Path(deployment_file).read_text()))
    stop = threading.Event()
    database = open_database(store)
    with Rpc(rpc_url) as rpc:
        sender = Sender(
            rpc,
            Account.from_key(key),
            chain_id=deployment.chain_id,
            decoder=Decoder(deployment),
            poll=0.02,
            stop=stop,
        )
        run(
            MatcherSettings(port=0, poll_seconds=0.05),
            database=database,
            deployment=deployment,
            reader=rpc,
            sender=sender,
            version="test",
            on_ready=lambda url: print(json.dumps({"ready": True, "url": url}), flush=True),
            stop=stop,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
