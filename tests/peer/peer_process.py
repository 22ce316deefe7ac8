"""Run a peer as a process of its own: `peer_process.py <file with what run_peer takes>`."""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

from peer.hosting import self_test
from peer.parts import PeerParts
from peer.policy.file import PolicyFile
from peer.run import run_peer
from peer.settings import PeerSettings
from wasmarket.chain.reading.heads import websocket_url
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import parse_deployment
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE
from wasmarket.serving.outbound import Outbound


class _Handler(logging.StreamHandler):
    """Write what is given as `extra` behind the message."""

    def format(self, record: logging.LogRecord) -> str:
        usual = logging.makeLogRecord({}).__dict__
        extra = {k: v for k, v in record.__dict__.items() if k not in usual and k != "message"}
        return f"{record.name}: {super().format(record)} {extra or ''}"


def main(path: str) -> None:
    """Be a peer to its end."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Handler()])
    logging.getLogger("peer").setLevel(logging.INFO)
    given = json.loads(Path(path).read_text())
    if given["counts_otherwise"]:
        [first, *others] = self_test.SCHEDULES[FUEL_SCHEDULE]
        spoilt = (replace(first, fuel=first.fuel + 1), *others)
        self_test.SCHEDULES[FUEL_SCHEDULE] = spoilt
    settings = given["settings"] | {"gateways": tuple(given["settings"]["gateways"])}
    folder = Path(given["folder"])
    policy = folder / "policy.toml"
    policy.write_text(given["policy"])
    parts = PeerParts(
        settings=PeerSettings(**settings),
        deployment=parse_deployment(given["deployment"]),
        wallet=Account.from_key(given["wallet"]),
        folder=folder,
        policy=PolicyFile(policy),
        outbound=Outbound(True),
        version="test",
        websocket=websocket_url(given["rpc_url"], ""),
    )
    run_peer(
        parts,
        rpc_url=given["rpc_url"],
        on_ready=lambda url: print(json.dumps({"url": url}), flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1])
