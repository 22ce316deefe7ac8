"""The developer's commands, each against the running market."""

import hashlib
import json
import re

import pytest

from tests.e2e.market_driver import GREETING, GREETING_V2, wait_until
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e


def test_deploy__example__runs_and_says_what_next(market):
    ran = market.run("deploy", market.greeting, "--new", "--units", 1, "--yes")

    assert ran.code == 0, ran.err
    assert "runs" in ran.out
    deal = ran.out.split()[1]
    assert f"wasmarket call {deal} greeting." in ran.out


def test_deploy__json__names_offer_app_and_deal(market):
    answer = market.run(
        *(
            "deploy",
            market.greeting,
            "--new",
            "--units",
            2,
            "--regions",
            "DE,US",
            "--min-regions",
            2,
        ),
        *("--max-price", "0.02 USDC", "--deposit", "1", "--tip", "0.5", "--json"),
    ).json

    deal = market.run("status", answer["deal"], "--json").json
    assert answer["status"] == "active"
    assert deal["offer"] == answer["offer"]
    assert {row["region"] for row in deal["assignments"]} == {
        row["region"] for row in market.client().matcher.items("/v1/peers") if row["id"] in (1, 3)
    }
    assert int(deal["deposit"]) == 1_000_000
    assert answer["app"].startswith("bafkrei")


def test_deploy__without_price__offers_what_the_quote_says(market):
    answer = market.run(
        "deploy", market.greeting, "--new", "--regions", "US", "--yes", "--json"
    ).json

    [quote] = market.run("quote", "--regions", "US", "--json").json
    [assignment] = market.run("status", answer["deal"], "--json").json["assignments"]
    assert quote == {"units": 1, "total": "15000", "price_max": "15000"}
    assert assignment["price"] == "15000"


def test_deploy__nobody_in_the_region__is_refused_before_anything_is_signed(market):
    before = market.run("status", "--json").json

    ran = market.run("deploy", market.greeting, "--new", "--regions", "JP", "--yes")

    assert ran.code == 3
    assert "only 0 units like these are on offer" in ran.err
    assert "hint: " in ran.err
    assert market.run("status", "--json").json["offers"] == before["offers"]


def test_deploy__no_time_to_wait__returns_at_once(market):
    answer = market.run(
        "deploy",
        market.greeting,
        "--new",
        "--max-price",
        "0.001",
        "--deposit",
        "1",
        "--wait",
        0,
        "--json",
    )

    assert answer.code == 0
    assert answer.json["status"] in ("posted", "unmatched")


def test_deploy__only_and_exclude__is_a_usage_error(market):
    address = market.address("alpha")

    ran = market.run(
        "deploy", market.greeting, "--new", "--only", address, "--exclude", address, "--yes"
    )

    assert ran.code == 2
    assert "not both" in ran.err


@pytest.mark.parametrize(("option", "peers"), [("--only", {3}), ("--exclude", {1, 2})])
def test_deploy__provider_list__is_kept(market, option, peers):
    ran = market.run(
        *(
            "deploy",
            market.greeting,
            "--new",
            "--max-price",
            "0.02",
            option,
            market.address("beta"),
        ),
        *("--yes", "--json"),
    )

    [row] = market.run("status", ran.json["deal"], "--json").json["assignments"]
    assert row["peer"] in peers


def test_deploy__not_confirmed__publishes_nothing(market):
    offers = market.run("status", "--json").json["offers"]

    ran = market.run("deploy", market.greeting, "--new", "--max-price", "0.02", stdin=b"n\n")

    assert ran.code == 1
    assert market.run("status", "--json").json["offers"] == offers


def test_quote__units__rises_from_cheapest_to_dearest(market):
    curve = market.run("quote", "--units", 2, "--per-provider", 1, "--json").json

    assert [row["units"] for row in curve] == [1, 2]
    assert [row["price_max"] for row in curve] == ["10000", "15000"]
    assert curve[1]["total"] == "25000"


def test_quote__table__shows_money_in_full(market):
    assert "0.010000" in market.run("quote").out


