"""Fetching: the own folder first, then sources in order; who lies is passed over and named."""

import asyncio
import io
import logging

import httpx
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse

from wasmarket.content.dag_pb import DagNode, encode_node
from wasmarket.content.exporter import walk
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import Profile, import_stream
from wasmarket.kernel.documents.content_ids import dag_pb_cid, raw_cid
from wasmarket.kernel.errors import BadContent, ContentNotFound, TooLarge

pytestmark = pytest.mark.unit

BLOCK = b"hello world"
CID = raw_cid(BLOCK)
DATA = bytes(range(256)) * 4
GOOD, EMPTY, LIAR, SHORT, HUGE, SILENT, BROKEN, AWAY, NOWHERE = (
    f"http://{name}.test"
    for name in (
        *("good", "empty", "liar", "short", "huge", "silent", "broken", "away", "nowhere"),
    )
)
KUBO, LYING_KUBO = "http://kubo.test/api/v0", "http://lying-kubo.test/api/v0"


def app_that(answer):
    """An application that gives `answer(good bytes)` for every content id it is asked for."""
    app = FastAPI()

    @app.get("/ipfs/{cid}")
    async def read(cid: str):
        return await answer(cid)

    return app


class NobodyThere(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        raise httpx.ConnectError("connection refused", request=request)


class World:
    """A folder of a peer and the sources it can reach, with a count of the requests to each."""

    def __init__(self, make_gateway, path):
        self.folder = BlockFolder(path)
        self.good = make_gateway("good")
        self.requests = []
        self.never = asyncio.Event()

    async def lie(self, cid):
        return Response(b"not what you asked for")

    def kubo(self, answer):
        """An IPFS node's RPC: POST only."""
        app = FastAPI()

        @app.post("/api/v0/block/get")
        async def read(arg: str):
            return Response(answer, media_type="application/octet-stream")

        return app

    async def cut(self, cid):
        return Response(BLOCK[:-1])

    async def flood(self, cid):
        return Response(bytes(2 * 1024 * 1024 + 1))

    async def wait(self, cid):
        await self.never.wait()

    async def fail(self, cid):
        return Response(status_code=500)

    async def redirect(self, cid):
        return RedirectResponse(f"{GOOD}/ipfs/{cid}?format=raw")

    def run(self, action, **limits):
        """Run `action(fetcher)` with all sources reachable."""
        return asyncio.run(self._run(action, FetchLimits(**limits)))

    async def _run(self, action, limits):
        async def count(request):
            self.requests.append(f"{request.url.scheme}://{request.url.host}")

        apps = {
            GOOD: self.good.app,
            EMPTY: FastAPI(),
            LIAR: app_that(self.lie),
            SHORT: app_that(self.cut),
            HUGE: app_that(self.flood),
            SILENT: app_that(self.wait),
            BROKEN: app_that(self.fail),
            AWAY: app_that(self.redirect),
            KUBO.removesuffix("/api/v0"): self.kubo(BLOCK),
            LYING_KUBO.removesuffix("/api/v0"): self.kubo(b"other bytes"),
        }
        mounts = {url: httpx.ASGITransport(app) for url, app in apps.items()}
        async with httpx.AsyncClient(
            mounts={**mounts, NOWHERE: NobodyThere()}, event_hooks={"request": [count]}
        ) as client:
            return await action(Fetcher(self.folder, client, limits))


@pytest.fixture
def world(make_gateway, tmp_path):
    world = World(make_gateway, tmp_path / "peer")
    world.good.folder.put(CID, BLOCK)
    return world


@pytest.fixture
def file_cid(world):
    return import_stream(io.BytesIO(DATA), world.good.folder.put, Profile(64, 4)).cid


def test_fetch_block__in_the_own_folder__nobody_is_asked(world):
    world.folder.put(CID, BLOCK)

    assert world.run(lambda fetcher: fetcher.fetch_block(CID, [GOOD])) == BLOCK
    assert world.requests == []


def test_fetch_block__first_source_has_it__stored_and_others_not_asked(world):
    assert world.run(lambda fetcher: fetcher.fetch_block(CID, [GOOD + "/", LIAR])) == BLOCK

    assert world.folder.get(CID) == BLOCK
    assert world.requests == [GOOD]


@pytest.mark.parametrize("bad", [EMPTY, LIAR, SHORT, HUGE, SILENT, BROKEN, AWAY, NOWHERE])
def test_fetch_block__first_source_fails__next_one_gives_it(world, bad):
    block = world.run(lambda fetcher: fetcher.fetch_block(CID, [bad, GOOD]), source_seconds=0.2)

    assert block == BLOCK
    assert world.requests == [bad, GOOD]


def test_fetch_block__damaged_in_the_own_folder__fetched_anew(world):
    world.folder.put(CID, BLOCK)
    [path] = world.folder.root.glob(f"blocks/*/{CID}")
    path.write_bytes(b"hello w0rld")

    assert world.run(lambda fetcher: fetcher.fetch_block(CID, [GOOD])) == BLOCK
    assert world.folder.get(CID) == BLOCK


def test_fetch_block__a_source_lies__named_in_the_log(world, caplog):
    with caplog.at_level(logging.WARNING):
        world.run(lambda fetcher: fetcher.fetch_block(CID, [LIAR, GOOD]))

    [record] = [record for record in caplog.records if record.msg == "a source lied"]
    assert record.source == LIAR


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (EMPTY, "answered 404"),
        (HUGE, "more than 2097152 bytes"),
        (SILENT, "took too long"),
        (BROKEN, "answered 500"),
        (AWAY, "answered 307"),
        (NOWHERE, "cannot be reached"),
    ],
)
def test_fetch_block__nobody_has_it__not_found_says_why(world, source, why):
    with pytest.raises(ContentNotFound) as caught:
        world.run(lambda fetcher: fetcher.fetch_block(CID, [source]), source_seconds=0.2)

    assert f"{source}" in caught.value.detail
    assert why in caught.value.detail
    assert caught.value.remedy


