"""Modules that are made to be read slowly: refused soon, and nobody else waits for it."""

import asyncio

import pytest

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.sections import append_custom
from peer.runtime.workers import pool as pools
from tests.peer.runtime.guests import COUNTER, build_spec
from tests.peer.runtime.pools import in_loop, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
EMPTY = b"\0asm\1\0\0\0"


def leb(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def section(number, payload):
    return EMPTY + bytes([number]) + leb(len(payload)) + payload


SLOW = {
    "zeros": append_custom(EMPTY, "interface-types", b"\0" * (15 << 20)),
    "types": section(1, leb(5_000_000) + b"\x60\0\0" * 5_000_000),
    "imports": section(2, leb(2_500_000) + b"\1a\1b\0\0" * 2_500_000),
    "sections": EMPTY + b"\0\2\1a" * 3_800_000,
    "exports": section(7, leb(2_500_000) + b"\1a\0\0" * 2_500_000),
}


@pytest.mark.parametrize("name", SLOW)
@in_loop
async def test_start__module_made_to_be_slow__is_refused_beside_the_event_loop(
    tmp_path, monkeypatch, name
):
    threads = []
    real = pools.learn_interface

    def plan(spec):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            threads.append(spec.name)
        return real(spec)

    monkeypatch.setattr(pools, "learn_interface", plan)
    with pytest.raises(ModuleError):
        async with running(tmp_path, build_spec(SLOW[name], tmp_path)):
            pass

    assert threads == ["guest"]


@in_loop
async def test_start__check_without_an_end__is_given_up(tmp_path, monkeypatch):
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(pools, "PLAN_SECONDS", 0.05)

    def plan(_):
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result(60)

    monkeypatch.setattr(pools, "learn_interface", plan)
    with pytest.raises(ModuleError, match="takes more than"):
        async with running(tmp_path, build_spec(COUNTER, tmp_path)):
            pass
    ended.set()
