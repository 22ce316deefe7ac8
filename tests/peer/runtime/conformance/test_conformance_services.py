"""A service of two Rust modules in a worker: links, effectors, a mounted curl, parameters."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.build import find_compiler
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.errors import EffectorRefused, GuestTrap
from peer.runtime.module.service import CallLimits, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime.conformance.test_conformance_types import ANN, BOB, OLDER
from tests.peer.runtime.guests import build_service
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import Effectors, HttpEffector

pytestmark = [
    pytest.mark.e2e,
    # The first one compiles two modules, on a busy machine too.
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_compiler() is None, reason="needs Debian's rustc and Wasm library"),
]
Use = Callable[[WorkerPool], Awaitable[Any]]


@asynccontextmanager
async def web() -> AsyncIterator[str]:
    """Serve a page; yield its host and port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = head.splitlines()[0].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def describe(
    folder: Path, types_wasm: bytes, facade_wasm: bytes, effectors: Effectors, **facade: Any
) -> ServiceSpec:
    options = {"facade": {"mounted_binaries": {"curl": "http"}, **facade}}
    spec = build_service(
        folder,
        {"types": types_wasm, "facade": facade_wasm},
        memory=16 << 20,
        storage=folder / "storage",
        limits=CallLimits(call_ms=5_000),
        options=options,
    )
    return replace(spec, effectors=effectors)


async def serve(spec: ServiceSpec, folder: Path, steps: Use, trusted: str = "a") -> Any:
    async with httpx.AsyncClient(trust_env=False) as client:
        host = EffectorHost(
            BlockFolder(folder / "blocks"),
            folder / "content",
            client,
            trusted=(f"http://{trusted}",),
        )
        effects = host.open([spec], folder)
        pool = WorkerPool([spec], units=1, cache_dir=folder / "cache", effects=effects)
        await pool.start()
        try:
            return await steps(pool)
        finally:
            await pool.stop()
            await host.close()


async def call(pool: WorkerPool, function: str, *arguments: object, **parameters: Any) -> Any:
    body = json.dumps(arguments).encode()
    answer = await pool.call("guest", function, body, parameters=parameters)
    return json.loads(answer.output)["result"]


EVERYTHING = Effectors(http=HttpEffector(("a",)), ipfs=True, kv=True)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("scalars", [True, 127, 2**64 - 1, 1.5], "false -128 0 3"),
        ("texts", ["é", [1, 2]], "é! [2, 1]"),
        ("deep", [[[["a", "b"]], [], [[]]]], [[["a", "b"]], [], [[]]]),
        ("much_older", [ANN, 1], OLDER),
        ("much_older", [BOB, 9], BOB | {"age": 9, "photo": "////////////"}),
        ("people", [[ANN, BOB]], [BOB, ANN]),
    ],
)
def test_link__every_shape__crosses_two_memories(
    tmp_path: Path,
    types_wasm: bytes,
    facade_wasm: bytes,
    function: str,
    arguments: list[Any],
    expected: Any,
) -> None:
    spec = describe(tmp_path, types_wasm, facade_wasm, EVERYTHING)

    result = asyncio.run(serve(spec, tmp_path, lambda pool: call(pool, function, *arguments)))

    assert result == expected


def test_link__fault_of_the_other_module__names_it(
    tmp_path: Path, types_wasm: bytes, facade_wasm: bytes
) -> None:
    spec = describe(tmp_path, types_wasm, facade_wasm, EVERYTHING)

    with pytest.raises(GuestTrap, match="module types: the function trapped"):
        asyncio.run(serve(spec, tmp_path, lambda pool: call(pool, "fails", "panic")))


def test_parameters__who_called__reach_the_guest(
    tmp_path: Path, types_wasm: bytes, facade_wasm: bytes
) -> None:
    spec = describe(tmp_path, types_wasm, facade_wasm, EVERYTHING)
    given = {"init_peer_id": "0xAb", "service_id": "guest", "host_id": "3", "particle_id": "7"}

    got = asyncio.run(serve(spec, tmp_path, lambda pool: call(pool, "parameters", **given)))

    assert got["particle"]["id"] == "7"
    assert got["particle"]["init_peer_id"] == "0xAb"
    assert (got["service_id"], got["host_id"], got["tetraplets"]) == ("guest", "3", [])


def test_effectors__typed_by_the_guest_crate__answer(
    tmp_path: Path, types_wasm: bytes, facade_wasm: bytes
) -> None:
    async def run() -> list[Any]:
        async with web() as here:
            asked = Effectors(http=HttpEffector((here,)), ipfs=True, kv=True)
            spec = describe(tmp_path, types_wasm, facade_wasm, asked)

            async def steps(pool: WorkerPool) -> list[Any]:
                return [
                    await call(pool, "fetches", f"http://{here}/page"),
                    await call(pool, "curls", ["-X", "PUT", f"http://{here}/curl"]),
                    await call(pool, "visits", "k"),
                    await call(pool, "visits", "k"),
                    await call(pool, "publishes", "some text"),
                ]

            return list(await serve(spec, tmp_path, steps, here))

    page, curled, first, second, published = asyncio.run(run())
    assert (page["error"], page["status"]) == ("", 200)
    assert {"name": "x-a", "value": "1"} in page["headers"]
    assert page["body"] == "R0VUIC9wYWdlIEhUVFAvMS4x"
    assert (curled["ret_code"], curled["stdout"]) == (0, "UFVUIC9jdXJsIEhUVFAvMS4x")
    assert first == {"count": 1, "previous": "", "keys": ["count/k", "k"], "swapped": True}
    assert second == {"count": 2, "previous": "AQ==", "keys": ["count/k", "k"], "swapped": True}
    assert published.startswith("some text is bafkrei")


@pytest.mark.parametrize(
    ("effectors", "options", "text"),
    [
        (Effectors(http=HttpEffector(("a",)), kv=True), {}, "facade.*the effector ipfs"),
        (Effectors(), {"mounted_binaries": {}}, "facade.*"),
        (EVERYTHING, {"mounted_binaries": {}}, "unknown host function host.curl"),
    ],
)
def test_import__that_the_app_does_not_list__is_refused_with_the_modules_name(
    tmp_path: Path,
    types_wasm: bytes,
    facade_wasm: bytes,
    effectors: Effectors,
    options: dict[str, Any],
    text: str,
) -> None:
    spec = describe(tmp_path, types_wasm, facade_wasm, effectors, **options)

    with pytest.raises(EffectorRefused, match=text):
        asyncio.run(serve(spec, tmp_path, lambda pool: call(pool, "texts", "", "")))
