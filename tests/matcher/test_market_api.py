"""The read API: deals, assignments, peers, providers, epochs, quotes, depth, records, errors."""

import json

import pytest

from matcher.orderbook.document import digest_of, load_book, replay
from wasmarket.kernel.events import (
    Activated,
    AppChanged,
    Committed,
    CounterBumped,
    Deposited,
    Ended,
    OfferCancelled,
    PeerUnits,
)
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit


@pytest.fixture
def trading(town):
    """Two peers of two providers; a deal with two units of the first, active and proven."""
    town.register_peer(1, region=0, traits=1)
    town.register_peer(2, provider=town.other, region=7)
    town.fund()
    town.post_ask(town.ask(1, 10))
    town.post_ask(town.ask(2, 30), town.other)
    town.post_bid(town.bid())
    town.turn()
    epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(1, 1, epoch, 0, 980, 20))
    town.chain.mine(timestamp=(epoch + 1) * 60)
    town.chain.mine(Committed(1, epoch, "0x" + "7" * 64))
    town.chain.mine(timestamp=(epoch + 3) * 60)
    town.index()
    town.epoch = epoch
    return town


def get(town, target):
    answer = town.http.get(target)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_deal__is_settled_now_with_its_endpoints(trading):
    deal = get(trading, "/v1/deals/1")

    # 1000 deposited, 20 an epoch: the activation's and three begun since.
    assert (deal["status"], deal["balance"], deal["rate"], deal["runway"]) == (
        "running",
        "920",
        "20",
        "46",
    )
    [assignment] = deal["assignments"]
    assert (assignment["endpoint"], assignment["state"]) == ("http://peer1", "active")
    assert deal["block"] == trading.chain.head.number
    assert get(trading, "/v1/deals?live=true")["items"][0]["id"] == 1
    assert get(trading, f"/v1/deals?developer={trading.developer.address}")["items"]
    assert get(trading, f"/v1/deals?app={'0x' + 'cd' * 32}")["items"] == []


def test_versions__page_by_page__are_the_apps_in_order(trading):
    first, second = "0x" + "ab" * 32, "0x" + "cd" * 32
    trading.chain.mine(AppChanged(1, first), AppChanged(1, second))
    trading.index()

    page = get(trading, "/v1/deals/1/versions?limit=2")
    rest = get(trading, f"/v1/deals/1/versions?limit=2&cursor={page['next']}")

    assert [row["version"] for row in (*page["items"], *rest["items"])] == [1, 2, 3]
    assert [row["app"] for row in (*page["items"], *rest["items"])][1:] == [first, second]
    assert rest["next"] is None
    assert trading.http.get("/v1/deals/9/versions").status_code == 404


def test_assignment__has_what_a_claim_would_pay(trading):
    detail = get(trading, "/v1/assignments/1")

    # Two epochs are final; one of them is proven.
    assert (detail["claimable_paid"], detail["claimable_refund"]) == ("20", "20")
    assert (detail["price"], detail["alive"], detail["why_text"]) == ("10", True, None)


def test_assignments__ended_one__stays_in_the_list_with_its_reason(trading):
    trading.chain.mine(Ended(1, 1, 1, trading.epoch + 2, 1, 54, 940, 0))
    trading.index()

    [ended] = get(trading, "/v1/deals/1/assignments")["items"]

    assert (ended["ended_kind"], ended["why_text"]) == ("left", "the peer is out of capacity")
    assert get(trading, "/v1/deals/1/assignments?alive=true")["items"] == []


def test_peers_and_providers__as_the_chain_has_them(trading):
    peer = get(trading, "/v1/peers/1")
    provider = get(trading, f"/v1/providers/{trading.provider.address}")
    page = get(trading, "/v1/providers?limit=1")

    assert (peer["used"], peer["free"], peer["proven"]) == (2, 2, trading.epoch)
    assert [p["id"] for p in get(trading, "/v1/peers?region=7")["items"]] == [2]
    assert (provider["peers"], provider["units"], provider["alive_units"]) == (1, 4, 2)
    following = get(trading, f"/v1/providers?limit=1&cursor={page['next']}")
    assert page["items"][0]["address"] != following["items"][0]["address"]


