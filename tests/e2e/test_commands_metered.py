"""Metered deals by commands: compare, deploy, call, redeem, look, stop."""

import httpx
import pytest

from tests.e2e.market_driver import wait_until
from wasmarket.kernel.signing.usage import AssignmentUsage, dump_voucher, sign_usage
from wasmarket.kernel.units import format_flt

pytestmark = pytest.mark.e2e

PRICE = 300_000


@pytest.fixture(scope="module")
def selling(market):
    """A market in which a peer of beta sells work too."""
    peer = market.market.peer_ids["beta-1"]
    made = market.run("offer", "make", peer, "0.3", "--metered", "--key", "beta", "--json")
    assert made.code == 0, made.err
    return market


@pytest.fixture(scope="module")
def metered(selling):
    """A metered deal of one unit."""
    asked = ("--new", "--metered", "--fuel", 10**9, "--credit", "0.5", "--yes", "--json")
    ran = selling.run("deploy", selling.greeting, *asked)
    assert ran.code == 0, ran.err
    return ran.json["deal"]


def voucher(market, deal, work):
    [row] = market.run("status", deal, "--json").json["assignments"]
    account = market.wiring.account("developer")
    usage = AssignmentUsage(row["id"], work)
    return dump_voucher(sign_usage(market.wiring.domain, usage, account.key))


