"""A module that few peers take is named before anything is published."""

import shutil

import pytest

from tests.paths import CHECKOUT
from wasmarket_cli.developer.apps import app_check
from wasmarket_cli.main import main

pytestmark = pytest.mark.unit
MIB = 1 << 20


def run(tmp_path, *arguments):
    return main(["--home", str(tmp_path / "home"), *(str(one) for one in arguments)])


@pytest.fixture
def greeting(tmp_path):
    """Return the example with so many MiB of a custom section behind its module."""

    def write(mib=0):
        folder = tmp_path / "greeting"
        shutil.copytree(CHECKOUT / "examples" / "greeting", folder)
        if mib:
            # A section of that many bytes: its name, of one byte, and zeros.
            size = mib * MIB
            length = bytes((size >> shift & 0x7F) | 0x80 for shift in (0, 7, 14, 21))
            section = b"\0" + length + bytes((size >> 28,)) + b"\x01x" + bytes(size - 2)
            with (folder / "greeting.wasm").open("ab") as file:
                file.write(section)
        return folder

    return write


@pytest.mark.parametrize("command", [("build",), ("deploy", "--yes"), ("update", "1", "--yes")])
def test_module__larger_than_peers_take__is_named_before_it_is_published(
    tmp_path, monkeypatch, capsys, greeting, command
):
    monkeypatch.setattr(app_check, "USUAL_MODULE_BYTES", 2 * MIB)

    # No market is there: what is said comes before anything leaves this machine.
    run(tmp_path, *command[:2], greeting(3), *command[2:])

    told = capsys.readouterr().err
    assert "warning: module greeting has 3 MiB: peers take 2 unless their provider" in told


def test_module__that_every_peer_takes__is_not_warned_of(tmp_path, capsys, greeting):
    assert run(tmp_path, "build", greeting()) == 0
    assert "warning" not in capsys.readouterr().err