def test_epoch__says_what_ran_and_who_proved(trading):
    epoch = get(trading, f"/v1/epochs/{trading.epoch}")

    assert (epoch["committed"], epoch["units"], epoch["billed"]) == (1, 2, "20")
    assert epoch["is_final"]


def test_units__newest_first__are_offered_sold_and_free_in_each_epoch(trading):
    units = get(trading, "/v1/statistics")["units"]
    newest = trading.chain.head.timestamp // 60

    rows = get(trading, "/v1/units?limit=100")["items"]

    assert [row["epoch"] for row in rows] == list(range(newest, trading.epoch - 1, -1))
    assert {(row["offered"], row["sold"], row["free"]) for row in rows} == {(units, 2, units - 2)}
    assert len(get(trading, "/v1/units?limit=2")["items"]) == 2
    trading.chain.mine(PeerUnits(1, 1), timestamp=(newest + 1) * 60)
    trading.index()
    assert [row["offered"] for row in get(trading, "/v1/units?limit=2")["items"]] == [
        units - 3,
        units,
    ]
    assert trading.http.get("/v1/units?limit=101").status_code == 400


def test_epochs__newest_first__in_pages_back_to_the_first_deal(trading):
    page = get(trading, "/v1/epochs?limit=3")
    rest = get(trading, f"/v1/epochs?limit=3&cursor={page['next']}")

    newest = trading.chain.head.timestamp // 60
    assert [row["epoch"] for row in page["items"]] == [newest, newest - 1, newest - 2]
    assert [row["epoch"] for row in rest["items"]] == [trading.epoch]
    assert rest["next"] is None


def test_statistics__count_the_whole_market(trading):
    totals = get(trading, "/v1/statistics")

    assert (totals["providers"], totals["peers"], totals["units"], totals["used"]) == (2, 2, 8, 2)
    assert (totals["deals"], totals["live_deals"], totals["deposited"]) == (1, 1, "1000")
    assert (totals["assignments"], totals["active"], totals["matches"]) == (1, 1, 1)
    assert (totals["provider_offers"], totals["developer_offers"]) == (2, 0)


def test_assignments__of_a_provider_or_peer(trading):
    of_provider = get(trading, f"/v1/assignments?provider={trading.provider.address}&alive=true")
    of_other = get(trading, f"/v1/assignments?provider={trading.other.address}")

    assert [row["id"] for row in of_provider["items"]] == [1]
    assert of_other["items"] == []
    assert [row["id"] for row in get(trading, "/v1/assignments?peer=1")["items"]] == [1]


def test_match_record__book_by_digest__replays_to_the_same_fills(trading):
    record = get(trading, "/v1/matches/1")
    answer = trading.http.get(f"/v1/books/{record['book']}")

    document = load_book(answer.content)
    [match] = replay(document).matches

    assert digest_of(answer.content) == record["book"]
    assert (document.head.block, document.head.block_hash) == (
        record["block"],
        record["block_hash"],
    )
    assert [(f.ask.hash, f.units) for f in match.fills] == [
        (fill["offer"], fill["units"]) for fill in record["fills"]
    ]
    assert document.signatures[hash_offer(trading.bid())] is not None


def test_match_records__listed__come_newest_first_page_by_page(trading):
    trading.post_bid(trading.bid(salt=2, deposit=100))
    trading.turn()

    first = get(trading, "/v1/matches?limit=1")
    rest = get(trading, f"/v1/matches?limit=5&cursor={first['next']}")

    assert [row["id"] for row in first["items"]] == [2]
    assert [row["id"] for row in rest["items"]] == [1]
    assert rest["next"] is None


def test_reads__from_a_page_of_another_origin__are_open_to_it(trading):
    origin = {"Origin": "https://explorer.example"}

    answer = trading.http.get("/v1/deals/1", headers=origin)
    asked = trading.http.request(
        "OPTIONS",
        "/v1/events",
        headers=origin
        | {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "last-event-id",
        },
    )

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert asked.status_code == 200


