"""One local market at a time in a home, and what a new one finds there."""

import json

import pytest

from peer.folder import PeerFolder
from wasmarket.client.home import Home
from wasmarket.kernel.errors import Conflict
from wasmarket_cli.local.homes import claim_home, forget_chain
from wasmarket_cli.local.plan import Ports, write_settings

pytestmark = pytest.mark.unit

OF_THE_CHAIN = (
    "store.sqlite",
    "store.sqlite-wal",
    "store.sqlite.indexer.lock",
    "deployments/31337.json",
    "offers/0x11.json",
    "peers/alpha-1/chain.json",
    "peers/alpha-1/receipts/1/4",
    "peers/alpha-1/services/1/visits",
)
KEPT = (
    "keys/developer.json",
    "logs/matcher.log",
    "gateway/blocks/x",
    "deployments/11155111.json",
    "peers/alpha-1/key",
    "peers/alpha-1/blocks/x",
    "peers/my-own/chain.json",
)


@pytest.fixture
def home(tmp_path):
    for name in (*OF_THE_CHAIN, *KEPT):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Home(tmp_path)


def there(home, names):
    return [name for name in names if (home.root / name).exists()]


def add_peer(home, chain):
    """Make a peer that followed a chain; return the file in which it kept what it read."""
    folder = PeerFolder(home.peer("gamma-1"))
    folder.load_key()
    folder.chain.write_text(json.dumps({"facts": {"chain_id": chain}}))
    return folder.chain


def test_claim__twice__is_a_conflict_until_the_first_is_closed(tmp_path):
    home = Home(tmp_path)

    with claim_home(home), pytest.raises(Conflict, match="a local market runs in") as caught:
        claim_home(home)

    assert "--home DIR" in (caught.value.remedy or "")
    claim_home(home).close()


def test_forget_chain__home_of_a_local_market__keeps_keys_and_content_only(home):
    write_settings(home, Ports(), "http://x")

    forget_chain(home, ["alpha-1", "never-started"])

    assert there(home, OF_THE_CHAIN) == []
    assert there(home, KEPT) == list(KEPT)


@pytest.mark.parametrize(("chain", "is_kept"), [(31_337, False), (1, True)])
def test_forget_chain__peer_that_was_added__goes_by_the_chain_it_followed(home, chain, is_kept):
    write_settings(home, Ports(), "http://x")
    saved = add_peer(home, chain)

    forget_chain(home, ["alpha-1"])

    assert saved.exists() is is_kept
    assert (home.peer("gamma-1") / "key").exists()


def test_forget_chain__peer_that_runs__is_left_alone(home):
    write_settings(home, Ports(), "http://x")
    saved = add_peer(home, 31_337)

    with PeerFolder(home.peer("gamma-1")).lock():
        forget_chain(home, ["alpha-1"])

    assert saved.exists()


@pytest.mark.parametrize("text", [None, "[matcher]\nport = 1\n"])
def test_forget_chain__any_other_home__is_left_alone(home, text):
    if text is not None:
        home.config.write_text(text)

    forget_chain(home, ["alpha-1"])

    assert there(home, OF_THE_CHAIN) == list(OF_THE_CHAIN)
