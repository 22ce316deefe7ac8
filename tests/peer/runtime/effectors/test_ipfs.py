"""Content for guests: the same ids as everywhere, kept within a quota, fetched and checked."""

import asyncio
import http.server
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from peer.runtime.effectors.host import FOLDER, EffectorHost
from peer.runtime.effectors.ipfs_effect import IpfsEffect, IpfsGate, IpfsLimits, read_ledger
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import import_bytes
from wasmarket.kernel.documents.content_ids import parse_cid, raw_cid

pytestmark = pytest.mark.e2e
SMALL = IpfsLimits(content_bytes=2_000_000, put_bytes=3_000_000, cached_bytes=3_000_000)


class _Gateway(http.server.BaseHTTPRequestHandler):
    """Serves the blocks of its server's dict."""

    def do_GET(self) -> None:
        block = self.server.blocks.get(self.path.split("/")[2].split("?")[0])  # type: ignore[attr-defined]
        self.send_response(200 if block is not None else 404)
        self.send_header("Content-Length", str(len(block or b"")))
        self.end_headers()
        self.wfile.write(block or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[tuple[str, dict[str, bytes]]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Gateway)
    blocks: dict[str, bytes] = {}
    server.blocks = blocks  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", blocks
    server.shutdown()
    thread.join()
    server.server_close()


def use(folder: Path, work: Callable[[IpfsEffect], Awaitable[Any]], source: str = "") -> Any:
    async def run() -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            gate = IpfsGate(BlockFolder(folder / "blocks"), folder / "cache", client, SMALL)
            sources = (source,) if source else ()
            return await work(IpfsEffect(gate, folder / FOLDER / "guest.ipfs", lambda: sources))

    return asyncio.run(run())


def do(folder: Path, function: str, argument: object, source: str = "") -> Any:
    return use(folder, lambda ipfs: ipfs.do(function, [argument]), source)


@pytest.mark.parametrize("size", [0, 5, 1_048_576, 1_500_000])
def test_put__then_get__gives_the_same_under_the_usual_id(tmp_path: Path, size: int) -> None:
    data = bytes(size)

    answer = do(tmp_path, "put", data)

    assert answer == {"error": "", "cid": str(import_bytes(data, lambda cid, block: None).cid)}
    assert do(tmp_path, "get", answer["cid"]) == {"error": "", "data": data}


def test_put__over_the_quota__is_refused_but_the_same_again_is_not(tmp_path: Path) -> None:
    first, second = bytes(2_000_000), bytes([1]) * 1_500_000

    kept = do(tmp_path, "put", first)
    assert do(tmp_path, "put", first) == kept
    assert "3000000" in do(tmp_path, "put", second)["error"]
    assert "allowed" in do(tmp_path, "put", bytes(2_000_001))["error"]
    assert read_ledger(tmp_path / FOLDER / "guest.ipfs") == {kept["cid"]: 2_000_000}


def test_put__is_pinned_until_the_last_deal_that_put_it_is_forgotten(tmp_path: Path) -> None:
    blocks = BlockFolder(tmp_path / "blocks")
    one, two = tmp_path / "one", tmp_path / "two"

    async def run() -> list[bool]:
        pinned = []
        async with httpx.AsyncClient(trust_env=False) as client:
            gate = IpfsGate(blocks, tmp_path / "cache", client)
            for folder in (one, two):
                effect = IpfsEffect(gate, folder / FOLDER / "guest.ipfs", tuple)
                cid = parse_cid((await effect.do("put", [b"same"]))["cid"])
            host = EffectorHost(blocks, tmp_path / "cache", client)
            await host.forget(one, [one, two])
            pinned.append(blocks.is_pinned(cid))
            await host.forget(two, [two])
            pinned.append(blocks.is_pinned(cid))
            await host.close()
        return pinned

    assert asyncio.run(run()) == [True, False]


def test_get__from_a_source__is_checked(
    tmp_path: Path, gateway: tuple[str, dict[str, bytes]]
) -> None:
    url, blocks = gateway
    cid = raw_cid(b"content")
    blocks[str(cid)] = b"lies"

    assert do(tmp_path, "get", str(cid), url)["error"]
    blocks[str(cid)] = b"content"
    assert do(tmp_path, "get", str(cid), url)["data"] == b"content"
    del blocks[str(cid)]
    assert do(tmp_path, "get", str(cid), url)["data"] == b"content"
    assert not BlockFolder(tmp_path / "blocks").has(cid)


def test_get__more_than_may_stay__empties_what_was_fetched(
    tmp_path: Path, gateway: tuple[str, dict[str, bytes]]
) -> None:
    url, blocks = gateway
    contents = [bytes([n]) * 900_000 for n in range(4)]
    for data in contents:
        blocks[str(raw_cid(data))] = data

    async def work(ipfs: IpfsEffect) -> list[bytes]:
        return [(await ipfs.do("get", [str(raw_cid(data))]))["data"] for data in contents]

    assert use(tmp_path, work, url) == contents
    assert BlockFolder(tmp_path / "cache").total_bytes() == 0


@pytest.mark.parametrize("cid", ["", "nothing", "../../etc/passwd", "Qm" * 30, "b" * 90])
def test_get__no_cid_or_nowhere__is_an_error(tmp_path: Path, cid: str) -> None:
    answer = do(tmp_path, "get", cid)

    assert answer["error"]
    assert answer["data"] == b""
    assert "could not be fetched" in do(tmp_path, "get", str(raw_cid(b"?")))["error"]
