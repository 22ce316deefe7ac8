"""Which account signs when nobody says."""

import pytest

from peer.folder import PeerFolder
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import PASSWORD, Wiring
from wasmarket.kernel.errors import ConfigError, NotFound

pytestmark = pytest.mark.unit


@pytest.fixture
def wiring(tmp_path):
    return Wiring(load_configuration(Home(tmp_path), {PASSWORD: ""}))


def add_key(wiring, name):
    account = Account.create()
    save_account(wiring.home.keys, name, account, "")
    return account


def test_account__the_only_one__signs(wiring):
    account = add_key(wiring, "main")

    assert wiring.account().address == account.address


def test_account__beside_the_wallets_of_peers__is_still_the_only_one(wiring):
    account = add_key(wiring, "main")
    PeerFolder(wiring.home.peer("shed-1")).load_key()
    add_key(wiring, "peer-shed-1")

    assert wiring.account().address == account.address


def test_account__named_like_a_wallet_of_no_peer__counts(wiring):
    add_key(wiring, "main")
    add_key(wiring, "peer-pressure")

    with pytest.raises(ConfigError, match="2 keys: main, peer-pressure"):
        wiring.account()


def test_account__none__says_how_to_make_one(wiring):
    with pytest.raises(NotFound) as caught:
        wiring.account()

    assert "wallet new" in (caught.value.remedy or "")
