"""The server's patience, and what it says to those who do not speak HTTP."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from wasmarket.serving.http1.protocol import (
    HEAD_SECONDS,
    KEPT_SECONDS,
    SILENT_SECONDS,
    HttpProtocol,
)

pytestmark = pytest.mark.unit
REQUEST = b"POST /x HTTP/1.1\r\nHost: p\r\nContent-Length: 3\r\n\r\n"


class World:
    """A server on a unix socket whose app answers when it is told to, and one client."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.state = ServerState()
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await self.may_answer.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        # Once round the loop for each end.
        for _ in range(5):
            await asyncio.sleep(0.001)

    def pass_time(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time() + seconds
        for connection in tuple(self.state.connections):
            assert isinstance(connection, HttpProtocol)
            connection.end_if_stuck(now)

    async def read_answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body


def with_world(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    @wraps(test)
    def run(tmp_path: Path) -> None:
        async def main() -> None:
            world = World()
            config = uvicorn.Config(
                world.app,
                http=HttpProtocol,
                interface="asgi3",
                log_config=None,
                lifespan="off",
            )
            config.load()
            loop = asyncio.get_running_loop()
            path = str(tmp_path / "socket")
            server = await loop.create_unix_server(
                lambda: HttpProtocol(config, world.state, {}), path
            )
            world.reader, world.writer = await asyncio.open_unix_connection(path)
            try:
                async with asyncio.timeout(60):
                    await test(world)
            finally:
                world.may_answer.set()
                world.writer.close()
                server.close()
                await asyncio.gather(*world.state.tasks)

        asyncio.run(main())

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


@with_world
async def test_client__silent_in_the_middle_of_a_request__is_told_and_let_go(world: World) -> None:
    await world.send(REQUEST + b"ab")
    world.pass_time(SILENT_SECONDS - 1)
    assert not world.reader.at_eof()

    world.pass_time(SILENT_SECONDS + 1)

    status, headers, body = await world.read_answer()
    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:wasmarket:request-timeout"
    assert await world.reader.read() == b""


@with_world
async def test_client__whose_head_drips__is_let_go(world: World) -> None:
    await world.send(b"POST /x HTTP/1.1\r\nHost: p\r\n")
    (connection,) = world.state.connections
    connection._heard_at += HEAD_SECONDS  # type: ignore[union-attr]

    world.pass_time(HEAD_SECONDS + 1)

    assert (await world.read_answer())[0] == 408


@with_world
async def test_client__that_waits_for_a_slow_answer__is_left_alone(world: World) -> None:
    await world.send(REQUEST + b"abc")
    world.pass_time(KEPT_SECONDS * 10)
    world.may_answer.set()

    assert (await world.read_answer())[0] == 200


@with_world
async def test_connection__without_a_request__is_kept_for_a_while(world: World) -> None:
    world.may_answer.set()
    await world.send(REQUEST + b"abc")
    await world.read_answer()
    world.pass_time(KEPT_SECONDS - 1)
    await world.send(REQUEST + b"abc")
    assert (await world.read_answer())[0] == 200

    world.pass_time(KEPT_SECONDS + 1)

    assert await world.reader.read() == b""


@with_world
async def test_bytes__that_are_no_http__get_a_problem_document(world: World) -> None:
    await world.send(b"\x16\x03\x01 hello\r\n\r\n")

    status, headers, body = await world.read_answer()
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert json.loads(body)["title"] == "Bad Request"
    assert await world.reader.read() == b""
