"""One server for all peers of a game: each answers under `/<its number>/`, as long as it runs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from wasmarket.serving.http1.protocol import HttpProtocol


class Front:
    """Passes requests to the app of the peer that the path begins with."""

    def __init__(self) -> None:
        self.url = ""
        self.apps: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; 503 for a peer that does not run."""
        assert scope["type"] == "http"
        _, name, rest = scope["path"].split("/", 2)
        app = self.apps.get(name)
        if app is not None:
            path = f"/{rest}"
            await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)
            return
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def serve_front() -> Iterator[Front]:
    """Serve on a free port while the block runs."""
    front = Front()
    config = uvicorn.Config(
        front, port=0, http=HttpProtocol, log_config=None, ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    ready = threading.Event()

    async def run() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        ready.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    ready.wait()
    front.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.should_exit = True
        thread.join()
