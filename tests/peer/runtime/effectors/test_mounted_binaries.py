"""Binaries that modules of other people mount: nothing declares their types, any name is theirs."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from peer.runtime.abi.guest_types import Basic, FunctionSignature, GuestType, NamedType, RecordType
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.effectors.signatures import MOUNTED
from peer.runtime.errors import EffectorRefused
from peer.runtime.module.check import inspect_module
from peer.runtime.module.service import CallLimits
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime.guests import API, build_guest, build_spec
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import Effectors

pytestmark = pytest.mark.unit
S, B = Basic.STRING, Basic.BYTES
NAMESPACES = ["host", *(f"__marine_host_api_v{number}" for number in (1, 2, 3))]
PROGRAMS = {"ipfs": "/bin/echo", "printf": "/usr/bin/printf"}


def record(name: str, **fields: GuestType) -> RecordType:
    return RecordType(name, tuple(NamedType(*part) for part in fields.items()))


BYTES_RESULT = record("MountedBinaryResult", ret_code=Basic.S32, error=S, stdout=B, stderr=B)
TEXT_RESULT = record("MountedBinaryStringResult", ret_code=Basic.S32, error=S, stdout=S, stderr=S)
OTHER_RESULT = record("MountedBinaryResult", stderr=S, ret_code=Basic.S64, more=B, stdout=S)


def build_mounting(
    binary: str,
    answer: RecordType,
    records: Sequence[RecordType] = (),
    namespace: str = "host",
    body: str = "local.get 0 local.get 1 call $run",
    api: str = API,
) -> bytes:
    """Make a guest that declares `records`, but not what its mounted binary takes and gives."""
    return build_guest(
        f'(func (export "go") (param i32 i32) {body})',
        replace(MOUNTED, name="go", outputs=(RecordType("Answer", answer.fields),)),
        imports=f'(import "{namespace}" "{binary}" (func $run (param i32 i32)))',
        links=[
            ("nobody", FunctionSignature(f"f{n}", (), (kind,))) for n, kind in enumerate(records)
        ],
        api=api,
    )


def run_mounted(folder: Path, wasm: bytes, binary: str, *arguments: str) -> Any:
    async def work() -> bytes:
        limits = CallLimits(call_ms=60_000)
        mounted = {binary: binary}
        spec = build_spec(wasm, folder, memory=32 << 20, limits=limits, mounted_binaries=mounted)
        spec = replace(spec, effectors=Effectors(programs=tuple(PROGRAMS)))
        async with httpx.AsyncClient(trust_env=False) as client:
            host = EffectorHost(
                BlockFolder(folder / "blocks"),
                folder / "content",
                client,
                find_programs=lambda: PROGRAMS,
            )
            pool = WorkerPool(
                [spec], units=1, cache_dir=folder / "cache", effects=host.open([spec], folder)
            )
            await pool.start()
            try:
                body = json.dumps([arguments]).encode()
                return (await pool.call("guest", "go", body)).output
            finally:
                await pool.stop()
                await host.close()

    return json.loads(asyncio.run(work()))["result"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_mounted__called_ipfs_and_without_declared_types__answers(
    tmp_path: Path, namespace: str
) -> None:
    wasm = build_mounting("ipfs", BYTES_RESULT, [BYTES_RESULT, TEXT_RESULT], namespace)

    answer = run_mounted(tmp_path, wasm, "ipfs", "add", "x")

    assert answer == {"ret_code": 0, "error": "", "stdout": "YWRkIHgK", "stderr": ""}


@pytest.mark.parametrize(
    ("records", "answer", "expected"),
    [
        (
            [],
            BYTES_RESULT,
            {"ret_code": 0, "error": "", "stdout": "Yf9i", "stderr": ""},
        ),
        (
            [TEXT_RESULT],
            TEXT_RESULT,
            {"ret_code": 0, "error": "", "stdout": "a�b", "stderr": ""},
        ),
        (
            [OTHER_RESULT],
            OTHER_RESULT,
            {"ret_code": 0, "more": "", "stdout": "a�b", "stderr": ""},
        ),
    ],
    ids=["no record", "text", "record with other fields"],
)
def test_mounted__each_record_of_an_sdk__is_filled_by_its_name(
    tmp_path: Path, records: list[RecordType], answer: RecordType, expected: dict[str, object]
) -> None:
    wasm = build_mounting("printf", answer, records)

    assert run_mounted(tmp_path, wasm, "printf", r"a\377b") == expected


def test_mounted__while_it_runs__the_guest_keeps_its_memory(tmp_path: Path) -> None:
    api = API.replace(
        '(func (export "release_objects"))',
        '(func (export "release_objects") unreachable)',
    )
    # The binary reads the arguments a second time from where the host has put them.
    twice = "local.get 0 local.get 1 call $run local.get 0 local.get 1 call $run"
    wasm = build_mounting("printf", BYTES_RESULT, [BYTES_RESULT], body=twice, api=api)

    assert run_mounted(tmp_path, wasm, "printf", "kept")["stdout"] == "a2VwdA=="


def test_inspect_module__mounted_binary_of_another_core_type__is_refused() -> None:
    wasm = build_guest("", imports='(import "host" "ipfs" (func (param i32) (result i32)))')

    with pytest.raises(EffectorRefused, match=r"unknown host function host\.ipfs"):
        inspect_module(wasm)
