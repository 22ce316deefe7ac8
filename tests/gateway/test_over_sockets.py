"""A whole gateway between real sockets: peers that die, lie and dawdle, callers that leave."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from tests.gateway.peers import APP, DEAL, DEVELOPER, FakeDirectory
from tests.gateway.raw_peers import END, WAIT, RawPeer
from wasmarket.kernel.billing import DealStatus
from wasmarket.serving.http1.protocol import HttpProtocol
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.peer_wire.connection import SMALL
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.e2e  # loopback sockets

PATH = f"/v1/deals/{DEAL}/s/f"
LIVE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
LONG = SMALL * 4


def ok(body=b'{"result":1}', length=None):
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % (len(body) if length is None else length)
        + body
    )


@asynccontextmanager
async def serve_gateway(*peers, **settings):
    """Serve peers and a gateway on loopback; yield a client of the gateway."""
    servers = [await asyncio.start_server(peer.serve, "127.0.0.1", 0) for peer in peers]
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    routes = tuple(PeerRoute(number, url, 0) for number, url in enumerate(urls, 1))
    directory = FakeDirectory(DealRoute(DEAL, DEVELOPER, APP, DealStatus.RUNNING, routes))
    folder = settings.pop("folder")
    parts = GatewayParts(
        version="test",
        deployment=fake_deployment(),
        directory=directory,
        outbound=Outbound(allow_private=True),
        folder=folder,
        now=lambda: 1_000_000,
        refresh=lambda: None,
    )
    app = create_gateway(GatewaySettings(**({"probe_seconds": 0.0} | settings)), parts)
    config = uvicorn.Config(
        create_front(app), port=0, http=HttpProtocol, log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        for peer in peers:
            peer.release.set()
        await serving
        for listener in servers:
            listener.close()
        for peer in peers:
            await peer.end()


def visit(act, *peers, **settings):
    """Let `act` use a client of a gateway in front of these peers."""

    async def run():
        async with serve_gateway(*peers, **settings) as client:
            return await act(client)

    return asyncio.run(run())


def test_call__peer_dies_in_a_short_answer__is_told_and_not_repeated(tmp_path):
    peers = RawPeer([ok(b"{", 12), END]), RawPeer([ok(b"{", 12), END])

    answer = visit(lambda client: client.post(PATH, json=[]), *peers, folder=tmp_path)

    assert (answer.status_code, answer.json()["type"]) == (502, "urn:wasmarket:peer-failed")
    assert sum(len(peer.requests) for peer in peers) == 1


def test_call__peer_dies_in_a_short_answer_but_may_run_twice__next_one_answers(tmp_path):
    peers = RawPeer([ok(b"{", 12), END]), RawPeer(ok())

    async def act(client):
        headers = {"Idempotency-Key": "k"}
        return [await client.post(PATH, json=[], headers=headers) for _ in range(2)]

    answers = visit(act, *peers, folder=tmp_path)

    assert [answer.json() for answer in answers] == [{"result": 1}] * 2


def test_call__peer_dies_in_a_long_answer__the_callers_breaks_off_too(tmp_path):
    peer = RawPeer([ok(b"x" * SMALL, LONG), END])

    with pytest.raises(httpx.RemoteProtocolError):
        visit(lambda client: client.post(PATH, json=[]), peer, folder=tmp_path)


@pytest.mark.parametrize("extra", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"])
def test_call__peer_sends_more_than_it_says__nobody_else_gets_it(tmp_path, extra):
    peer = RawPeer(ok() + extra, ok(b'{"result":2}'))

    async def act(client):
        return [(await client.post(PATH, json=[])).json()["result"] for _ in range(2)]

    assert visit(act, peer, folder=tmp_path) == [1, 2]


def test_call__long_answer__arrives_whole_and_begins_before_its_end(tmp_path):
    peer = RawPeer([ok(b"x" * SMALL, LONG), WAIT, b"y" * (LONG - SMALL)])

    async def act(client):
        async with client.stream("POST", PATH, json=[]) as answer:
            chunks = answer.aiter_raw()
            first = await anext(chunks)
            peer.release.set()
            rest = b"".join([chunk async for chunk in chunks])
            return first[:1], len(first + rest), answer.headers["content-length"]

    assert visit(act, peer, folder=tmp_path) == (b"x", LONG, str(LONG))


def test_call__caller_leaves_a_long_answer__the_peer_is_let_go(tmp_path):
    peer = RawPeer([ok(b"x" * SMALL, LONG), WAIT])

    async def act(client):
        async with client.stream("POST", PATH, json=[]) as answer:
            await anext(answer.aiter_raw())
        await asyncio.sleep(0)
        peer.release.set()
        async with asyncio.timeout(60):
            await peer.closed.wait()

    visit(act, peer, folder=tmp_path)


def test_call__peer_is_silent__is_a_timeout(tmp_path):
    peer = RawPeer([WAIT])

    answer = visit(
        lambda client: client.post(PATH, json=[]), peer, folder=tmp_path, call_seconds=0.05
    )

    assert (answer.status_code, answer.json()["type"]) == (504, "urn:wasmarket:timed-out")


def test_call__peer_dies_and_comes_back__is_found_by_a_probe(tmp_path):
    peer = RawPeer([END], LIVE)

    async def act(client):
        first = await client.post(PATH, json=[])
        async with asyncio.timeout(60):
            while not any(b"/v1/health/live" in request for request in peer.requests):
                await asyncio.sleep(0.01)
        return first.status_code

    assert visit(act, peer, folder=tmp_path, rest_seconds=0.05, failures=1) == 502


def test_call__long_body__streams_to_the_peer_while_it_comes(tmp_path):
    peer = RawPeer(ok())
    seen = []

    async def body():
        for part in range(40):
            seen.append(peer.connections)
            yield bytes([part]) * 10_000
            await asyncio.sleep(0)

    answer = visit(
        lambda client: client.post(PATH, content=body()),
        peer,
        folder=tmp_path,
        held_body_bytes=50_000,
    )

    assert answer.status_code == 200
    sent = peer.requests[0].partition(b"\r\n\r\n")[2]
    assert sent == b"".join(bytes([part]) * 10_000 for part in range(40))
    assert seen[0] == 0
    assert seen[-1] == 1


def speak(message, peer, folder):
    """Send bytes to a gateway, say that there are no more, and return all that comes back."""

    async def act(client):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(message)
        writer.write_eof()
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        return answer

    return visit(act, peer, folder=folder)


def test_request__smuggled_in_another__is_refused_by_the_server(tmp_path):
    peer = RawPeer(ok())
    message = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\nGET /v1/deals/9 HTTP/1.1\r\nHost: x\r\n\r\n"
    ).encode()

    answer = speak(message, peer, tmp_path)

    assert answer.startswith(b"HTTP/1.1 400")
    assert peer.requests == []


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
def test_request__in_the_body_of_an_upgrade__reaches_the_peer_as_a_body(tmp_path, upgrade):
    peer = RawPeer(ok())
    inner = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    message = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n{inner}"
    )

    answer = speak(message.encode(), peer, tmp_path)

    assert answer.count(b"HTTP/1.1 200") == 1
    (request,) = peer.requests
    assert request.endswith(inner.encode())
    assert b"pgrade: " not in request.removesuffix(inner.encode())


def test_request__with_trailers__brings_no_header_to_the_peer(tmp_path):
    peer = RawPeer(ok())
    message = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\nAuthorization: Bearer evil\r\n\r\n"
    )

    assert speak(message.encode(), peer, tmp_path).startswith(b"HTTP/1.1 200")
    assert b"evil" not in peer.requests[0]
