"""Environment variables go into the public manifest: whoever builds or deploys them is told."""

import json
import shutil

import pytest

from tests.paths import CHECKOUT
from wasmarket_cli.main import main

pytestmark = pytest.mark.unit

WARNING = "warning: anybody can read the values of greeting/greeting: API_KEY, greeting/greeting: B"


@pytest.fixture
def greeting(tmp_path):
    """Return the example with these environment variables in its module."""

    def write(envs=""):
        folder = tmp_path / "greeting"
        shutil.copytree(CHECKOUT / "examples" / "greeting", folder)
        file = folder / "app.toml"
        file.write_text(file.read_text() + envs)
        return folder

    return write


def run(tmp_path, *arguments):
    return main(["--home", str(tmp_path / "home"), *(str(one) for one in arguments)])


@pytest.mark.parametrize("command", [("build",), ("deploy", "--yes"), ("update", "1", "--yes")])
def test_envs__of_an_app__are_named_before_they_are_published(tmp_path, capsys, greeting, command):
    folder = greeting('\n[service.module.envs]\nB = "2"\nAPI_KEY = "swordfish"\n')

    # No market is there: what is said comes before anything leaves this machine.
    run(tmp_path, *command[:2], folder, *command[2:])

    told = capsys.readouterr().err
    assert WARNING in told
    assert "keys and passwords are for `wasmarket secret`" in told
    assert "swordfish" not in told


def test_envs__with_json__the_warning_is_no_part_of_the_document(tmp_path, capsys, greeting):
    folder = greeting('\n[service.module.envs]\nB = "2"\nAPI_KEY = "swordfish"\n')

    assert run(tmp_path, "build", folder, "--json") == 0

    told = capsys.readouterr()
    assert json.loads(told.out)["name"] == "greeting"
    assert WARNING in told.err


def test_envs__app_without_any__is_not_warned_of(tmp_path, capsys, greeting):
    assert run(tmp_path, "build", greeting()) == 0
    assert "warning" not in capsys.readouterr().err
