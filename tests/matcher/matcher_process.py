"""A matcher as a process of its own, for tests that kill it: deployment, store, rpc, key, deadly.

`deadly` names the moment at which the process kills itself the hard way; "" for none.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from matcher.engine.warm_up import warm_up
from matcher.run import run
from matcher.settings import MatcherSettings
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import parse_deployment
from wasmarket.serving.outbound import Outbound
from wasmarket.store.database import open_database

MOMENTS = ("signed", "recorded", "sent", "mined")


class DeadlySender:
    """A real sender whose process dies at a moment of its first match."""

    def __init__(self, inner, moment):
        self._inner, self._moment = inner, moment
        self.address, self.resume, self.send = inner.address, inner.resume, inner.send

    def send_each(self, calls, *, max_gas):
        outcomes = self._inner.send_each([self._deadly(*c) for c in calls], max_gas=max_gas)
        self._die("mined")
        return outcomes

    def _deadly(self, call, on_signed):
        def recorded(signed):
            self._die("signed")
            on_signed(signed)
            self._die("recorded")

        return call, recorded

    def _die(self, moment):
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyRpc(Rpc):
    """Dies right after a transaction was handed to the node."""

    def request(self, method, params, *more, **options):
        answer = super().request(method, params, *more, **options)
        if method == "eth_sendRawTransaction":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def prepare():
    """Load the engine's machine code before the fork."""
    warm_up()


def main(deployment_file, store, rpc_url, key, deadly=""):
    """Run until SIGTERM; print the URL when it answers."""
    deployment = parse_deployment(json.loads(Path(deployment_file).read_text()))
    stop = threading.Event()
    database = open_database(store)
    with (DeadlyRpc if deadly == "sent" else Rpc)(rpc_url) as rpc:
        sender = Sender(
            rpc,
            Account.from_key(key),
            chain_id=deployment.chain_id,
            decoder=Decoder(deployment),
            poll=0.02,
            stop=stop,
        )
        run(
            MatcherSettings(port=0, poll_seconds=0.05, peer_check_seconds=0),
            database=database,
            deployment=deployment,
            reader=rpc,
            sender=DeadlySender(sender, deadly) if deadly else sender,
            outbound=Outbound(True),
            version="test",
            on_ready=lambda url: print(json.dumps({"ready": True, "url": url}), flush=True),
            stop=stop,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
