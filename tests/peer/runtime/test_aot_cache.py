"""The cache of compiled code: used when whole, compiled again when not."""

from pathlib import Path

import pytest

from peer.runtime.engine import AotCache, EngineSettings
from peer.runtime.errors import ModuleError
from tests.peer.runtime.conftest import Engines
from tests.peer.runtime.guests import COUNTER, TRAP

pytestmark = pytest.mark.unit
SETTINGS = EngineSettings()


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
