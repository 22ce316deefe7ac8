"""A part that is not installed: which extra brings it, with exit code 2."""

import importlib
import sys
import tomllib

import pytest

from tests.paths import CHECKOUT
from wasmarket_cli.extras import OF_COMMAND, OF_MODULE
from wasmarket_cli.main import DEVELOPER, NOUNS, main

pytestmark = pytest.mark.unit

EXTRAS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


@pytest.fixture
def without(monkeypatch):
    """A function that makes a module look as if it were not installed."""
    load = importlib.import_module

    def remove(module):
        def fail(name, *arguments):
            if name.startswith("wasmarket_cli."):
                raise ModuleNotFoundError(f"No module named {module!r}", name=f"{module}.inner")
            return load(name, *arguments)

        monkeypatch.setattr("wasmarket_cli.main.importlib.import_module", fail)

    return remove


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("matcher", "numba", "matcher"),
        ("matcher", "sqlalchemy", "matcher"),
        ("indexer", "psycopg", "postgres"),
        ("peer", "wasmtime", "peer"),
        ("gateway", "fastapi", "gateway"),
        ("local", "uvicorn", "all"),
        ("content", "fastapi", "gateway"),
        ("wallet", "fastapi", "service"),
    ],
)
def test_main__module_of_an_extra_is_missing__names_the_extra(
    without, capsys, command, module, extra
):
    without(module)

    assert main([command, "run"]) == 2

    assert capsys.readouterr().err.splitlines()[0] == (
        f"wasmarket: wasmarket {command} needs the extra: pip install 'wasmarket[{extra}]'"
    )


def test_main__module_of_ours_is_missing__is_a_bug_and_no_extra(without, capsys, tmp_path):
    without("matcher")

    assert main(["--home", str(tmp_path), "matcher", "run"]) == 1
    assert "bug" in capsys.readouterr().err


def test_extras__every_one_that_is_named__is_declared():
    assert {*OF_COMMAND.values(), *OF_MODULE.values()} <= EXTRAS.keys()
    assert OF_COMMAND.keys() <= (DEVELOPER | NOUNS).keys()


def test_main__help__loads_no_module_of_an_extra(capsys):
    before = set(sys.modules)

    assert main(["--help"]) == 0

    assert not {name for name in set(sys.modules) - before if name in OF_MODULE}
    assert "deploy" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["greeting", "greeting-v2", "site", "effectors"])
def test_example__name__copies_an_app_that_builds(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)

    assert main(["example", name]) == 0
    assert main(["build", name, "--json"]) == 0

    assert (tmp_path / name / "app.toml").is_file()


def test_example__folder_is_there__is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "mine").mkdir()

    assert main(["example", "greeting", str(tmp_path / "mine")]) == 3

    assert list((tmp_path / "mine").iterdir()) == []
