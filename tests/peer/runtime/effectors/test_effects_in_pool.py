"""Effectors as guests use them: through worker processes, typed or in JSON, refused and abused."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from wasmtime import wat2wasm

from peer.runtime.effectors.host import EffectorHost
from peer.runtime.effectors.signatures import EFFECTORS, MOUNTED
from peer.runtime.errors import EffectorRefused, GuestTimeout, GuestTrap, ModuleError
from peer.runtime.module.service import BodyKind, CallLimits, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime.guests import build_guest, build_spec
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import Effectors, HttpEffector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
KV_ADD = EFFECTORS["kv"]["add"]
ADD = '(import "wasmarket:kv" "add" (func $add (param i32 i32 i64)))'
JSON = "(param i32 i32) (result i64)"
COUNT = build_guest(
    """(data (i32.const 0) "visits")
    (func (export "count") (result i64)
      i32.const 0 i32.const 6 i64.const 1 call $add
      global.get $ptr i64.load offset=8)
    (func (export "lie") i32.const -8 i32.const 100 i64.const 1 call $add)
    (func (export "flood") i32.const 0 i32.const 17000000 i64.const 1 call $add)""",
    "count() -> s64",
    "lie()",
    "flood()",
    imports=ADD,
    links=[("wasmarket:kv", KV_ADD)],
    memory='(memory (export "memory") 300)',
)


def json_guest(namespace: str, function: str, request: str = "") -> bytes:
    """Make a guest whose `ask` hands its argument, or `request`, to an effector as it is."""
    text = request.replace('"', '\\"')
    given = f"i32.const 0 i32.const {len(request)}" if request else "local.get 0 local.get 1"
    return build_guest(
        f"""(data (i32.const 0) "{text}")
        (func (export "ask") (param i32 i32) (local $packed i64)
          {given} call $f local.set $packed
          local.get $packed i64.const 32 i64.shr_u i32.wrap_i64 call $set_ptr
          local.get $packed i32.wrap_i64 call $set_size)
        (func (export "again") (loop $on i32.const 0 i32.const {len(request)} call $f drop br $on))
        (func (export "ok") (result i32) i32.const 1)""",
        "ask(body: string) -> string",
        "again()",
        "ok() -> bool",
        imports=f'(import "{namespace}" "{function}" (func $f {JSON}))',
    )


@asynccontextmanager
async def serving(
    spec: ServiceSpec, folder: Path, *, units: int = 1, trusted: tuple[str, ...] = ()
) -> AsyncIterator[WorkerPool]:
    """Run a pool with effectors, as a peer does."""
    async with httpx.AsyncClient(trust_env=False) as client:
        blocks = BlockFolder(folder / "blocks")
        host = EffectorHost(blocks, folder / "cached", client, trusted=trusted)
        pool = WorkerPool(
            [spec], units=units, cache_dir=folder / "cache", effects=host.open([spec], folder)
        )
        await pool.start()
        try:
            yield pool
        finally:
            await pool.stop()
            await host.close()


def describe(wasm: bytes, folder: Path, effectors: Effectors, **options: Any) -> ServiceSpec:
    limits = CallLimits(call_ms=options.pop("call_ms", 5_000))
    spec = build_spec(wasm, folder, memory=32 << 20, limits=limits, **options)
    return replace(spec, effectors=effectors)


async def call(pool: WorkerPool, function: str, *arguments: object) -> Any:
    answer = await pool.call("guest", function, json.dumps(arguments).encode())
    return json.loads(answer.output)["result"]


@pytest.mark.parametrize("warm", [False, True])
def test_kv__from_two_workers_and_after_a_restart__counts_on(tmp_path: Path, warm: bool) -> None:
    async def run() -> list[int]:
        spec = describe(COUNT, tmp_path, Effectors(kv=True), warm=warm)
        async with serving(spec, tmp_path, units=2) as pool:
            first = await asyncio.gather(*(call(pool, "count") for _ in range(20)))
        async with serving(spec, tmp_path) as pool:
            return [*sorted(first), await call(pool, "count")]

    assert asyncio.run(run()) == list(range(1, 22))


def test_effects__asked_without_end__end_the_call_and_nothing_else(tmp_path: Path) -> None:
    async def run() -> tuple[bool, int]:
        wasm = json_guest("wasmarket:kv", "get", '["k"]')
        spec = describe(wasm, tmp_path, Effectors(kv=True), call_ms=30_000)
        async with serving(spec, tmp_path) as pool:
            with pytest.raises(GuestTrap, match="more than 1000 times"):
                await call(pool, "again")
            return await call(pool, "ok"), pool.restarts

    assert asyncio.run(run()) == (True, 0)


def test_effects__asked_with_memory_that_is_not_there__end_the_call(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        spec = describe(COUNT, tmp_path, Effectors(kv=True))
        async with serving(spec, tmp_path) as pool:
            with pytest.raises(GuestTrap, match="out of bounds"):
                await call(pool, "lie")
            with pytest.raises(GuestTrap, match="given more than"):
                await call(pool, "flood")
            return await call(pool, "count"), pool.restarts

    assert asyncio.run(run()) == (1, 0)


def test_effects__in_json__answer_as_calls_do(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        spec = describe(json_guest("wasmarket:kv", "put"), tmp_path, Effectors(kv=True))
        async with serving(spec, tmp_path) as pool:
            answers = [
                await call(pool, "ask", '["k", "aGVsbG8="]'),
                await call(pool, "ask", '{"key": "", "value": ""}'),
            ]
            with pytest.raises(GuestTrap, match=r"wasmarket:kv.put: put takes 2 arguments"):
                await call(pool, "ask", "[]")
        spec = describe(json_guest("wasmarket:kv", "get"), tmp_path, Effectors(kv=True))
        async with serving(spec, tmp_path) as pool:
            return [*answers, await call(pool, "ask", '["k"]')]

    put, refused, got = map(json.loads, asyncio.run(run()))
    assert put == {"result": ""}
    assert "1 to 512 bytes" in refused["result"]
    assert got == {"result": {"error": "", "found": True, "value": "aGVsbG8="}}


def test_effects__raw_guest__speaks_json_too(tmp_path: Path) -> None:
    wasm = bytes(
        wat2wasm(
            f"""(module (import "wasmarket:ipfs" "put" (func $f {JSON}))
            (memory (export "memory") 2) (global $next (mut i32) (i32.const 1024))
            (func (export "alloc") (param i32) (result i32) (local $at i32)
              global.get $next local.set $at
              global.get $next local.get 0 i32.add global.set $next local.get $at)
            (func (export "put") {JSON} local.get 0 local.get 1 call $f))"""
        )
    )

    async def run() -> bytes:
        spec = replace(describe(wasm, tmp_path, Effectors(ipfs=True)), abi="raw")
        async with serving(spec, tmp_path) as pool:
            answer = await pool.call("guest", "put", b'["aGVsbG8="]', BodyKind.RAW)
            return answer.output

    answer = json.loads(asyncio.run(run()))["result"]
    assert answer["error"] == ""
    assert answer["cid"].startswith("bafkrei")


def test_log__needs_no_permission__and_has_levels(tmp_path: Path) -> None:
    wasm = json_guest("wasmarket:log", "write", '[2,"careful"]')

    async def run(**options: Any) -> tuple[str, ...]:
        spec = describe(wasm, tmp_path, Effectors(), **options)
        async with serving(spec, tmp_path) as pool:
            return (await pool.call("guest", "ask", b'[""]')).logs

    assert asyncio.run(run()) == ("warn: careful",)
    assert asyncio.run(run(logger_enabled=False)) == ()


@pytest.mark.parametrize(
    ("wasm", "effectors", "error", "text"),
    [
        (COUNT, Effectors(), EffectorRefused, "does not ask for the effector kv"),
        (COUNT, Effectors(ipfs=True), EffectorRefused, "does not ask for the effector kv"),
        (
            json_guest("wasmarket:gpu", "run"),
            Effectors(kv=True),
            EffectorRefused,
            "which no effector provides",
        ),
        (
            json_guest("wasmarket:kv", "steal"),
            Effectors(kv=True),
            EffectorRefused,
            "which no effector provides",
        ),
        (
            build_guest(
                '(func (export "f") i32.const 0 call $g)',
                "f()",
                imports='(import "wasmarket:kv" "get" (func $g (param i32)))',
            ),
            Effectors(kv=True),
            ModuleError,
            "without declaring its types",
        ),
        (
            build_guest(
                '(func (export "f") i32.const 0 i32.const 0 call $g)',
                "f()",
                imports='(import "wasmarket:kv" "get" (func $g (param i32 i32)))',
                links=[("wasmarket:kv", replace(EFFECTORS["kv"]["get"], outputs=()))],
            ),
            Effectors(kv=True),
            ModuleError,
            "with other types than it has",
        ),
    ],
)
def test_import__that_may_not_be__is_refused_with_a_reason(
    tmp_path: Path, wasm: bytes, effectors: Effectors, error: type[ModuleError], text: str
) -> None:
    async def run() -> None:
        async with serving(describe(wasm, tmp_path, effectors), tmp_path):
            raise AssertionError("it started")

    with pytest.raises(error, match=text):
        asyncio.run(run())


def mounting() -> bytes:
    """Make a guest whose `go` answers what the mounted `curl` does."""
    return build_guest(
        '(func (export "go") (param i32 i32) local.get 0 local.get 1 call $curl)',
        replace(MOUNTED, name="go"),
        imports='(import "host" "curl" (func $curl (param i32 i32)))',
        links=[("host", MOUNTED)],
    )


def test_mounted_curl__answers_through_the_http_effector(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong")
        await writer.drain()
        writer.close()

    async def run() -> Any:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        here = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        effectors = Effectors(http=HttpEffector((here,)))
        spec = describe(mounting(), tmp_path, effectors, mounted_binaries={"curl": "http"})
        async with serving(spec, tmp_path, trusted=(f"http://{here}",)) as pool:
            result = await call(pool, "go", [f"http://{here}/ping"])
        server.close()
        await server.wait_closed()
        return result

    assert asyncio.run(run()) == {
        "ret_code": 0,
        "error": "",
        "stdout": "cG9uZw==",
        "stderr": "",
    }


@pytest.mark.parametrize(
    ("effectors", "mounted", "text"),
    [
        (Effectors(kv=True), {}, "unknown host function host.curl"),
        (Effectors(), {"curl": "http"}, "does not ask for the effector 'http'"),
        (Effectors(kv=True), {"curl": "kv"}, "cannot be mounted"),
    ],
)
def test_mounted__what_the_app_may_not__is_refused(
    tmp_path: Path, effectors: Effectors, mounted: dict[str, str], text: str
) -> None:
    async def run() -> None:
        spec = describe(mounting(), tmp_path, effectors, mounted_binaries=mounted)
        async with serving(spec, tmp_path):
            raise AssertionError("it started")

    with pytest.raises(EffectorRefused, match=text):
        asyncio.run(run())


def test_http__host_that_does_not_answer__takes_the_calls_time_and_stalls_nobody(
    tmp_path: Path,
) -> None:
    async def run() -> list[Any]:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            here = f"127.0.0.1:{silent.getsockname()[1]}"
            request = json.dumps([_request(f"http://{here}/")])
            wasm = json_guest("wasmarket:http", "request", request)
            spec = describe(wasm, tmp_path, Effectors(http=HttpEffector((here,))), call_ms=1_000)
            async with serving(spec, tmp_path, units=2, trusted=(f"http://{here}",)) as pool:
                stuck = asyncio.ensure_future(call(pool, "ask", ""))
                others = [await call(pool, "ok") for _ in range(20)]
                assert not stuck.done()
                with pytest.raises(GuestTimeout, match=r"http.request took more than"):
                    await stuck
                return [*others, await call(pool, "ok"), pool.restarts]

    assert asyncio.run(run()) == [True] * 21 + [0]


def test_http__asked_again_and_again__ends_the_call(tmp_path: Path) -> None:
    wasm = json_guest("wasmarket:http", "request", json.dumps([_request("http://b.example/")]))

    async def run() -> None:
        spec = describe(wasm, tmp_path, Effectors(http=HttpEffector(("a.example",))))
        async with serving(spec, tmp_path) as pool:
            assert "b.example" in json.loads(await call(pool, "ask", ""))["result"]["error"]
            with pytest.raises(GuestTrap, match="more than 32 requests"):
                await call(pool, "again")

    asyncio.run(run())


def test_worker__killed_in_the_middle_of_an_effect__costs_that_call(tmp_path: Path) -> None:
    async def run() -> Any:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            here = f"127.0.0.1:{silent.getsockname()[1]}"
            wasm = json_guest(
                "wasmarket:http", "request", json.dumps([_request(f"http://{here}/")])
            )
            spec = describe(wasm, tmp_path, Effectors(http=HttpEffector((here,))))
            async with serving(spec, tmp_path, trusted=(f"http://{here}",)) as pool:
                stuck = asyncio.ensure_future(call(pool, "ask", ""))
                silent.settimeout(10)
                connection, _ = await asyncio.to_thread(silent.accept)
                with connection:
                    [worker] = pool._workers
                    worker.kill()
                    with pytest.raises(GuestTrap, match="ended while it ran"):
                        await stuck
                return await call(pool, "ok")

    assert asyncio.run(run()) is True


def _request(url: str) -> dict[str, Any]:
    return {
        "method": "GET",
        "url": url,
        "headers": [],
        "body": "",
        "timeout_ms": 0,
        "redirects": 0,
    }
