"""`app.toml` becomes a manifest and its blocks; what is wrong is named with its file."""

import pytest

from tests.paths import CHECKOUT
from wasmarket.app.file import load_app
from wasmarket.content.exporter import read_file
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

MODULE = """
[[service.module]]
name = "m"
path = "m.wasm"
"""
SERVICE = """
[[service]]
name = "s"
total_memory_limit = 65536
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "m.wasm").write_bytes(b"wasm")

    def write_file(text):
        (tmp_path / "app.toml").write_text(text)
        return tmp_path

    return write_file


def test_load_app__example__is_published_under_its_own_hash():
    app = load_app(CHECKOUT / "examples" / "greeting")

    assert app.manifest.name == "greeting"
    assert parse_manifest(app.get(app.cid)) == app.manifest
    assert app_cid(app.app) == app.cid
    [module] = app.manifest.module_cids
    wasm = (CHECKOUT / "examples" / "greeting" / "greeting.wasm").read_bytes()
    assert read_file(module, app.get) == wasm
    assert app.size == len(wasm) + len(app.get(app.cid))


def test_load_app__file_or_folder__are_the_same(write):
    folder = write('name = "a"' + SERVICE + MODULE)

    assert load_app(folder) == load_app(folder / "app.toml")


def test_load_app__build_of_a_module__is_for_build_scripts_only(write):
    plain = load_app(write('name = "a"' + SERVICE + MODULE))

    assert load_app(write('name = "a"' + SERVICE + MODULE + 'build = { crate = "." }')) == plain


def test_load_app__folders_of_a_host__are_folders_in_the_storage(write):
    folders = '{ tmp = "/tmp", "/var/db" = "./sites", a = "x/y", b = "/", c = "/storage/kept" }'

    app = load_app(write('name = "a"' + SERVICE + MODULE + f"mapped_dirs = {folders}"))

    [service] = app.manifest.services
    assert service.facade.mapped_dirs == {
        "tmp": "/storage/tmp",
        "/var/db": "/storage/sites",
        "a": "/storage/x/y",
        "b": "/storage",
        "c": "/storage/kept",
    }


@pytest.mark.parametrize("folder", ['"/tmp/../etc"', '"../x"', '"/storage/../x"', "5", "[]"])
def test_load_app__folder_that_leads_upwards__is_refused(write, folder):
    with pytest.raises(InvalidInput, match="mapped_dirs"):
        load_app(write('name = "a"' + SERVICE + MODULE + f"mapped_dirs = {{ t = {folder} }}"))


def test_load_app__large_module__is_cut_into_blocks(write, tmp_path):
    folder = write('name = "a"' + SERVICE + MODULE)
    wasm = bytes(range(256)) * 10_000
    (tmp_path / "m.wasm").write_bytes(wasm)

    app = load_app(folder)

    [module] = app.manifest.module_cids
    assert len(app.blocks) > 3
    assert read_file(module, app.get) == wasm


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a"', "no [[service]]"),
        ("", "no [[service]]"),
        ('name = "a"' + SERVICE, "no [[service.module]]"),
        ('name = "a"' + SERVICE + '[[service.module]]\nname = "m"', "no path"),
        ('name = "a"' + SERVICE + "[[service.module]]\npath = 5", "no path"),
        ('name = "a"' + SERVICE + '[[service.module]]\npath = "\\u0000"', "no path"),
        ('name = "a"' + SERVICE + '[[service.module]]\npath = "x.wasm"', "x.wasm"),
        ('name = "a"' + SERVICE + MODULE + "colour = 1", "colour"),
        ('name = "a"\ncolour = 1' + SERVICE + MODULE, "colour"),
        ('name = "a"\nservice = 5', "no [[service]]"),
        ('name = "a"\nservice = [5]', "service"),
        ("name = ", "app.toml"),
        (SERVICE + MODULE, "name"),
    ],
)
def test_load_app__wrong__says_what_and_where(write, text, words):
    with pytest.raises(InvalidInput) as caught:
        load_app(write(text))

    assert words in caught.value.detail


def test_load_app__no_file__says_so(tmp_path):
    with pytest.raises(InvalidInput, match="there is no") as caught:
        load_app(tmp_path)

    assert caught.value.remedy
