"""Connections of one address are counted where they really come in."""

import json
from typing import Any

import pytest

from tests.wasmarket.serving.raw_server import GET, echo, run, serve_raw, settle
from wasmarket.serving.http1.connections import ConnectionCounts, ConnectionLimits
from wasmarket.serving.http1.protocol import HttpProtocol

pytestmark = pytest.mark.e2e


def test_connections__of_one_address__are_bounded() -> None:
    async def work() -> tuple[list[int], int]:
        counts = ConnectionCounts(ConnectionLimits(per_address=3))

        class Counted(HttpProtocol):
            def connection_made(self, transport: Any) -> None:
                self.counts = counts
                super().connection_made(transport)

        async with serve_raw(echo, Counted, on_port=True) as server:
            clients = [await server.connect() for _ in range(5)]
            await settle(server)
            refused = [await client.read_answer() for client in clients[3:]]
            assert json.loads(refused[0].body)["title"] == "Service Unavailable"
            await clients[0].close()
            await settle(server)
            again = await server.connect()
            await again.send(GET)
            return [answer.status for answer in refused], (await again.read_answer()).status

    assert run(work()) == ([503, 503], 200)
