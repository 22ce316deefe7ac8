"""Reputations over HTTP: figures, the events of each, sorted lists."""

import pytest

from wasmarket.kernel.events import Activated, Claimed, Committed, Ended, PeerUnits
from wasmarket.kernel.reasons import DropReason, EndKind
from wasmarket.kernel.units import FLT

pytestmark = pytest.mark.unit

ROOT = "0x" + "7" * 64


@pytest.fixture
def trading(town):
    """Two peers of two providers; the first proves one epoch and misses one, and is dropped."""
    town.register_peer(1)
    town.register_peer(2, provider=town.other, region=7)
    town.fund()
    town.post_ask(town.ask(1, 10))
    town.post_bid(town.bid())
    town.turn()
    epoch = town.chain.head.timestamp // 60
    mine = town.chain.mine
    mine(Activated(1, 1, epoch, 0, 980, 20))
    mine(Committed(1, epoch, ROOT), timestamp=(epoch + 1) * 60)
    mine(timestamp=(epoch + 3) * 60)
    mine(Claimed(1, town.provider.address, epoch + 1, 20, 20))
    mine(Ended(1, 1, 1, epoch + 3, EndKind.DROPPED, DropReason.TOO_SLOW, 900, 0))
    town.index()
    town.epoch = epoch
    return town


def get(town, target):
    answer = town.http.get(target)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(said, *wanted):
    return tuple(said[name] for name in wanted)


@pytest.mark.parametrize("whose", ["peer", "provider"])
def test_reputation__says_what_the_peer_did_by_window_and_epoch(trading, whose):
    of = "peers/1" if whose == "peer" else f"providers/{trading.provider.address}"
    said = get(trading, f"/v1/{of}/reputation")

    assert names(said, "provider", "peer") == (
        trading.provider.address,
        1 if whose == "peer" else None,
    )
    assert said["age_epochs"] == 3
    assert said["final_epoch"] == trading.epoch + 1
    assert [window["epochs"] for window in said["windows"]] == [7, 30, 90]
    window = said["windows"][0]
    proofs = ("active", "proven", "uptime_ppm", "billed", "proven_pay", "paid", "refunded")
    assert names(window, *proofs) == (2, 1, 500_000, "40", "20", "20", "20")
    assert (window["counts"]["activated"], window["counts"]["dropped"]) == (1, 1)
    assert window["counts"]["left"] == 0
    assert window["reasons"] == [
        {"kind": "dropped", "reason": "65", "text": "too slow", "count": 1}
    ]
    days = {day["epoch"] - trading.epoch: day for day in said["epochs"]}
    assert names(days[0], "active", "proven", "proven_pay") == (1, 1, "20")
    assert names(days[1], "active", "proven", "billed", "proven_pay") == (1, 0, "20", "0")
    assert names(days[3], "is_final", "active", "refunded") == (False, 0, "20")
    assert days[3]["counts"] == {"claimed": 1, "dropped": 1}


def test_reputation__bond__is_that_of_the_units_for_sale(trading):
    units = get(trading, "/v1/peers/1")["units"]
    assert get(trading, "/v1/peers/1/reputation")["bond"] == str(units * 100 * FLT)


def test_events__of_a_figure__are_named_with_block_transaction_and_log(trading):
    path = "/v1/peers/1/reputation/events"
    [dropped] = get(trading, f"{path}?figure=dropped")["items"]
    [proof] = get(trading, f"{path}?figure=proven")["items"]

    history = {
        event["name"]: (event["block"], event["log_index"], event["tx"])
        for event in get(trading, "/v1/history?peer=1")["items"]
    }
    assert names(dropped, "in_block", "log_index", "tx") == history["Ended"]
    assert names(dropped, "reason", "reason_text", "assignment", "deal") == ("65", "too slow", 1, 1)
    assert names(proof, "in_block", "log_index", "tx") == history["Committed"]
    assert names(proof, "kind", "proven_epoch") == ("committed", trading.epoch)


def test_events__page_by_page__are_all_once_the_newest_first(trading):
    path = f"/v1/providers/{trading.provider.address}/reputation/events?limit=2"
    seen, target = [], path
    while True:
        page = get(trading, target)
        seen += [event["kind"] for event in page["items"]]
        if page["next"] is None:
            break
        target = f"{path}&cursor={page['next']}"

    assert seen == ["dropped", "claimed", "activated", "assigned", "registered"]


@pytest.mark.parametrize(
    ("target", "status", "field"),
    [
        ("/v1/peers/9/reputation", 404, "peer"),
        ("/v1/peers/9/reputation/events", 404, "peer"),
        ("/v1/providers/{stranger}/reputation", 404, "address"),
        ("/v1/providers/{stranger}/reputation/events", 404, "address"),
        ("/v1/peers/1/reputation/events?figure=stars", 400, "figure"),
        ("/v1/reputations?sort=stars", 400, "sort"),
        ("/v1/reputations?epochs=8", 400, "epochs"),
        ("/v1/reputations?cursor=none", 400, "cursor"),
    ],
)
def test_reputation__asked_wrongly__says_what_is_wrong(trading, target, status, field):
    answer = trading.http.get(target.format(stranger="0x" + "99" * 20))

    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_reputations__sorted__best_first_and_who_has_no_figure_last(trading):
    trading.chain.mine(PeerUnits(2, 7))
    trading.index()
    providers = get(trading, "/v1/reputations?epochs=90")["items"]
    assert get(trading, "/v1/reputations")["items"] == providers
    peers = get(trading, "/v1/reputations?of=peers&sort=dropped")["items"]
    worst = get(trading, "/v1/reputations?of=peers&sort=dropped&worst=true&limit=1")

    assert [entry["provider"] for entry in providers] == [
        trading.provider.address,
        trading.other.address,
    ]
    assert [entry["uptime_ppm"] for entry in providers] == [500_000, None]
    assert [entry["peer"] for entry in peers] == [2, 1]
    assert [entry["peer"] for entry in worst["items"]] == [1]
    following = get(
        trading,
        f"/v1/reputations?of=peers&sort=dropped&worst=true&limit=1&cursor={worst['next']}",
    )
    assert [entry["peer"] for entry in following["items"]] == [2]
