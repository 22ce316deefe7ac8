"""A proxy in front of a node that may change what the node answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec

JSON = {"content-type": "application/json"}
Change = Callable[[dict[str, Any], dict[str, Any]], None]


class Proxy:
    """Passes requests on; `change(request, answer)` may edit each answer in place."""

    def __init__(self, url: str, upstream: str) -> None:
        self.url, self.upstream = url, upstream
        self.change: Change | None = None


@contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    """Serve a proxy on a free port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests = msgspec.json.decode(body)
            answers = client.post(proxy.upstream, content=body, headers=JSON).json()
            is_one = isinstance(requests, dict)
            by_id = {answer["id"]: answer for answer in ([answers] if is_one else answers)}
            for request in [requests] if is_one else requests:
                if proxy.change is not None:
                    proxy.change(request, by_id[request["id"]])
            text = msgspec.json.encode(answers)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}", upstream)
    with httpx.Client(trust_env=False, timeout=30) as client:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