def test_quote__more_than_there_is__says_how_many_there_are(market):
    some, none = market.run("quote", "-u", 2_000), market.run("quote", "--regions", "NZ")

    assert "of 2000 are on offer now" in some.err
    assert "┃ units ┃" in some.out
    assert (none.code, none.out) == (0, "")
    assert "none are on offer now" in none.err


def test_call__arguments__are_json_or_text(market, deal):
    assert market.run("call", deal, "greeting.greeting", "World").out == "Hi, World\n"
    assert market.run("call", deal, "greeting.add", 2, 40).out == "42\n"


def test_call__json__tells_peer_and_receipt(market, deal):
    answer = market.run("call", deal, "greeting.greeting", "World", "--json").json

    assert answer["result"] == "Hi, World"
    assert int(answer["peer"]) in (1, 3)
    assignment, sequence, digest = answer["receipt"].split(":")
    assert (int(assignment) > 0, int(sequence) >= 0, len(digest)) == (True, True, 64)


def test_call__raw__sends_and_prints_bytes(market, deal, tmp_path):
    data = bytes(range(256))
    (tmp_path / "data").write_bytes(data)

    from_file = market.run("call", deal, "greeting.digest", "--raw", tmp_path / "data")
    from_pipe = market.run("call", deal, "greeting.digest", "--raw", "-", stdin=data)

    assert from_file.output == from_pipe.output == hashlib.sha256(data).digest()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{deal}", "greeting"), 2, "names no function"),
        (("{deal}", "greeting.nothing"), 1, "nothing"),
        (("{deal}", "other.greeting"), 1, "other"),
        (("{deal}", "greeting.greeting"), 2, ""),
        (("{deal}", "greeting.add", "1", "text"), 2, ""),
        (("9999", "greeting.greeting", "x"), 1, "there is no deal 9999"),
        (("0", "greeting.greeting", "x"), 2, "0"),
        (("{deal}", "greeting.digest", "x", "--raw", "-"), 2, "either --raw or arguments"),
        (("{deal}", "greeting.digest", "--raw", "/no/such/file"), 2, "cannot read"),
    ],
)
def test_call__wrong__says_what(market, deal, arguments, code, words):
    ran = market.run("call", *(text.format(deal=deal) for text in arguments))

    assert (ran.code, ran.output) == (code, b"")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_logs__after_a_call__show_what_the_function_wrote(market):
    deal = market.deploy()
    market.run("call", deal, "greeting.greeting", "Logbook")

    lines = [json.loads(line) for line in market.run("logs", deal, "--json").out.splitlines()]

    assert [line["text"] for line in lines if line["function"] == "greeting.greeting"] == [
        "greeting Logbook"
    ]
    assert re.search(
        r" info  greeting\.greeting @[1-3]: greeting Logbook\n", market.run("logs", deal).out
    )


def test_logs__of_somebody_elses_deal__are_refused(market, deal):
    ran = market.run("logs", deal, "--key", "alpha")

    assert (ran.code, ran.out) == (3, "")


def test_status__offer_and_all__agree_with_the_deal(market, deal):
    row = market.run("status", deal, "--json").json
    offer = market.run("status", row["offer"], "--json").json
    everything = market.run("status", "--json").json

    assert (offer["deal"], offer["status"]) == (deal, "active")
    assert deal in [entry["id"] for entry in everything["deals"]]
    assert row["offer"] in [entry["hash"] for entry in everything["offers"]]


@pytest.mark.parametrize("what", [(), ("{deal}",)])
def test_status__for_people__is_a_table(market, deal, what):
    ran = market.run("status", *(text.format(deal=deal) for text in what))

    assert ran.code == 0
    assert "running" in ran.out


def test_status__no_offer__is_a_usage_error(market):
    assert market.run("status", "nonsense").code == 2
    assert market.run("status", "0x" + "00" * 32).code == 1


