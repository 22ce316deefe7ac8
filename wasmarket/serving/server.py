"""Run a service on a port until it is told to stop."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from wasmarket.kernel.errors import ConfigError, PortInUse
from wasmarket.serving.http1.connections import ConnectionCounts, ConnectionLimits
from wasmarket.serving.http1.protocol import HttpProtocol

LOOK_TICKS = 10
GRACE_SECONDS = 5
"""How long open requests may take to finish after a signal to stop."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host`:`port` (0: any free port).

    Raises PortInUse, or ConfigError for an address that is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use",
                field="port",
                remedy="end what runs there, or choose another port (0: any free one)",
            ) from error
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            field="host",
            remedy="choose an address of this machine and a port you may use",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL under which a bound socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: ASGIApp,
    listener: socket.socket,
    on_ready: Callable[[str], None],
    protocol: type[HttpProtocol] = HttpProtocol,
    limits: ConnectionLimits | None = None,
) -> None:
    """Serve on a bound socket until SIGINT or SIGTERM; `on_ready` gets the URL once it answers.

    `protocol` reads the connections: `HttpProtocol`, or one made from it; `limits` bounds them.
    """
    server = _build_server(app, listener, on_ready, protocol, limits)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


class ServedProcess(Protocol):
    """What has files and connections before it serves."""

    def create_app(self) -> ASGIApp:
        """Return what is to be served; it closes the process at its end."""

    def close(self) -> None:
        """Let go of files and connections."""


def serve_process(
    process: ServedProcess, host: str, port: int, on_ready: Callable[[str], None]
) -> None:
    """Serve a process until SIGINT or SIGTERM; it is closed also where the port cannot be had.

    Raises PortInUse, ConfigError.
    """
    try:
        listener = bind(host, port)
    except BaseException:
        process.close()
        raise
    serve(process.create_app(), listener, on_ready)


@asynccontextmanager
async def open_server(
    app: ASGIApp, listener: socket.socket, protocol: type[HttpProtocol] = HttpProtocol
) -> AsyncIterator[str]:
    """Serve on a bound socket of this event loop while the context is open; give the URL.

    Signals stay as they are. Raises ConfigError if the app does not start.
    """
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = _build_server(app, listener, ready.set_result, protocol, None)
    task = asyncio.ensure_future(server.run_here())
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            raise ConfigError("the service did not start", remedy="its log says why")
        yield ready.result()
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


def _build_server(
    app: ASGIApp,
    listener: socket.socket,
    on_ready: Callable[[str], None],
    protocol: type[HttpProtocol],
    limits: ConnectionLimits | None,
) -> "_Server":
    counts = ConnectionCounts(limits or ConnectionLimits())
    bounded = type("BoundedProtocol", (protocol,), {"counts": counts})
    return _Server(listener, on_ready, app, bounded)


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is ready."""

    def __init__(
        self,
        listener: socket.socket,
        on_ready: Callable[[str], None],
        app: ASGIApp,
        protocol: type[asyncio.Protocol],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Who is believed about a caller's address is for each service to say.
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._listener = listener
        self._on_ready = on_ready

    async def run_here(self) -> None:
        """Serve on this event loop, whose signals are somebody else's, until `should_exit`."""
        await self._serve(sockets=[self._listener])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the server and no more: uvicorn would raise the signal again, before our caller
        has ended its threads and child processes."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections from time to time (uvicorn calls this ten times a second)."""
        if counter % LOOK_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.end_if_stuck(now)
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is loaded stays: keep the collector from walking it again and again.
            gc.collect()
            gc.freeze()
            self._on_ready(url_of(self._listener))
