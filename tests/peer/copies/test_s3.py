"""Copies in a bucket of a real S3-compatible server, which knows one key."""

import httpx
import pytest

from peer.chain_state.view import OpenAsk
from peer.copies.places import open_stores, parse_places
from peer.copies.remote import RemoteCopies, find_evidence
from peer.copies.s3 import S3Copies
from peer.copies.signature_v4 import S3Credentials
from peer.duties.answers import Answers
from peer.settings import PeerSettings
from tests.peer.copies.archives import NOW, make_peer
from tests.peer.copies.s3_server import KEY, SECRET, run_s3
from tests.peer.receipt_logs import DOMAIN, WALLET
from wasmarket.kernel.errors import ConfigError, NotFound, Refused, Unreachable

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with run_s3(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def open_bucket(server, tmp_path):
    """A function that opens a place in the bucket as the settings of a peer do."""
    opened = []
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")

    def open_one(prefix="", **given):
        chosen = {"s3_key_id": KEY, "s3_secret_file": str(secret)} | given
        settings = PeerSettings(receipt_copies=(f"s3+{server}/copies{prefix}",), **chosen)
        urls = parse_places(settings.receipt_copies).urls
        [store] = open_stores(urls, settings, WALLET.address, DOMAIN, None, lambda: NOW)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


def test_bucket__closed_epochs__are_there_and_answer_once_the_disk_is_lost(open_bucket, tmp_path):
    folder = make_peer(tmp_path / "peer", epochs=(1, 2))
    store = open_bucket("/some where/of my peers")
    copies = RemoteCopies(folder, [store])
    copies.step()

    assert store.sizes() == {
        name: (folder.path / name).stat().st_size
        for epoch in (1, 2)
        for name in (f"commitments/{epoch:010d}.json", f"receipts/9/{epoch:010d}.receipts")
    }
    answers = Answers(find_evidence([store], tmp_path / "room"))
    assert answers.find(OpenAsk(1, 9, 2, 4, 0))[1].receipt.sequence == 4
    copies.prune(2)
    assert len(store.sizes()) == 2
    with pytest.raises(NotFound):
        Answers(find_evidence([store], tmp_path / "room2")).find(OpenAsk(1, 9, 1, 0, 0))


def test_bucket__key_that_it_does_not_know__is_refused_with_the_reason(open_bucket, tmp_path):
    copies = RemoteCopies(make_peer(tmp_path / "peer"), [open_bucket(s3_key_id="another")])

    with pytest.raises(Refused, match="403 InvalidAccessKeyId"):
        copies.step()


def test_bucket__that_is_not_there__is_refused_with_the_reason(open_bucket, server):
    store = S3Copies(
        f"s3+{server}/nowhere", "peer", S3Credentials(KEY, SECRET), httpx.Client(trust_env=False)
    )

    with pytest.raises(Refused, match="404 NoSuchBucket"):
        store.sizes()
    store.close()


def test_bucket__server_is_away__is_tried_again_by_the_loop(tmp_path):
    credentials = S3Credentials(KEY, SECRET)
    store = S3Copies(
        "s3+http://127.0.0.1:1/copies", "peer", credentials, httpx.Client(trust_env=False)
    )

    with pytest.raises(Unreachable, match="does not answer"):
        RemoteCopies(make_peer(tmp_path / "peer"), [store]).step()
    store.close()


@pytest.mark.parametrize(
    "place",
    ["https://example.com/copies", "s3://copies", "s3+ftp://host/copies", "peer+file:///x"],
)
def test_places__url_that_does_not_say_what_is_there__is_refused(place):
    with pytest.raises(ConfigError, match="no place for copies"):
        parse_places([place])


@pytest.mark.parametrize(
    ("place", "settings", "why"),
    [
        ("s3+https://example.com", {}, "names no bucket"),
        ("s3+https://example.com/copies", {}, "needs a key"),
        ("s3+https://example.com/copies", {"s3_secret_file": "/not/there"}, "cannot read"),
    ],
)
def test_places__settings_that_miss_something__say_what(place, settings, why):
    with pytest.raises(ConfigError, match=why):
        open_stores([place], PeerSettings(**settings), WALLET.address, DOMAIN, None, lambda: NOW)