def test_explain__price_below_all__names_the_price_that_would_do(market):
    answer = market.run(
        "deploy",
        market.greeting,
        "--new",
        "--max-price",
        "0.004",
        "--deposit",
        "1",
        "--wait",
        0,
        "--json",
    ).json
    wait_until(
        "the matcher tries",
        lambda: market.run("status", answer["offer"], "--json").json["status"] == "unmatched",
    )

    explained = market.run("explain", answer["offer"], "--json").json
    shown = market.run("explain", answer["offer"]).out

    assert (explained["want"], explained["units"]) == (1, 0)
    assert [row for row in explained["relaxations"] if row["field"] == "max_price"] == [
        {
            "field": "max_price",
            "from": "4000",
            "to": "10000",
            "units": 1,
            "price": "10000",
            "peers": None,
        }
    ]
    assert explained["price_distance"] == {"any": "6000", "all": "6000"}
    assert "0.006000 USDC more per unit gives all" in shown
    assert "0.004000" in shown
    assert "0.010000" in shown


def test_explain__deal_with_all_its_units__has_nothing_to_change(market, deal):
    explained = market.run("explain", deal, "--json").json

    assert (explained["want"], explained["units"], explained["relaxations"]) == (0, 0, [])


def test_runway__deal__is_balance_by_rate(market, deal):
    row = market.run("runway", deal, "--json").json

    assert int(row["runway"]) == int(row["balance"]) // int(row["rate"])
    assert row["seconds"] == 60 * int(row["runway"])
    assert f"pay for {row['runway']} more epochs" in market.run("runway", deal).out


def test_top_up__take__move_exactly_the_amount(market):
    deal = market.deploy()
    # Whole epochs are billed: none may begin while we count.
    market.next_epoch()
    before = int(market.run("runway", deal, "--json").json["balance"])

    topped = market.run("top-up", deal, "0.25", "--json").json
    taken = market.run("take", deal, "0.100001", "--json").json

    assert int(topped["balance"]) == before + 250_000
    assert int(taken["balance"]) == before + 250_000 - 100_001


def test_top_up__by_somebody_else__is_allowed_but_not_taking(market):
    deal = market.deploy()

    assert market.run("top-up", deal, "0.25", "--key", "alpha").code == 0
    refused = market.run("take", deal, "0.25", "--key", "alpha")

    assert refused.code == 3
    assert "market: " in refused.err


def test_drop__one_assignment__ends_it_and_keeps_the_others(market):
    deal = market.deploy(units=2, max_units_per_provider=1)
    first, _ = market.client().deal(deal)["assignments"]

    ran = market.run("drop", first["id"], "--why", "too-slow")

    assert ran.code == 0, ran.err
    row = wait_until(
        "the store sees it",
        lambda: next((r for r in market.assignments(deal) if r["ended_kind"]), None),
    )
    assert row["id"] == first["id"]
    assert (row["ended_kind"], row["why"]) == ("dropped", 65)
    assert market.client().call(deal, "greeting", "greeting", ["x"]).value == "Hi, x"


def test_drop__make_before_break__the_replacement_answers_first(market):
    answer = market.run(
        *(
            "deploy",
            market.greeting,
            "--new",
            "--units",
            1,
            "--spare",
            1,
            "--max-price",
            "0.03 USDC",
        ),
        *("--deposit", "1", "--yes", "--json"),
    ).json
    deal = answer["deal"]
    [old] = market.client().deal(deal)["assignments"]

    ran = market.run("drop", old["id"], "--why", "too-slow", "--make-before-break")

    assert ran.code == 0, ran.err
    assert f"replacement of assignment {old['id']}: ready" in ran.err
    rows = wait_until(
        "the store sees it",
        lambda: next((r for r in [market.assignments(deal)] if r[0]["ended_kind"]), None),
    )
    [gone, new] = rows
    assert (gone["id"], gone["ended_kind"]) == (old["id"], "dropped")
    assert (new["state"], new["alive"]) == ("active", True)
    assert new["peer"] != gone["peer"]
    assert new["assigned_at"] <= gone["ended_at"]
    assert market.run("status", answer["offer"], "--json").json["status"] == "active"
    assert market.client().call(deal, "greeting", "greeting", ["x"]).value == "Hi, x"


def test_drop__make_before_break_without_room__is_refused_and_nothing_is_dropped(market):
    deal = market.deploy()
    [row] = market.client().deal(deal)["assignments"]

    ran = market.run("drop", row["id"], "--make-before-break")

    assert ran.code == 3
    assert "the offer allows 1 units, 1 are in use" in ran.err
    assert "--spare" in ran.err
    assert [r["alive"] for r in market.assignments(deal)] == [True]