def test_account__known_or_not__has_its_free_balance_and_counter(trading):
    trading.chain.mine(Deposited(trading.developer.address, 700, 700))
    trading.chain.mine(CounterBumped(trading.developer.address, 3))
    trading.index()

    known = get(trading, f"/v1/accounts/{trading.developer.address}")
    unknown = get(trading, "/v1/accounts/0x" + "11" * 20)

    assert (known["free"], known["counter"]) == ("700", "3")
    assert (unknown["free"], unknown["counter"]) == ("0", "0")


def test_history__of_a_deal_a_transaction_or_a_kind__comes_newest_first_page_by_page(trading):
    of_deal = get(trading, "/v1/history?deal=1")["items"]
    tx = of_deal[-1]["tx"]
    first = get(trading, "/v1/history?deal=1&limit=2")
    rest = get(trading, f"/v1/history?deal=1&limit=9&cursor={first['next']}")
    proofs = get(trading, "/v1/history?names=Committed&peer=1")["items"]
    owned = get(trading, f"/v1/history?account={trading.provider.address}")["items"]

    assert of_deal[0]["name"] == "Activated"
    assert [row["block"] for row in of_deal] == sorted((r["block"] for r in of_deal), reverse=True)
    assert first["items"] + rest["items"] == of_deal
    assert {row["tx"] for row in get(trading, f"/v1/history?tx={tx}")["items"]} == {tx}
    assert [(row["data"]["epoch"], row["peer"]) for row in proofs] == [(trading.epoch, 1)]
    assert "PeerRegistered" in {row["name"] for row in owned}
    assert trading.http.get("/v1/history?cursor=WzFd").status_code == 400


def test_quotes__price_curve__creates_nothing(trading):
    answer = trading.http.post("/v1/quotes", json={"units": 5})

    assert answer.json() == [
        {"units": 2, "total": "20", "price_max": "10"},
        {"units": 5, "total": "110", "price_max": "30"},
    ]
    regions = trading.http.post("/v1/quotes", json={"units": 2, "min_regions": 2}).json()
    assert regions[-1] == {"units": 2, "total": "40", "price_max": "30"}
    assert len(get(trading, "/v1/developer-offers")["items"]) == 1


