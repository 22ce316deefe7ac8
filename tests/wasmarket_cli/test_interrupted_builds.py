"""A build that is interrupted, wherever: the old module or the new one, never half of one."""

import os
from pathlib import Path

import pytest

from wasmarket_cli.building import build
from wasmarket_cli.building.build import build_modules

pytestmark = pytest.mark.unit
OLD, NEW = b"\0asm old", b"\0asm new"
APP = """name = "a"
[[service]]
name = "a"
abi = "raw"
total_memory_limit = 65536
[[service.module]]
name = "a"
path = "build/a.wasm"
build = { language = "c", source = "a.c" }
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    """Return an app that was built before, with a compiler that answers at once."""
    folder = tmp_path / "app"
    (folder / "build").mkdir(parents=True)
    (folder / "app.toml").write_text(APP)
    (folder / "a.c").write_text("int f(void) { return 1; }")
    (folder / "build" / "a.wasm").write_bytes(OLD)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "find_raw_version", lambda recipe: "1")
    monkeypatch.setattr(build, "build_raw", lambda recipe, work: NEW)
    return folder


def interrupt(*_):
    raise KeyboardInterrupt


def list_files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_build__interrupted_in_the_compiler__leaves_the_old_module(app, monkeypatch):
    monkeypatch.setattr(build, "build_raw", interrupt)
    before = list_files(app.parent)

    with pytest.raises(KeyboardInterrupt):
        build_modules(app)

    assert (app / "build" / "a.wasm").read_bytes() == OLD
    assert list_files(app.parent) == before


@pytest.mark.parametrize("written", [1, 2])
def test_build__interrupted_while_it_writes__leaves_the_old_module_and_goes_on_later(
    app, monkeypatch, written
):
    write, turns = Path.write_bytes, []

    def cut(path, data):
        turns.append(path)
        if len(turns) == written:
            write(path, data[:4])
            raise KeyboardInterrupt
        return write(path, data)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", cut)
        with pytest.raises(KeyboardInterrupt):
            build_modules(app)
    assert (app / "build" / "a.wasm").read_bytes() == OLD
    assert not [name for name in list_files(app.parent) if f".{os.getpid()}" in name]

    build_modules(app)

    assert (app / "build" / "a.wasm").read_bytes() == NEW
