"""Wallet: key files that other tools read, and that give nothing away."""

import json
import stat

import eth_account
import pytest

from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.wallet import (
    Account,
    list_accounts,
    load_account,
    load_or_create_account,
    save_account,
)
from wasmarket.kernel.errors import Conflict, InvalidInput, NotFound, Unauthorized

pytestmark = pytest.mark.unit


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "home" / "keys"


@pytest.fixture
def account():
    return Account.create()


@pytest.mark.parametrize("password", ["", "a long secret"])
def test_save_account__any_password__loads_again(keys, account, password):
    save_account(keys, "provider-1", account, password)

    assert load_account(keys, "provider-1", password) == account


def test_save_account__file__is_private_and_standard(keys, account):
    path = save_account(keys, "main", account)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["version"] == 3
    assert bytes(eth_account.Account.decrypt(document, "")) == account.key
    assert account.key.hex() not in path.read_text()


def test_save_account__name_taken__keeps_the_old_key(keys, account):
    save_account(keys, "main", account)

    with pytest.raises(Conflict):
        save_account(keys, "main", Account.create())

    assert load_account(keys, "main") == account


def test_load_account__wrong_password__raises_unauthorized(keys, account):
    save_account(keys, "main", account, "right")

    with pytest.raises(Unauthorized):
        load_account(keys, "main", "wrong")


def test_load_account__missing__says_how_to_make_one(keys):
    with pytest.raises(NotFound) as caught:
        load_account(keys, "main")

    assert "wallet" in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 3}', "\0", '{"version": 3, "crypto": 1}']
)
def test_load_account__not_a_key_file__raises_invalid_input(keys, text):
    keys.mkdir(parents=True)
    (keys / "main.json").write_text(text)

    with pytest.raises(InvalidInput):
        load_account(keys, "main")


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "UPPER", ".hidden", "a" * 65])
def test_key_names__not_a_file_name__are_refused(keys, account, name):
    with pytest.raises(InvalidInput):
        save_account(keys, name, account)
    with pytest.raises(InvalidInput):
        load_account(keys, name)


def test_load_or_create__twice__gives_the_same_account(keys):
    assert load_or_create_account(keys, "peer") == load_or_create_account(keys, "peer")


def test_list_accounts__needs_no_password(keys, account):
    save_account(keys, "b", account, "secret")
    other = load_or_create_account(keys, "a")

    assert list_accounts(keys) == {"a": other.address, "b": account.address}
    assert list_accounts(keys / "nowhere") == {}


def test_account__repr__hides_the_key(account):
    assert account.key.hex() not in repr(account)
    assert account.address in repr(account)


@pytest.mark.parametrize("key", ["", "0x12", "zz", b"\0" * 32, b"\xff" * 32, b"\1" * 31])
def test_from_key__not_a_key__raises_without_showing_it(key):
    with pytest.raises(InvalidInput) as caught:
        Account.from_key(key)

    assert str(caught.value) == "this is not a private key"


def test_dev_accounts__are_the_well_known_ones():
    accounts = dev_accounts()

    assert accounts[0].address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert accounts[9].address == "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"


def test_load_account__password_is_missing__says_so_and_how_to_give_it(keys, account):
    save_account(keys, "kept", account, "secret")

    with pytest.raises(Unauthorized, match="none was given") as caught:
        load_account(keys, "kept")

    assert "WASMARKET_PASSWORD" in caught.value.remedy
    with pytest.raises(Unauthorized, match="is wrong"):
        load_account(keys, "kept", "other")
