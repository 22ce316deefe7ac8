"""Which changes of an app's folder are changes of its sources, and when they are over."""

import pytest

from wasmarket_cli.developer.desk.source_watch import SourceWatch

pytestmark = pytest.mark.unit

APP = """
name = "shop"
[[service]]
name = "shop"
abi = "raw"
total_memory_limit = 1048576
[[service.module]]
name = "shop"
path = "build/shop.wasm"
build = { language = "c", source = "shop.c" }
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "shop.wasm").write_bytes(b"one")
    (tmp_path / "shop.c").write_text("int one;")
    (tmp_path / "app.toml").write_text(APP)
    return tmp_path


def test_watch__source_that_changes__is_told_once_when_it_is_still(app):
    watch = SourceWatch(app)
    (app / "shop.c").write_text("int two, three;")

    looks = [watch.has_settled_change() for _ in range(4)]

    assert looks == [False, True, False, False]


def test_watch__file_written_in_parts__is_one_change(app):
    watch = SourceWatch(app / "app.toml")
    told = []
    for text in ("int a;", "int a, b;", "int a, b, c;"):
        (app / "shop.c").write_text(text)
        told.append(watch.has_settled_change())

    assert told == [False, False, False]
    assert watch.has_settled_change()


@pytest.mark.parametrize(
    "path", ["build/shop.wasm", ".hidden", "node_modules/x.js", "__pycache__/x.pyc"]
)
def test_watch__what_is_no_source__is_no_change(app, path):
    watch = SourceWatch(app)
    (app / path).parent.mkdir(exist_ok=True)
    (app / path).write_text("another")

    assert not any(watch.has_settled_change() for _ in range(3))


def test_watch__app_toml_that_cannot_be_read__is_a_change_all_the_same(app):
    watch = SourceWatch(app)
    (app / "app.toml").write_text("name = ")

    assert any(watch.has_settled_change() for _ in range(3))


def test_watch__source_that_goes__is_a_change(app):
    watch = SourceWatch(app)
    (app / "shop.c").unlink()

    assert any(watch.has_settled_change() for _ in range(3))