@pytest.mark.parametrize("liar", [LIAR, SHORT])
def test_fetch_block__somebody_lied_and_nobody_has_it__bad_content_names_the_liar(world, liar):
    with pytest.raises(BadContent, match=f"{liar} sent other bytes; {EMPTY} answered 404"):
        world.run(lambda fetcher: fetcher.fetch_block(CID, [EMPTY, liar]))

    assert not world.folder.has(CID)


def test_fetch_block__no_source__not_found(world):
    with pytest.raises(ContentNotFound, match="no source was named"):
        world.run(lambda fetcher: fetcher.fetch_block(CID, []))


@pytest.mark.parametrize(
    "source", ["file:///etc/passwd", "nonsense", "http://", "http://a:b:c", ""]
)
def test_fetch_block__source_is_no_http_url__passed_over(world, source):
    assert world.run(lambda fetcher: fetcher.fetch_block(CID, [source, GOOD])) == BLOCK

    with pytest.raises(ContentNotFound, match="is not a URL"):
        world.run(lambda fetcher: fetcher.fetch_block(raw_cid(b"other"), [source]))


def test_fetch_file__many_blocks__whole_and_stored(world, file_cid):
    assert world.run(lambda fetcher: fetcher.fetch_file(file_cid, [GOOD])) == DATA

    stored = {cid for cid, _ in walk(file_cid, world.folder.get)}
    assert set(world.folder.cids()) == stored
    assert len(world.requests) == len(stored)


def test_fetch_file__some_blocks_here__only_the_others_fetched(world, file_cid):
    world.folder.put(raw_cid(DATA[:64]), DATA[:64])
    world.folder.put(file_cid, world.good.folder.get(file_cid))

    assert world.run(lambda fetcher: fetcher.fetch_file(file_cid, [GOOD])) == DATA
    assert len(world.requests) == len(set(world.folder.cids())) - 2


def test_fetch_file__a_source_lies__asked_no_more_in_this_fetch(world, file_cid):
    data = world.run(lambda fetcher: fetcher.fetch_file(file_cid, [LIAR, GOOD]))

    assert data == DATA
    assert world.requests.count(LIAR) == 1


def test_fetch_file__part_missing_everywhere__not_found_names_it(world, file_cid):
    gone = raw_cid(DATA[:64])
    world.good.folder.delete(gone)

    with pytest.raises(ContentNotFound, match=str(gone)):
        world.run(lambda fetcher: fetcher.fetch_file(file_cid, [GOOD]))


def test_fetch_file__too_large__only_the_root_was_fetched(world, file_cid):
    with pytest.raises(TooLarge, match="1024 bytes, 1023"):
        world.run(lambda fetcher: fetcher.fetch_file(file_cid, [GOOD], max_bytes=1_023))

    assert world.requests == [GOOD]


def test_fetch_file__more_blocks_than_allowed__stopped(world, file_cid):
    with pytest.raises(TooLarge, match="more than 3 blocks"):
        world.run(lambda fetcher: fetcher.fetch_file(file_cid, [GOOD]), blocks=3)


def test_fetch_file__blocks_far_larger_than_their_file__stopped(world):
    """A thousand bytes in leaves of four, under nodes of four: about 17 kB of nodes."""
    data = b"".join(i.to_bytes(4, "big") for i in range(250))
    cid = import_stream(io.BytesIO(data), world.good.folder.put, Profile(4, 4)).cid

    with pytest.raises(TooLarge, match="larger than 2000 bytes"):
        world.run(lambda fetcher: fetcher.fetch_file(cid, [GOOD], 1_000), block_bytes=4_096)


def test_fetch_file__a_directory__bad_content_before_anything_below(world):
    directory = encode_node(DagNode((), b"\x08\x01"))
    world.good.folder.put(dag_pb_cid(directory), directory)

    with pytest.raises(BadContent, match="a directory"):
        world.run(lambda fetcher: fetcher.fetch_file(dag_pb_cid(directory), [GOOD]))


def test_fetch_block__from_the_rpc_of_an_ipfs_node__is_hashed_as_any_other(world):
    block = world.run(lambda fetcher: fetcher.fetch_block(CID, [LYING_KUBO, KUBO + "/"]))

    assert block == BLOCK
    assert world.requests == ["http://lying-kubo.test", "http://kubo.test"]
    assert world.folder.get(CID) == BLOCK
