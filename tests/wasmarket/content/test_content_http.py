"""Content over real sockets: published to a gateway, fetched past sources that misbehave."""

import asyncio
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import import_bytes
from wasmarket.content.uploader import upload
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.documents.manifest import (
    Manifest,
    Module,
    Service,
    dump_manifest,
    parse_manifest,
)
from wasmarket.kernel.errors import ContentNotFound
from wasmarket.serving.server import bind, url_of

pytestmark = pytest.mark.e2e

DEVELOPER = to_address(b"\x01" * 20)
WASM = b"\0asm\x01\0\0\0" * 200_000


class Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, app):
        super().__init__(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        self.ready = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serving(app):
    """Serve `app` on a free loopback port; yield its URL."""
    listener = bind("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.ready.wait(60)
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()


def endless():
    app = FastAPI()

    @app.get("/ipfs/{cid}")
    def flood(cid: str):
        def pieces():
            while True:
                yield bytes(65_536)

        return StreamingResponse(pieces())

    return app


def fetch(folder, action, **limits):
    async def run():
        async with httpx.AsyncClient() as client:
            return await action(Fetcher(folder, client, FetchLimits(**limits)))

    return asyncio.run(run())


@pytest.fixture
def app_folder(tmp_path):
    """A developer's folder with an app of one large module; and the manifest's id."""
    folder = BlockFolder(tmp_path / "developer")
    module = import_bytes(WASM, folder.put).cid
    manifest = dump_manifest(Manifest("app", (Service("s", 65_536, (Module("m", module),)),)))
    folder.put(raw_cid(manifest), manifest)
    return folder, raw_cid(manifest)


def test_app__published_to_a_gateway__fetched_and_checked_by_a_peer(
    app_folder, gateway, sign, tmp_path
):
    own, root = app_folder
    module = parse_manifest(own.get(root)).services[0].facade.cid
    peer = BlockFolder(tmp_path / "peer")

    with serving(gateway.app) as url, httpx.Client() as client:
        sent = upload(client, url, [root, module], own.get, sign(DEVELOPER))
        manifest = fetch(peer, lambda fetcher: fetcher.fetch_block(root, [url]))
        wasm = fetch(peer, lambda fetcher: fetcher.fetch_file(module, [url]))

    assert sent == len(set(own.cids()))
    assert parse_manifest(manifest).module_cids == (module,)
    assert wasm == WASM
    assert set(peer.cids()) == set(own.cids())


def test_fetch_block__source_floods__cut_off_and_the_next_one_asked(app_folder, gateway, tmp_path):
    own, root = app_folder
    gateway.folder.put(root, own.get(root))
    peer = BlockFolder(tmp_path / "peer")

    with serving(endless()) as flood, serving(gateway.app) as url:
        block = fetch(peer, lambda fetcher: fetcher.fetch_block(root, [flood, url]))

    assert raw_cid(block) == root


def test_fetch_block__source_hangs_up_in_the_middle__not_found_names_it(tmp_path):
    async def run():
        async def hang_up(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        async with server, httpx.AsyncClient() as client:
            fetcher = Fetcher(BlockFolder(tmp_path), client, FetchLimits())
            await fetcher.fetch_block(raw_cid(b"x"), [f"http://{host}:{port}"])

    with pytest.raises(ContentNotFound, match="cannot be reached"):
        asyncio.run(run())
