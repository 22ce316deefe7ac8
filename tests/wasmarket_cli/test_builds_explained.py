"""What a compiler says of an import that the app does not list becomes a sentence."""

import sys
from pathlib import Path

import pytest

from wasmarket_cli.building.javascript import explain_import
from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import BuildFailed, describe_source

pytestmark = pytest.mark.unit

SAID = """[Error: : Failed to evaluate user JavaScript module: Error resolving module \
'wasmarket:guest/kv@1.0.0' from 'componentize-qjs:user.js': filesystem module not found"""


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


def test_source__that_never_ends_when_it_is_read__is_not_waited_for(tmp_path):
    endless = [sys.executable, "-c", "while True: pass"]

    with pytest.raises(BuildFailed, match="is not read within"):
        describe_source(endless, tmp_path / "app.py", seconds=0.2)
