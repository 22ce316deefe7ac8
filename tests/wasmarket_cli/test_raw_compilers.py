"""Which compiler builds a module of the raw ABI, and what to install where there is none."""

import sys
from pathlib import Path

import pytest

from wasmarket_cli.building import raw_modules
from wasmarket_cli.building.raw_modules import find_compiler, list_raw_sources
from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import MissingTool

pytestmark = pytest.mark.unit


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(raw_modules, "find_spec", lambda _: None)
    monkeypatch.setattr(raw_modules, "RUSTC", str(tmp_path / "rustc"))


def recipe(folder: Path, language: str, source: str = "main.c") -> Recipe:
    return Recipe(language, folder / source, folder / "module.wasm", (), False)


@pytest.mark.parametrize("language", ["rust", "c", "go", "as", "zig"])
def test_find_compiler__not_installed__says_what_to_install(nothing_installed, tmp_path, language):
    with pytest.raises(MissingTool) as caught:
        find_compiler(recipe(tmp_path, language))

    assert caught.value.remedy == raw_modules.REMEDIES[language]


@pytest.mark.parametrize(("language", "command"), [("zig", ["ziglang"]), ("c", ["ziglang", "cc"])])
def test_find_compiler__zig_as_a_package__does_for_both(
    nothing_installed, monkeypatch, tmp_path, language, command
):
    monkeypatch.setattr(raw_modules, "find_spec", lambda name: name)

    assert find_compiler(recipe(tmp_path, language)) == [sys.executable, "-m", *command]


def test_find_compiler__rust__is_debians(nothing_installed, tmp_path):
    (tmp_path / "rustc").touch()

    assert find_compiler(recipe(tmp_path, "rust")) == [str(tmp_path / "rustc")]


def test_list_raw_sources__files_of_its_kind_beside_it__belong_to_the_build(tmp_path):
    for name in ("main.c", "more.c", "more.h", "notes.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in list_raw_sources(recipe(tmp_path, "c"))] == [
        "main.c",
        "more.c",
        "more.h",
    ]
