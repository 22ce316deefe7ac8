"""Asks, seats, and what a metered deal paid, in a real browser."""

import pytest

from tests.e2e.browser import NEEDS_BROWSER, PHONE, expect
from tests.e2e.market_driver import wait_until
from wasmarket.kernel.signing.usage import AssignmentUsage, dump_voucher, sign_usage

pytestmark = [pytest.mark.e2e, *NEEDS_BROWSER]

WORK = 10**11


@pytest.fixture(scope="module")
def metered(market):
    """A metered deal of one unit, one call, and one voucher that its peer redeemed."""
    peer = market.market.peer_ids["beta-1"]
    assert market.run("offer", "make", peer, "0.3", "--metered", "--key", "beta").code == 0
    asked = ("--new", "--metered", "--fuel", 10**9, "--yes", "--json")
    deal = market.run("deploy", market.greeting, *asked).json["deal"]
    assert market.call(deal, "greeting/greeting", ["World"]).status_code == 200
    [row] = market.assignments(deal)
    key = market.wiring.account("developer").key
    voucher = sign_usage(market.wiring.domain, AssignmentUsage(row["id"], WORK), key)
    assert market.run("redeem", dump_voucher(voucher)).code == 0
    return {"deal": deal, "assignment": row["id"], "peer": row["peer"]}


@pytest.fixture(scope="module")
def case(market, metered):
    """An ask about its call, which its peer has answered."""
    epoch = market.next_epoch() - 1
    asker = market.new_account("asker")
    made = market.run("audit", "ask", metered["assignment"], epoch, 0, "--key", asker, "--json")
    assert made.code == 0, made.err
    number = made.json["case"]

    def is_answered():
        status = market.run("audit", "status", number, "--json")
        return status.code == 0 and status.json["case"]["outcome"] == "answered"

    wait_until("the peer answers", is_answered)
    return number


def test_deal__metered__shows_vouchers_and_no_cost_of_time(visitor, metered):
    visitor.open(f"/deals/{metered['deal']}")

    row = visitor.page.get_by_role("region", name="Vouchers").get_by_role("row").last
    expect(row).to_contain_text("0.1 × 10¹²")
    expect(row).to_contain_text("0.03 USDC")
    tile = visitor.page.locator(".tile").filter(has_text="Paid for work")
    expect(tile).to_contain_text("0.03 USDC")
    expect(visitor.page.get_by_text("Cost by epoch")).to_have_count(0)
    visitor.wait_loaded()
    assert visitor.find_barriers() == []


def test_audits__an_ask_that_was_answered__leads_to_case_peer_and_deal(visitor, metered, case):
    visitor.open("/")
    visitor.page.get_by_role("link", name="Audits").click()
    row = visitor.page.get_by_role("row").filter(has_text=f"case {case}")
    expect(row).to_contain_text("Answered")
    visitor.wait_loaded()
    assert visitor.find_barriers() == []
    assert visitor.find_pale_texts() == []
    visitor.picture("audits")

    row.get_by_role("link", name=f"case {case}").click()
    expect(visitor.page.locator("h1")).to_contain_text(f"Case {case}")
    expect(visitor.page.get_by_text("An ask needs no jury.")).to_be_visible()
    expect(visitor.page.get_by_role("link", name=f"deal {metered['deal']}")).to_be_visible()
    assert visitor.find_barriers() == []
    visitor.page.set_viewport_size(PHONE)
    visitor.wait_fitted()

    visitor.page.get_by_role("link", name=f"peer {metered['peer']}").first.click()
    cases = visitor.page.get_by_role("region", name="Cases")
    expect(cases.get_by_role("link", name=f"case {case}")).to_be_visible()
    visitor.wait_fitted()


def test_case__that_there_is_not__says_so(visitor):
    visitor.open("/cases/4000")

    expect(visitor.page.get_by_text("There is no case 4000.")).to_be_visible()
