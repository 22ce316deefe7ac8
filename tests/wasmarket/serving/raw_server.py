"""A server of ours on a unix socket, spoken to byte by byte."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from wasmarket.serving.http1.protocol import HttpProtocol

App = Callable[[Any, Any, Any], Awaitable[None]]

GET = b"GET /a HTTP/1.1\r\nHost: p\r\n\r\n"


class RawAnswer(NamedTuple):
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawConnection:
    """A client that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_answer(self, *, has_body: bool = True) -> RawAnswer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.lower().split(": ", 1) for line in head[1:] if line]
        headers = {pair[0]: pair[1] for pair in pairs}
        assert len(headers) == len(pairs), f"a header stands twice in {head}"
        length = int(headers.get("content-length", 0)) if has_body else 0
        return RawAnswer(int(head[0].split()[1]), headers, await self.reader.readexactly(length))

    async def read_all(self) -> list[RawAnswer]:
        """Return all answers until the server ends the connection."""
        answers = []
        while not self.reader.at_eof():
            with suppress(asyncio.IncompleteReadError):
                answers.append(await self.read_answer())
        return answers

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class RawServer:
    """A server whose time the test moves."""

    def __init__(self, path: str, port: int, state: ServerState) -> None:
        self.path, self.port, self.state = path, port, state
        self.clients: list[RawConnection] = []

    async def connect(self) -> RawConnection:
        if self.port:
            client = RawConnection(*await asyncio.open_connection("127.0.0.1", self.port))
        else:
            client = RawConnection(*await asyncio.open_unix_connection(self.path))
        self.clients.append(client)
        return client

    async def exchange(self, data: bytes) -> list[RawAnswer]:
        """Send bytes, say that there are no more, and return all answers."""
        connection = await self.connect()
        await connection.send(data)
        connection.writer.write_eof()
        return await connection.read_all()

    def pass_time(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time() + seconds
        for connection in tuple(self.state.connections):
            assert isinstance(connection, HttpProtocol)
            connection.end_if_stuck(now)


@asynccontextmanager
async def serve_raw(
    app: App, protocol: type[HttpProtocol] = HttpProtocol, *, on_port: bool = False
) -> AsyncIterator[RawServer]:
    """Serve an app, `on_port` where addresses matter; ten seconds are enough for any use of it."""
    config = uvicorn.Config(
        app, http=protocol, ws="none", interface="asgi3", log_config=None, lifespan="off"
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Mon, 30 Nov 2026 08:00:00 GMT")]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        loop = asyncio.get_running_loop()
        port = 0
        if on_port:
            server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
        else:
            server = await loop.create_unix_server(lambda: protocol(config, state, {}), path)
        raw = RawServer(path, port, state)
        try:
            async with asyncio.timeout(60):
                yield raw
        finally:
            server.close()
            for client in raw.clients:
                await client.close()
            for connection in tuple(state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
            for task in tuple(state.tasks):
                task.cancel()
            await asyncio.gather(*state.tasks, return_exceptions=True)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the request as the server understood it."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    seen = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    answer = json.dumps(seen).encode()
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def settle(server: RawServer) -> None:
    """Go round the loop until the server has done what it can do."""
    for _ in range(50):
        await asyncio.sleep(0.001)
