"""What a compiler says of an import that the app does not list becomes a sentence."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from wasmarket_cli.building.javascript import explain_import
from wasmarket_cli.building.python_component import explain_missing
from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import BuildFailed, describe_source

pytestmark = pytest.mark.unit

SAID = """[Error: : Failed to evaluate user JavaScript module: Error resolving module \
'wasmarket:guest/kv@1.0.0' from 'componentize-qjs:user.js': filesystem module not found"""
TRACE = """AssertionError: Traceback (most recent call last):
  File "/1/app.py", line 1, in <module>
"""


@pytest.mark.parametrize(
    ("is_deterministic", "remedy"),
    [(False, "add [effectors.kv] to app.toml"), (True, "has no effectors")],
)
def test_build__importing_what_the_app_does_not_list__says_so(is_deterministic, remedy):
    recipe = Recipe("ts", Path("app.ts"), Path("a.wasm"), (), is_deterministic)

    error = explain_import(BuildFailed(SAID), recipe)

    assert error.detail == "app.ts imports wasmarket-guest/kv, which the app does not list"
    assert remedy in error.remedy


def test_build__failing_otherwise__is_told_as_it_was():
    error = BuildFailed("app.ts:3: no")

    assert explain_import(error, Recipe("ts", Path("a"), Path("b"), (), False)) is error


@pytest.mark.parametrize("in_a_package", [True, False])
def test_build__importing_machine_code__names_the_package(tmp_path, in_a_package):
    (tmp_path / "app.py").write_text("import fast\n")
    name = "fast._core" if in_a_package else "fast"
    place = tmp_path / name.replace(".", "/")
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "fast" / "__init__.py").write_text("") if in_a_package else None
    place.with_name(place.name + EXTENSION_SUFFIXES[0]).write_bytes(b"\x7fELF")
    recipe = Recipe("python", tmp_path / "app.py", tmp_path / "a.wasm", (), False)

    error = explain_missing(
        BuildFailed(f"{TRACE}ModuleNotFoundError: No module named {name!r}"), recipe
    )

    assert error.detail == (
        f"{tmp_path / 'app.py'} imports fast, whose {name} is machine code of this computer"
    )
    assert "without C extensions" in error.remedy


@pytest.mark.parametrize("name", ["nowhere.to.be_found", "json.decoder"])
def test_build__importing_what_is_no_machine_code__is_told_as_it_was(tmp_path, name):
    error = BuildFailed(f"{TRACE}ModuleNotFoundError: No module named {name!r}")
    recipe = Recipe("python", tmp_path / "app.py", tmp_path / "a.wasm", (), False)

    assert explain_missing(error, recipe) is error


def test_source__that_never_ends_when_it_is_read__is_not_waited_for(tmp_path):
    endless = [sys.executable, "-c", "while True: pass"]

    with pytest.raises(BuildFailed, match="is not read within"):
        describe_source(endless, tmp_path / "app.py", seconds=0.2)
