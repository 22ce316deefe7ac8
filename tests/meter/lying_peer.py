"""Peers of a few lines that commit roots of their own making, beside the meter as it ships."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.meter.shown_papers import Chain, ShownEpoch
from tests.peer.market_world import MarketWorld
from wasmarket.kernel import events
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.receipts import pack_receipt, pack_summary
from wasmarket.kernel.units import Address


class LyingPeer:
    """Has one assignment, and shows and commits whatever it is told."""

    def __init__(self, world: MarketWorld, url: str, number: int) -> None:
        self.world = world
        self.wallet = world.next_wallet()
        key = to_hash(number.to_bytes(32, "big"))
        self.number = world.register_peer(key, self.wallet.address, f"{url}/{number}", units=1)
        self.epochs: dict[int, ShownEpoch] = {}
        self.vouchers: list[str] = []
        self.is_silent = False

    def take(self, app: str, meter: Address) -> None:
        """Have a metered deal matched with it, and activate."""
        match = self.world.match(app, [self.number], meter=meter)
        self.deal, [self.assignment] = match.deal, match.assignments
        self.world.send(self.wallet, self.world.market.call("activate", [self.assignment]))
        self.chain = Chain(self.number, self.deal, self.assignment)

    def commit(self, epoch: int, shown: ShownEpoch) -> None:
        """Show papers of an epoch from now on, and commit their root."""
        self.epochs[epoch] = shown
        roots = [(self.number, to_hash(shown.root))]
        self.world.send(self.wallet, self.world.proofs.call("commit", epoch, roots))

    def is_convicted(self) -> bool:
        """Whether the chain has ended its assignment for a lie."""
        return any(
            event.assignment == self.assignment and event.kind == 5
            for event in self.world.events(events.Ended)
        )

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Return status and body of a request for papers."""
        parts = path.split("/")
        shown = None if self.is_silent else self.epochs.get(int(parts[4]))
        if shown is None:
            return 404, b"{}"
        if parts[-1] == "packed":
            after = int(query["after"][0])
            records = [pack_receipt(r) for r in shown.receipts if r.sequence > after]
            return 200, b"".join(records)
        summaries = [
            {
                "packed": "0x" + pack_summary(summary).hex(),
                "index": place,
                "size": len(shown.summaries),
                "proof": ["0x" + node.hex() for node in shown.tree.prove(place)],
            }
            for place, summary in enumerate(shown.summaries)
            if summary.deal == self.deal
        ]
        return 200, json.dumps({"summaries": summaries}).encode()


def build_app(peer: LyingPeer) -> ASGIApp:
    """Return what serves one peer, for a server of many."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (part := await receive()).get("more_body"):
            body += part.get("body", b"")
        body += part.get("body", b"")
        status, answer = 200, b"{}"
        if scope["method"] == "POST":
            peer.vouchers += json.loads(body)["vouchers"]
        else:
            query = parse_qs(scope["query_string"].decode())
            status, answer = peer.answer(scope["path"][1:], query)
        length = str(len(answer)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


@contextmanager
def serve_peers() -> Iterator[tuple[str, dict[int, LyingPeer]]]:
    """Serve all peers that are put into the mapping under `/<number>/`; yields its URL too."""
    peers: dict[int, LyingPeer] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            _, number, rest = url.path.split("/", 2)
            self._reply(*peers[int(number)].answer(rest, parse_qs(url.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            peers[int(self.path.split("/")[1])].vouchers += json.loads(body)["vouchers"]
            self._reply(200, b"{}")

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", peers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
