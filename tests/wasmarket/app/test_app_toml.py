"""A mistake in an `app.toml` is named by file, line and key, with the nearest key that is known."""

import tomllib

import pytest

from tests.paths import CHECKOUT
from wasmarket.app.app_toml import read_app_toml, read_schema
from wasmarket.app.file import load_app
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.building.recipes import read_recipes

pytestmark = pytest.mark.unit

APP = """name = "shop"

[limits]
call_ms = 5

[effectors.kv]

[[service]]
name = "first"
total_memory_limit = 65536
[[service.module]]
name = "first"
path = "m.wasm"

[[service]]
name = "second"
total_memory_limit = 65536
[[service.module]]
name = "second"
path = "m.wasm"
build = { language = "c", source = "m.c" }

[[trigger]]
kind = "every"
seconds = 5
service = "second"
function = "tick"
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "m.wasm").write_bytes(b"wasm")
    (tmp_path / "m.c").write_bytes(b"")

    def write_file(old, new):
        assert old in APP
        head, _, tail = APP.rpartition(old)
        (tmp_path / "app.toml").write_text(head + new + tail)
        return tmp_path

    return write_file


@pytest.mark.parametrize(
    ("old", "new", "where", "hint"),
    [
        ('name = "shop"', 'nam = "shop"', ":1: nam ", "'name'"),
        ("call_ms", "call_mss", ":4: limits.call_mss ", "'call_ms'"),
        ("[effectors.kv]", "[effectors.kw]", ":6: effectors.kw ", "http, ipfs, kv"),
        (
            "total_memory_limit",
            "total_memory_limt",
            ":17: service[1].total",
            "'total_memory_limit'",
        ),
        ("path =", "pth =", ":20: service[1].module[0].pth ", "'path'"),
        ("language", "langage", ":21: service[1].module[0].build.langage ", "'language'"),
        ("[[service.module]]", "[[service.modul]]", ":18: service[1].modul ", "'module'"),
        ("[[trigger]]", "[[triggr]]", ":23: triggr ", "'trigger'"),
        ("seconds", "secconds", ":25: trigger[0].secconds ", "'seconds'"),
        ("seconds", "zzz", ":25: trigger[0].zzz ", "known here: arguments, "),
    ],
)
def test_app__with_a_key_that_is_not_known__names_line_key_and_the_nearest(
    write, old, new, where, hint
):
    with pytest.raises(InvalidInput) as caught:
        load_app(write(old, new))

    assert f"app.toml{where}" in caught.value.detail
    assert "is not known" in caught.value.detail
    assert hint in caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("65536", '"lots"', ":17: service[1].total_memory_limit is 'lots'"),
        ("total_memory_limit = 65536", "", ":15: service[1].total_memory_limit is missing"),
        ("call_ms = 5", "call_ms = 0", ":4: limits.call_ms is 0"),
        ("seconds = 5", "seconds = 0", ":25: trigger[0].seconds is 0"),
        ('kind = "every"', 'kind = "evry"', ":24: trigger[0].kind is 'evry'"),
        ('kind = "every"\nseconds = 5', 'kind = "cron"\nexpression = "0 0 30 2 *"', "never fires"),
        ("call_ms = 5", "call_ms =", "line 4"),
        ('path = "m.wasm"', "path = 5", ":20: a module has no path"),
        ('path = "m.wasm"', 'path = "n.wasm"', ":20: cannot read"),
        ("[[trigger]]", "[[flow]]\nname = 'f'\n[[trigger]]", ":23: a flow has no path"),
        ("build =", 'envs = { "²" = 5 }\nbuild =', ":21: service[1].module[0].envs.² is 5"),
    ],
)
def test_app__with_a_value_that_cannot_be__names_its_line(write, old, new, where):
    with pytest.raises(InvalidInput) as caught:
        load_app(write(old, new))

    assert "app.toml" in caught.value.detail
    assert where in caught.value.detail


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"c"', '"cobol"', ":21: language is 'cobol'"),
        ('source = "m.c"', "source = 5", ":21: a module says no source"),
        ('name = "second"\ntotal', 'abi = "component"\ntotal', ":16: a module of c has abi"),
        (
            APP[APP.index('name = "second"\ntotal') :],
            'abi = "raw"\n' + APP[APP.index('name = "second"\ntotal') :].replace("m.c", "n.c"),
            ":22: there is no",
        ),
    ],
)
def test_build__that_cannot_be__names_its_line(write, old, new, where):
    with pytest.raises(InvalidInput) as caught:
        read_recipes(write(old, new))

    assert f"app.toml{where}" in caught.value.detail


def test_schema__knows_every_key_of_the_examples_and_of_a_trigger():
    for file in (CHECKOUT / "examples").glob("*/app.toml"):
        assert read_app_toml(file) == tomllib.loads(file.read_text())

    trigger = read_schema()["properties"]["trigger"]["items"]["properties"]
    assert set(trigger) == set(Trigger.__dataclass_fields__)
