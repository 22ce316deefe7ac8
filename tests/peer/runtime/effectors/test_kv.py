"""The key-value store: limits, order, durability, one step for look and change."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.runtime.effectors.kv_effect import KvEffect, KvStores
from peer.runtime.effectors.kv_file import MIN_WASTE, KvFile, KvFull, KvLimits

pytestmark = pytest.mark.unit
SMALL = KvLimits(total_bytes=100, keys=3, key_bytes=10, value_bytes=60)


def use(
    path: Path, work: Callable[[KvEffect], Awaitable[Any]], limits: KvLimits | None = None
) -> Any:
    """Open the stores as a peer that starts does, work, and close them."""

    async def run() -> Any:
        stores = KvStores(limits)
        try:
            return await work(KvEffect(stores, path))
        finally:
            await stores.close()

    return asyncio.run(run())


def do(path: Path, function: str, *arguments: object, limits: KvLimits | None = None) -> Any:
    return use(path, lambda kv: kv.do(function, list(arguments)), limits)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "effects" / "service.kv"


def test_get__what_was_put_before_a_restart__is_there(path: Path) -> None:
    assert do(path, "put", "ключ", b"\0value") == ""

    assert do(path, "get", "ключ") == {"error": "", "found": True, "value": b"\0value"}
    assert do(path, "get", "other") == {"error": "", "found": False, "value": b""}
    assert do(path, "delete", "ключ") == ""
    assert do(path, "get", "ключ")["found"] is False


def test_swap__only_where_the_value_is_the_expected_one__changes_it(path: Path) -> None:
    swaps = [
        (["k", True, b"a", b"b"], False),
        (["k", False, b"", b"a"], True),
        (["k", False, b"", b"c"], False),
        (["k", True, b"x", b"c"], False),
        (["k", True, b"a", b"b"], True),
    ]

    for arguments, done in swaps:
        assert do(path, "swap", *arguments) == {"error": "", "swapped": done}
    assert do(path, "get", "k")["value"] == b"b"


def test_add__many_at_once_from_two_versions__loses_none(path: Path) -> None:
    async def run() -> dict[str, Any]:
        stores = KvStores()
        workers = [KvEffect(stores, path) for _ in range(2)]
        await asyncio.gather(*(kv.do("add", ["n", 1]) for kv in workers for _ in range(100)))
        answer: dict[str, Any] = await workers[0].do("add", ["n", -1])
        await stores.close()
        return answer

    assert asyncio.run(run()) == {"error": "", "number": 199}


def test_add__not_a_number_or_too_large__is_an_error_and_changes_nothing(path: Path) -> None:
    do(path, "put", "text", b"ten")
    do(path, "put", "big", b"%d" % (2**63 - 1))

    assert "no number" in do(path, "add", "text", 1)["error"]
    assert "64 bits" in do(path, "add", "big", 1)["error"]
    assert do(path, "get", "text")["value"] == b"ten"
    assert do(path, "add", "big", -1)["number"] == 2**63 - 2


def test_list__pages_in_order__of_a_prefix(path: Path) -> None:
    async def fill(kv: KvEffect) -> list[list[str]]:
        for key in ("b/2", "a/1", "b/10", "b/1", "c"):
            await kv.do("put", [key, b""])
        first = await kv.do("list", ["b/", "", 2])
        rest = await kv.do("list", ["b/", first["keys"][-1], 0])
        every = await kv.do("list", ["", "", 0])
        return [first["keys"], rest["keys"], every["keys"]]

    assert use(path, fill) == [["b/1", "b/10"], ["b/2"], ["a/1", "b/1", "b/10", "b/2", "c"]]


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("", b"x", "1 to 10 bytes"),
        ("k" * 11, b"x", "1 to 10 bytes"),
        ("é" * 6, b"x", "1 to 10 bytes"),
        ("k", b"x" * 61, "may have 60 bytes"),
    ],
)
def test_put__key_or_value_too_large__is_an_error(
    path: Path, key: str, value: bytes, error: str
) -> None:
    assert error in do(path, "put", key, value, limits=SMALL)


def test_put__over_the_quota__is_an_error_until_something_goes(path: Path) -> None:
    async def work(kv: KvEffect) -> list[str]:
        return [
            await kv.do("put", ["a", b"x" * 60]),
            await kv.do("put", ["b", b"x" * 60]),
            await kv.do("put", ["a", b"x" * 59]),
            await kv.do("put", ["b", b"x" * 38]),
            await kv.do("put", ["c", b"x"]),
            await kv.do("delete", ["a"]),
            await kv.do("put", ["c", b"x"]),
            await kv.do("put", ["d", b""]),
            await kv.do("put", ["e", b""]),
        ]

    full = "the store may have 100 bytes"
    assert use(path, work, SMALL) == [
        "", full, "", "", full, "", "", "", "the store may have 3 keys",
    ]  # fmt: skip


def test_open__record_cut_off_anywhere__loses_that_record_only(path: Path) -> None:
    do(path, "put", "first", b"1")
    whole = path.stat().st_size
    do(path, "put", "second", b"2")
    data = path.read_bytes()

    for end in range(whole, len(data)):
        path.write_bytes(data[:end])
        assert do(path, "list", "", "", 0)["keys"] == ["first"]
        assert path.stat().st_size == whole
    path.write_bytes(data[:-1] + b"?")
    assert do(path, "put", "third", b"3") == ""
    assert do(path, "list", "", "", 0)["keys"] == ["first", "third"]


def test_put__the_same_key_again_and_again__does_not_fill_the_disk(path: Path) -> None:
    async def work(kv: KvEffect) -> None:
        await kv.do("put", ["kept", b"kept"])
        for n in range(40):
            await kv.do("put", ["same", bytes([n]) * 100_000])

    use(path, work)

    assert path.stat().st_size < 2 * MIN_WASTE
    assert do(path, "get", "same")["value"] == bytes([39]) * 100_000
    assert do(path, "get", "kept")["value"] == b"kept"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_put__disk_full__is_an_error_and_the_store_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(kv: KvEffect) -> tuple[str, str]:
        await kv.do("put", ["a", b"1"])
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", _no_room)
            failed = await kv.do("put", ["b", b"2"])
        return failed, await kv.do("put", ["c", b"3"])

    assert use(path, work) == ("the store cannot be used: No space left on device", "")
    assert do(path, "list", "", "", 0)["keys"] == ["a", "c"]


def _no_room(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_stores__more_than_may_be_open__are_closed_and_opened_again(tmp_path: Path) -> None:
    async def run() -> list[int]:
        stores = KvStores(most_open=2)
        services = [KvEffect(stores, tmp_path / str(n)) for n in range(6)]
        for _ in range(2):
            answers = [await kv.do("add", ["n", 1]) for kv in services]
        await stores.close()
        return [answer["number"] for answer in answers]

    assert asyncio.run(run()) == [2] * 6


KEYS = st.sampled_from([b"a", b"b", b"ab", b"c"])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8)), max_size=30)


@settings(max_examples=30, deadline=None)
@given(changes=CHANGES, reopen=st.integers(0, 30))
def test_file__any_changes_and_a_restart__is_a_dict(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[bytes, bytes | None]],
    reopen: int,
) -> None:
    async def run() -> None:
        path = tmp_path_factory.mktemp("kv") / "file"
        model: dict[bytes, bytes] = {}
        file = KvFile(path, SMALL)
        for number, (key, value) in enumerate(changes):
            if number == reopen:
                await file.close()
                file = KvFile(path, SMALL)
            if value is None:
                file.delete(key)
                model.pop(key, None)
                continue
            try:
                file.put(key, value)
            except KvFull:
                assert len(model) == SMALL.keys
                assert key not in model
                continue
            model[key] = value
        assert file.list_keys(b"", b"", 10) == sorted(model)
        assert all(file.get(key) == value for key, value in model.items())
        assert file.live_bytes == sum(len(key) + len(value) for key, value in model.items())
        await file.close()

    asyncio.run(run())
