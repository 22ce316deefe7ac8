"""Something that answers at a peer's endpoint with its key, and runs nothing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from peer.folder import PeerFolder
from wasmarket.kernel.signing.identity import sign_identity


class AnsweringPeer:
    """Answers challenges once it knows its number; `url` is its endpoint."""

    def __init__(self, market, name):
        self.number = 0
        key = PeerFolder(market.home.peer(name)).load_key()
        domain = market.wiring.domain
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                challenge = parse_qs(urlsplit(self.path).query)["challenge"][0]
                identity = sign_identity(key, domain, owner.number, challenge)
                answer = {
                    "peer": identity.peer,
                    "key": identity.key,
                    "challenge": challenge,
                    "signature": "0x" + identity.signature.hex(),
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
