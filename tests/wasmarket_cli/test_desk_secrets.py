"""Secrets of `wasmarket dev`: what the file may say, and what is told of it; never a value."""

import sys

import pytest

from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.developer.desk import desk_secrets
from wasmarket_cli.developer.desk.desk_secrets import DeskSecrets, ask_secrets, read_secret_file

pytestmark = pytest.mark.unit


@pytest.fixture
def file(tmp_path):
    """The file of an app's secrets, which is not written yet."""
    (tmp_path / ".wasmarket").mkdir()
    return tmp_path / ".wasmarket" / "secrets.toml"


def write(file, text, mode=0o600):
    file.write_text(text)
    file.chmod(mode)


def test_file__of_texts_and_files__is_read_by_name(file):
    (file.parent / "key.der").write_bytes(b"\x00\xff")
    write(file, 'TOKEN = "né"\nKEY = { file = "key.der" }\n')

    assert read_secret_file(file) == {"TOKEN": "né".encode(), "KEY": b"\x00\xff"}


def test_file__that_is_not_there__is_none(file):
    assert read_secret_file(file) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TOKEN = ", "cannot read"),
        ("TOKEN = 7", "TOKEN is no secret"),
        ("TOKEN = { path = 'x' }", "TOKEN is no secret"),
        ("TOKEN = { file = 'nowhere' }", "for the secret TOKEN"),
        ('"a b" = "x"', "is no name"),
        (f'TOKEN = "{"swordfish" * 500}"', "the secret TOKEN has 4500 bytes"),
    ],
)
def test_file__with_a_mistake__says_which_and_no_value(file, text, words):
    write(file, text)

    with pytest.raises(InvalidInput) as refused:
        read_secret_file(file)

    assert words in refused.value.detail
    assert "swordfish" not in f"{refused.value.detail}{refused.value.remedy}"


def test_asked__on_a_terminal__are_read_unseen_and_win(file, tmp_path, monkeypatch):
    seen = []

    def prompt(text, **options):
        seen.append((text, options["hide_input"]))
        return "swordfish"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(desk_secrets.click, "prompt", prompt)
    write(file, 'TOKEN = "of the file"\nOTHER = "kept"')

    found = DeskSecrets(tmp_path, ask_secrets(["TOKEN"])).read()

    assert seen == [("Value of TOKEN", True)]
    assert found == {"TOKEN": b"swordfish", "OTHER": b"kept"}


def test_asked__without_a_terminal__names_the_file(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    with pytest.raises(InvalidInput) as refused:
        ask_secrets(["TOKEN"])

    assert ".wasmarket/secrets.toml" in refused.value.remedy
    with pytest.raises(InvalidInput, match="is no name"):
        ask_secrets(["a b"])


def test_change__of_the_file__is_noticed_once(file, tmp_path):
    secrets = DeskSecrets(tmp_path / "app.toml", {})
    before = secrets.take_change()
    write(file, 'TOKEN = "x"')

    assert [before, secrets.take_change(), secrets.take_change()] == [False, True, False]


def test_problems__of_names_and_rights__are_told(file, tmp_path):
    write(file, 'TOKNE = "x"\nELSE = "y"', 0o644)
    secrets = DeskSecrets(tmp_path, {})

    told = secrets.list_problems(["TOKEN"], secrets.read())

    assert "the secret TOKEN has no value here" in told[0]
    assert told[1] == "the app does not list the secret ELSE"
    assert told[2].endswith("did you mean TOKEN?")
    assert "chmod 600" in told[3]


def test_problems__where_all_is_well__are_none(file, tmp_path):
    write(file, 'TOKEN = "x"')
    secrets = DeskSecrets(tmp_path, {})

    assert secrets.list_problems(["TOKEN"], secrets.read()) == []
