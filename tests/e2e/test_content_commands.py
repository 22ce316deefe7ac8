"""Blocks of gateway and peers, by command: pinned ones stay, live ones stay, others go."""

import os
import time

import pytest

from peer.hosting.retention import GRACE_SECONDS
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import app_cid, raw_cid

pytestmark = pytest.mark.e2e


def age_all(folder):
    """Make blocks old enough to be removed."""
    then = time.time() - GRACE_SECONDS - 60
    for path in (folder / "blocks").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def test_pin__with_a_source__fetches_an_app_with_its_modules_and_keeps_it(market, deal):
    app = app_cid(market.client().deal(deal)["app"])
    gateway = market.client().gateway.url
    market.run("peer", "init", "pinner")

    missing = market.run("content", "pin", raw_cid(b"nowhere"), "--peer", "pinner")
    ran = market.run("content", "pin", app, "--source", gateway, "--peer", "pinner")

    assert missing.code == 1
    assert ran.code == 0, ran.err
    rows = {
        row["cid"]: row for row in market.run("content", "ls", "--peer", "pinner", "--json").json
    }
    assert rows[str(app)]["pinned"]
    assert len([row for row in rows.values() if row["bytes"]]) > 1
    assert market.run("content", "unpin", raw_cid(b"nowhere"), "--peer", "pinner").code == 0
    assert market.run("content", "unpin", raw_cid(b"nowhere"), "--peer", "pinner").code == 1


def test_gc__of_a_peer__keeps_what_a_live_deal_needs(market, deal):
    folder = BlockFolder(market.home.peer("alpha-1") / "blocks")
    stray = raw_cid(b"a stray block")
    folder.put(stray, b"a stray block")
    age_all(folder.root)

    removed = market.run("content", "gc", "--peer", "alpha-1", "--json").json

    assert str(stray) in removed
    assert folder.has(app_cid(market.client().deal(deal)["app"]))
    assert market.call(deal, "greeting/greeting", ["you"]).status_code == 200


def test_gc__of_a_peer_that_never_read_the_chain__removes_nothing(market):
    market.run("peer", "init", "newcomer")
    folder = BlockFolder(market.home.peer("newcomer") / "blocks")
    folder.put(raw_cid(b"x"), b"x")
    age_all(folder.root)

    ran = market.run("content", "gc", "--peer", "newcomer")

    assert ran.code == 3
    assert folder.has(raw_cid(b"x"))
    assert market.run("content", "gc", "--peer", "nobody").code == 1


def test_gc__of_the_gateway__keeps_uploads_and_live_apps(market, deal):
    app = app_cid(market.client().deal(deal)["app"])

    ran = market.run("content", "gc", "--json")

    assert ran.code == 0, ran.err
    assert str(app) not in ran.json
    assert BlockFolder(market.home.gateway).has(app)
    assert str(app) in market.run("content", "ls").out
