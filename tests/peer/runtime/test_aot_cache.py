"""The cache of compiled code: used when whole, compiled again when not."""

import os
import time
from pathlib import Path

import pytest

from peer.runtime.errors import ModuleError
from peer.runtime.execution.engine import AotCache
from peer.runtime.module.code_files import EngineSettings, prune_code
from tests.peer.runtime.conftest import Engines
from tests.peer.runtime.guests import COUNTER, LOOP, TRAP
from wasmarket.kernel.hashing import sha256

pytestmark = pytest.mark.unit
SETTINGS = EngineSettings()
Compiled = tuple[AotCache, Path]


@pytest.fixture
def cache(tmp_path: Path, engines: Engines) -> AotCache:
    return AotCache(tmp_path, engines[SETTINGS][0], SETTINGS)


def get_code_file(folder: Path) -> Path:
    (code,) = folder.glob("*.cwasm")
    return code


def test_load_module__second_time__maps_the_file(cache: AotCache, tmp_path: Path) -> None:
    cache.load_module(COUNTER)
    written = get_code_file(tmp_path).stat()

    cache.load_module(COUNTER)

    assert get_code_file(tmp_path).stat() == written


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_load_module__damaged_file__is_compiled_again(
    cache: AotCache, tmp_path: Path, damage: str
) -> None:
    cache.load_module(COUNTER)
    code = get_code_file(tmp_path)
    whole = code.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    code.unlink()
    code.write_bytes({"flip": flipped, "cut": whole[:middle], "empty": b""}[damage])

    cache.load_module(COUNTER)

    assert get_code_file(tmp_path).read_bytes() == whole


def test_load_module__two_modules_and_configurations__get_files_of_their_own(
    tmp_path: Path, engines: Engines
) -> None:
    for settings, (engine, _) in engines.items():
        for wasm in (COUNTER, TRAP):
            AotCache(tmp_path, engine, settings).load_module(wasm)

    assert len(list(tmp_path.glob("*.cwasm"))) == 4
    assert not list(tmp_path.glob(".*"))


def test_load_module__folder_that_cannot_be_written__still_gives_the_module(
    cache: AotCache, tmp_path: Path
) -> None:
    tmp_path.rmdir()

    assert cache.load_module(COUNTER)


def test_load_module__not_compilable__is_a_bad_module(cache: AotCache) -> None:
    with pytest.raises(ModuleError, match="does not compile"):
        cache.load_module(b"\0asm\x01\0\0\0\x0a\x01\x05")


@pytest.fixture
def compiled(tmp_path: Path, engines: Engines) -> Compiled:
    """Three modules, the second used last, the third in use no longer than the first."""
    cache = AotCache(tmp_path, engines[SETTINGS][0], SETTINGS)
    for hours, wasm in zip((3, 1, 2), (COUNTER, TRAP, LOOP), strict=True):
        cache.load_module(wasm)
        then = time.time() - hours * 3_600
        for file in tmp_path.glob(f"{sha256(wasm).hex()}*"):
            os.utime(file, (then, then))
    return cache, tmp_path


def list_modules(folder: Path) -> set[bytes]:
    return {bytes.fromhex(code.name.partition("-")[0]) for code in folder.glob("*.cwasm")}


def test_prune__code_in_use__stays_and_the_rest_goes(compiled: Compiled) -> None:
    cache, folder = compiled

    removed = prune_code(folder, {sha256(COUNTER)}, keep_bytes=0, grace_seconds=60)

    assert len(removed) == 2
    assert list_modules(folder) == {sha256(COUNTER)}
    assert len(list(folder.iterdir())) == 2
    cache.load_module(TRAP)


def test_prune__room_for_one__keeps_what_was_used_last(compiled: Compiled) -> None:
    _, folder = compiled
    [newest] = folder.glob(f"{sha256(TRAP).hex()}*.cwasm")

    prune_code(folder, (), keep_bytes=newest.stat().st_size, grace_seconds=60)

    assert list_modules(folder) == {sha256(TRAP)}


def test_prune__in_use_for_long__counts_as_used_now(compiled: Compiled) -> None:
    _, folder = compiled
    [code] = folder.glob(f"{sha256(COUNTER).hex()}*.cwasm")

    prune_code(folder, {sha256(COUNTER)}, keep_bytes=1 << 30, grace_seconds=60)
    prune_code(folder, (), keep_bytes=code.stat().st_size, grace_seconds=0)

    assert list_modules(folder) == {sha256(COUNTER)}


def test_prune__code_of_another_engine_or_half_written__goes(compiled: Compiled) -> None:
    _, folder = compiled
    [code] = folder.glob(f"{sha256(COUNTER).hex()}*.cwasm")
    other = code.with_name(f"{sha256(COUNTER).hex()}-{'0' * 16}.cwasm")
    for path in (code, code.with_suffix(".sha256")):
        path.rename(other.with_suffix(path.suffix))
    left = folder / ".half.cwasm.123"
    left.write_bytes(b"half")

    removed = prune_code(folder, {sha256(COUNTER)}, keep_bytes=1 << 30, grace_seconds=0)

    assert removed == [other.stem]
    assert list_modules(folder) == {sha256(TRAP), sha256(LOOP)}
    assert not left.exists()


def test_prune__what_is_new__is_not_touched(compiled: Compiled) -> None:
    _, folder = compiled

    assert prune_code(folder, (), keep_bytes=0, grace_seconds=86_400) == []
    assert len(list_modules(folder)) == 3
