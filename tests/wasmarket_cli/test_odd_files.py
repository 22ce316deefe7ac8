"""One odd file is named, and ends nothing that does not need it."""

import json

import pytest

from wasmarket.app.file import load_app
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket_cli.main import main

pytestmark = pytest.mark.unit

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def home(tmp_path):
    """A home with one good key, `developer`."""
    save_account(tmp_path / "keys", "developer", Account.create())
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"", b"\xff\xfe", b'{"address": 7}', b'{"address": "0x12"}', b"[" * 100_000],
)
def test_wallet_list__odd_file_among_keys__is_named_and_the_others_are_listed(
    home, capsys, content
):
    (home / "keys" / "odd.json").write_bytes(content)

    code = main(["--home", str(home), "wallet", "list", "--json"])

    captured = capsys.readouterr()
    assert code == 0
    assert [row["name"] for row in json.loads(captured.out)] == ["developer"]
    assert str(home / "keys" / "odd.json") in captured.err


@pytest.mark.parametrize("kind", ["folder", "dangling"])
def test_wallet_list__no_file_among_keys__is_named(home, capsys, kind):
    odd = home / "keys" / "odd.json"
    odd.mkdir() if kind == "folder" else odd.symlink_to(home / "nowhere")

    assert main(["--home", str(home), "wallet", "list", "--json"]) == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)] == ["developer"]
    assert str(odd) in captured.err


def test_config_show__settings_with_a_byte_order_mark__are_read(home, capsys):
    (home / "wasmarket.toml").write_bytes(BOM + b"[matcher]\nport = 7777\n")

    assert main(["--home", str(home), "config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matcher"]["port"] == 7777


def test_load_app__byte_order_mark__is_read(tmp_path):
    (tmp_path / "guest.wasm").write_bytes(b"\0asm")
    (tmp_path / "app.toml").write_bytes(
        BOM + b'name = "guest"\n[[service]]\nname = "guest"\ntotal_memory_limit = 1048576\n'
        b'[[service.module]]\nname = "guest"\npath = "guest.wasm"\n'
    )

    assert load_app(tmp_path).manifest.name == "guest"
