"""A meter is told which key signs: a name that no key has is a mistake, not a new account."""

import pytest
from click.testing import CliRunner

from wasmarket_cli.main import root

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", [["meter", "run"], ["audit", "watch"]])
def test_run__no_such_key__is_refused_and_none_is_made(tmp_path, command):
    told = CliRunner().invoke(root, ["--home", str(tmp_path), *command, "--key", "metre"])

    assert told.exit_code != 0
    assert "no key named metre" in told.output + str(told.exception)
    assert not list(tmp_path.rglob("metre*"))