def test_drop__only_one_that_has_ended__is_refused_with_the_reason(market):
    deal = market.deploy()
    [row] = market.client().deal(deal)["assignments"]
    market.run("drop", row["id"])

    again = market.run("drop", row["id"])

    assert again.code == 3
    assert "ended" in again.err


def test_stop__deal__returns_the_rest_and_calls_end(market):
    deal = market.deploy(deposit=500_000)
    free = market.wiring.market.account(market.address("developer")).free

    ran = market.run("stop", deal, "--yes", "--json")

    returned = int(ran.json["returned"])
    assert 0 < returned < 500_000
    assert market.wiring.market.account(market.address("developer")).free == free + returned
    assert market.run("stop", deal, "--yes").code == 3
    market.next_epoch()
    wait_until("calls end", lambda: market.run("call", deal, "greeting.greeting", "x").code == 3)


def test_update__new_version__answers_without_a_gap(market):
    deal = market.deploy(units=2, max_units_per_provider=1)

    ran = market.run("update", deal, GREETING_V2, "--json")

    assert ran.code == 0, ran.err
    answers = []

    def both_are_new():
        answers.append(market.client().call(deal, "greeting", "greeting", ["W"]).value)
        return answers[-6:] == ["Hello, W! Nice to see you."] * 6

    wait_until("both peers switch", both_are_new)
    assert set(answers) <= {"Hi, W", "Hello, W! Nice to see you."}
    assert market.run("status", deal, "--json").json["version"] == 2


def test_update__somebody_elses_deal__is_refused(market, deal):
    ran = market.run("update", deal, GREETING_V2, "--key", "alpha")

    assert ran.code == 3
    assert "market: " in ran.err


def test_build__example__names_its_cids(market):
    answer = market.run("build", GREETING, "--json").json

    assert answer["name"] == "greeting"
    assert [name for name, _ in answer["modules"]] == ["greeting/greeting"]
    assert answer["cid"] in market.run("build", GREETING).out


def test_run__example_here__answers_as_a_peer_would(market, tmp_path):
    storage = tmp_path / "storage"

    assert market.run("run", GREETING, "greeting.greeting", "World").out == "Hi, World\n"
    for count in ("1\n", "2\n"):
        ran = market.run("run", GREETING, "greeting.visit", "--storage", storage)
        assert ran.out == count


def test_deposit__withdraw__move_money_to_the_unit(market):
    def balance():
        row = market.run("wallet", "balance", "--key", "beta", "--json").json
        return int(row["usdc"]), int(row["free"])

    wallet, free = balance()

    assert market.run("wallet", "deposit", "1.5", "--key", "beta").code == 0
    assert balance() == (wallet - 3 * USDC // 2, free + 3 * USDC // 2)
    assert market.run("wallet", "withdraw", "0.5", "--key", "beta").code == 0
    assert balance() == (wallet - USDC, free + USDC)
    assert market.run("wallet", "withdraw", "--key", "beta").code == 0
    assert balance() == (wallet + free, 0)
    nothing = market.run("wallet", "withdraw", "--key", "beta")
    assert nothing.code == 2
    assert "no free balance" in nothing.err


def test_match__of_a_running_deal__is_shown_and_verified(market, deal):
    shown = market.run("match", "show", deal)
    [record] = market.run("match", "show", deal, "--json").json
    ran = market.run("match", "verify", deal)
    report = market.run("match", "verify", deal, "--json").json

    assert ran.code == 0, ran.out + ran.err
    assert f"verified: 1 match of deal {deal}" in ran.out
    assert "every word of every peer" in ran.out
    assert record["book"] in shown.out
    assert report["verified"]
    assert report["matches"][0]["differences"] == []
    assert all(check["result"] == "ok" for check in report["matches"][0]["checks"].values())


def test_match__no_such_deal_or_matcher__says_so(market):
    assert market.run("match", "verify", 9_999).code == 1
    ran = market.run("match", "verify", 1, "--matcher", "http://127.0.0.1:1")
    assert ran.code == 4