def test_quote__load__tells_both_prices_side_by_side(selling):
    asked = ("quote", "--calls", 2_000_000, "--ms", 5)

    told = selling.run(*asked)
    found = selling.run(*asked, "--json").json

    assert told.out.startswith("at 2,000,000 calls a month of 5 ms: reserved ")
    assert found["work"] == str(2_000_000 * 6_016_000)
    assert found["metered"] == str(-(-int(found["work"]) * PRICE // 10**12))
    assert int(found["reserved"]) > 0


def test_quote__calls_without_their_length__is_a_usage_error(selling):
    ran = selling.run("quote", "--calls", 5)

    assert ran.code == 2
    assert "--ms" in ran.err


def test_deploy__metered_without_a_limit_of_fuel__says_what_to_do(selling):
    ran = selling.run("deploy", selling.greeting, "--new", "--metered", "--yes")

    assert ran.code == 2
    assert "--fuel" in ran.err


def test_deploy__credit_of_a_deal_that_is_not_metered__is_refused(selling):
    ran = selling.run("deploy", selling.greeting, "--credit", "0.5", "--yes")

    assert (ran.code, "owes nobody" in ran.err) == (2, True), ran.err


def test_deploy__meter_of_a_deal_that_is_not_metered__is_refused(selling):
    meter = selling.address("developer")

    ran = selling.run(
        "deploy", selling.greeting, "--new", "--meter", meter, "--fuel", 10**9, "--yes"
    )

    assert ran.code == 2
    assert "--metered" in ran.err


def test_deploy__calls_that_no_peer_can_serve__says_why_they_gave_it_back(selling):
    ran = selling.run("deploy", selling.greeting, "--new", "--fuel", 1_000, "--yes")

    assert ran.code != 0
    assert "the service failed to start" in ran.err
    assert "wasmarket update" in ran.err


def test_accuse__not_confirmed__says_what_it_costs_and_sends_nothing(selling, metered):
    answer = selling.call(metered, "greeting/greeting", ["World"])
    assignment, sequence, _ = answer.headers["wasmarket-receipt"].split(":")
    epoch = selling.next_epoch() - 1
    terms = selling.wiring.deployment.parameters
    before = selling.wiring.rpc.fetch_nonce(selling.address("developer"))

    ran = selling.run("audit", "accuse", assignment, epoch, sequence)

    assert ran.code != 0
    asked = ran.out + ran.err
    for amount in (terms.stake, 7 * terms.juror_fee, terms.stake + 7 * terms.juror_fee):
        assert format_flt(amount) in asked
    after = selling.wiring.rpc.fetch_nonce(selling.address("developer"))
    assert after == before


def test_deploy__metered__is_called_and_billed_by_vouchers_alone(selling, metered):
    before = selling.run("status", metered, "--json").json
    answer = selling.run("call", metered, "greeting.greeting", "World")
    signed = voucher(selling, metered, 10**11)

    paid = selling.run("redeem", signed, "--json").json
    again = selling.run("redeem", signed, "--json")

    assert answer.out == "Hi, World\n", answer.err
    [place] = before["assignments"]
    found = httpx.get(f"{place['endpoint']}/v1/deals/{metered}/vouchers").json()["items"]
    assert [item["credit"] for item in found] == ["500000"]
    assert (before["rate"], before["meter"]) == ("0", selling.address("developer"))
    assert [row["paid"] for row in paid["redeemed"]] == [str(PRICE // 10)]
    assert (again.code, list(again.json["skipped"].values())) == (
        3,
        ["nothing is due beyond what was paid"],
    )

    def is_indexed():
        used = selling.run("usage", metered, "--json").json
        return used if used["assignments"][0]["work"] != "0" else None

    used = wait_until("the redemption is indexed", is_indexed)
    [row] = used["assignments"]
    assert (row["work"], row["paid"], row["owed"]) == (str(10**11), str(PRICE // 10), "0")
    assert int(used["balance"]) == int(before["balance"]) - PRICE // 10


def test_redeem__for_people__says_what_was_paid_and_what_was_not(selling, metered):
    signed = voucher(selling, metered, 2 * 10**11)

    paid = selling.run("redeem", "-", stdin=f"{signed}\n".encode())
    again = selling.run("redeem", signed)
    nothing = selling.run("redeem", "-", stdin=b"")

    [row] = selling.run("status", metered, "--json").json["assignments"]
    assert paid.code == 0, paid.err
    assert paid.out.startswith(f"assignment {row['id']}: ")
    assert paid.out.endswith(" USDC paid\n")
    assert (again.code, again.out) == (3, "")
    assert "left as it is: nothing is due beyond what was paid" in again.err
    assert (nothing.code, "no voucher was given" in nothing.err) == (2, True)


def test_usage__for_people__is_by_assignment_and_by_function(selling, metered):
    assert selling.run("call", metered, "greeting.greeting", "World").code == 0
    selling.next_epoch()

    ran = selling.run("usage", metered, "--functions")
    plain = selling.run("usage", metered)

    assert ran.code == plain.code == 0, ran.err
    assert "By function, in these epochs" in ran.out
    assert "By function" not in plain.out
    assert f"usage is signed by {selling.address('developer')}" in plain.out


def test_usage__reserved_deal__says_that_time_is_paid(selling, deal):
    ran = selling.run("usage", deal)

    assert ran.code == 2
    assert "reserved" in ran.err


def test_gateway__that_hosts_the_meter__signs_for_what_was_called_and_alone(selling, metered):
    run = ("gateway", "run", "--port", 0, "--meter", "--meter-key", "developer")
    hosting = selling.market.start_watching("hosting", [str(part) for part in run])
    with httpx.Client(base_url=hosting.url, timeout=60) as client:
        assert client.post(f"/v1/deals/{metered}/greeting/greeting", json=["you"]).is_success
        status = client.get("/v1/status").json()["extra"]["meter"]
        assert status["meter"] == selling.address("developer")
        selling.next_epoch()

        def signed():
            rows = client.get("/v1/usage", params={"deal": metered}).json()["items"]
            return [row for row in rows if row["signed"] == row["delivered"] != "0"]

        [row] = wait_until("the meter has signed", signed)
        assert row["problems"] == {}

    second = selling.run("meter", "run", "--key", "developer", "--port", 0)
    hosting.stop()
    assert (second.code, "another meter writes" in second.err) == (3, True), second.err


def test_gateway__reruns_without_a_meter__is_a_usage_error(selling):
    ran = selling.run("gateway", "run", "--rerun")

    assert (ran.code, "--meter" in ran.err) == (2, True), ran.err


def test_stop__metered__keeps_its_balance_for_vouchers(selling, metered):
    stopped = selling.run("stop", metered, "--yes")
    early = selling.run("take", metered, "0.1")

    assert "3 epochs" in stopped.out
    assert early.code == 3
    assert "deals: notice" in early.err
    assert int(selling.run("status", metered, "--json").json["balance"]) > 0