def test_quotes__bad_requirement__is_bad_input(trading):
    bodies = (
        {},
        {"units": 0},
        {"units": 1, "max_price": -1},
        {"units": 1, "providers": ["0x1"]},
        {"units": 1, "providers_mode": 5},
        {"units": 1, "more": 2},
        {"units": 1, "developer": "me"},
    )

    answers = [trading.http.post("/v1/quotes", json=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [400] * len(bodies)
    assert {answer.json()["type"] for answer in answers} == {"urn:wasmarket:invalid-input"}


def test_depth__by_region_and_traits(trading):
    assert [(d["region"], d["units"]) for d in get(trading, "/v1/book/depth")["items"]] == [
        (0, 2),
        (7, 4),
    ]
    [only] = get(trading, "/v1/book/depth?region=7")["items"]
    assert only["levels"] == [{"price": "30", "peers": 1, "units": 4}]
    assert [d["region"] for d in get(trading, "/v1/book/depth?traits=1")["items"]] == [0]


def test_opportunities__provider_learns_what_it_lost_and_by_how_much(trading):
    answer = get(trading, f"/v1/providers/{trading.other.address}/opportunities")
    [lost] = answer["items"]
    won = get(trading, f"/v1/providers/{trading.provider.address}/opportunities")["items"]

    assert (lost["deal"], lost["price_to_win"], lost["lost_by"]) == (1, "9", "21")
    assert (lost["match"], lost["price_taken"]) == (1, "10")
    assert won == []
    [region] = answer["regions"]
    assert (region["region"], region["units"], region["used"], region["matched"]) == (7, 4, 0, 0)


def test_opportunities__book_of_that_time__counts_and_not_today(trading):
    trading.chain.mine(OfferCancelled(trading.other.address, hash_offer(trading.ask(2, 30))))
    trading.post_ask(trading.ask(2, 5), trading.other)
    trading.index()

    path = f"/v1/providers/{trading.other.address}/opportunities"
    [lost] = get(trading, path)["items"]

    assert (lost["price_to_win"], lost["lost_by"]) == ("9", "21")


def test_opportunities__of_earlier_epochs__only_when_asked_for(trading):
    path = f"/v1/providers/{trading.other.address}/opportunities"
    [lost] = get(trading, f"{path}?epochs=9")["items"]

    assert lost["epoch"] == trading.epoch
    assert get(trading, f"{path}?epochs=1")["items"] == []
    assert get(trading, f"/v1/providers/{trading.provider.address}/opportunities?epochs=9")[
        "regions"
    ] == [
        {
            "region": 0,
            "market_units": 4,
            "market_used": 2,
            "units": 4,
            "used": 2,
            "matched": 2,
            "won": 2,
        }
    ]


def test_opportunities__provider_without_an_offer__is_told_so(trading):
    path = f"/v1/providers/{trading.developer.address}/opportunities"

    [lost] = get(trading, path)["items"]

    assert lost["reasons"] == ["no offer of the provider was in the book"]


def test_opportunities__open_offer_below_the_ask__names_the_bid(trading):
    trading.post_bid(trading.bid(max_price=5, salt=4))

    items = get(trading, f"/v1/providers/{trading.provider.address}/opportunities")["items"]

    assert [(o["deal"], o["price_to_win"], o["lost_by"]) for o in items] == [(None, "5", "5")]
    assert items[0]["reasons"] == ["the price is zero, too large or above the bid"]


UNKNOWN = (
    "/v1/deals/9",
    "/v1/deals/9/assignments",
    "/v1/deals/9/matches",
    "/v1/assignments/9",
    "/v1/peers/9",
    "/v1/matches/9",
    "/v1/books/0x" + "1" * 64,
)
NONSENSE = (
    "/v1/deals/-1",
    "/v1/deals/99999999999999999999",
    "/v1/peers/x",
    "/v1/books/1",
    "/v1/providers/0x1",
    "/v1/epochs/4294967296",
    "/v1/book/depth?region=256",
    "/v1/deals?cursor=%00",
    "/v1/deals?limit=0",
    "/v1/peers?region=999",
    "/v1/provider-offers?peer=99999999999999999999",
)


def test_get__unknown_or_nonsense__is_a_problem_that_says_which(trading):
    unknown = {target: trading.http.get(target).json()["type"] for target in UNKNOWN}
    nonsense = {target: trading.http.get(target).json()["type"] for target in NONSENSE}

    assert unknown == dict.fromkeys(UNKNOWN, "urn:wasmarket:not-found")
    assert nonsense == dict.fromkeys(NONSENSE, "urn:wasmarket:invalid-input")


def test_status__says_who_submits_and_how_far_it_is(trading):
    status = get(trading, "/v1/status")

    head = trading.chain.head.number
    assert (status["service"], status["head"], status["indexed"]) == ("matcher", head, head)
    assert status["extra"] == {
        "account": trading.account.address,
        "is_submitter": True,
        "gap_ppm": 0,
        "lost": {"count": 0, "latest": []},
        "peers": None,
    }
    assert trading.http.get("/v1/health/ready").status_code == 200
    trading.chain.offline = True
    assert get(trading, "/v1/status")["head"] is None
    assert trading.http.get("/v1/health/ready").status_code == 503


def test_ready__store_far_behind__no(trading):
    trading.chain.advance(1_000)

    answer = trading.http.get("/v1/health/ready")

    assert (answer.status_code, "behind" in answer.json()["reason"]) == (503, True)


def test_metrics__count_rounds_and_matches(trading):
    text = trading.http.get("/metrics").text

    assert 'wasmarket_matcher_matches_total{outcome="mined"} 1.0' in text
    assert "wasmarket_matcher_gap_ppm 0.0" in text
    assert json.loads(trading.http.get("/openapi.json").text)["info"]["version"] == "test"
