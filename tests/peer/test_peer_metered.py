"""A metered deal on a peer: work counted, credit kept, vouchers taken and redeemed."""

from dataclasses import replace

import httpx
import pytest

from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel import events
from wasmarket.kernel.billing import due
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.documents.receipts import WORK_CALL
from wasmarket.kernel.reasons import LeaveReason
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.signing.usage import AssignmentUsage, dump_voucher, sign_usage
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e

METER = Account.from_key(b"\x2a" * 32)
LIMITS = Limits(call_ms=1_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)
CALLS = 20
CREDIT = due(CALLS * WORK_CALL, USDC)
"""What twenty calls cost that do nothing at all, at 1 USDC per 10^12 work: 20 base units."""


@pytest.fixture
def peer(make_peer):
    made = make_peer()
    made.policy = f'[metered]\ncredit = "0.{CREDIT:06d}"\nleast_redeem = "0.000001"\n'
    made.start()
    return made


@pytest.fixture
def match(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes(), limits=LIMITS)
    made = world.match(app, [peer.number], meter=METER.address)
    peer.wait_for_state(made.deal, "serving")
    return made


def usage(peer, deal):
    [item] = peer.get(f"/v1/deals/{deal}/vouchers").json()["items"]
    return item


def voucher(world, match, work):
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    signed = sign_usage(domain, AssignmentUsage(match.assignments[0], work), METER.key)
    return dump_voucher(signed)


def post(peer, deal, line):
    url = f"{peer.url}/v1/deals/{deal}/vouchers"
    return httpx.post(url, json={"vouchers": [line]}, trust_env=False)


def call_to_the_limit(peer, deal):
    for _ in range(2 * CALLS):
        answer = peer.call(deal, "greeting", ["you"])
        if answer.status_code != 200:
            return answer
    raise AssertionError("never at the limit")


def start_deal(world, peer, limits):
    return world.match(
        publish(peer.blocks, GREETING.read_bytes(), limits=limits),
        [peer.number],
        meter=METER.address,
    )


def redeemed(world, match):
    return [e for e in world.events(events.Redeemed) if e.deal == match.deal]


def test_metered__called__counts_fuel_and_bytes(world, peer, match):
    answer = peer.call(match.deal, "greeting", ["you"])

    fuel = int(answer.headers["Wasmarket-Fuel"])
    size = len(answer.request.content) + len(answer.content)
    assert fuel > 0
    assert int(usage(peer, match.deal)["done"]) == WORK_CALL + fuel + 16 * size
    [activated] = [e for e in world.events(events.Activated) if e.deal == match.deal]
    assert activated.rate == 0


def test_metered__credit_used_up__is_paid_on_chain_and_goes_on(world, peer, match):
    answer = call_to_the_limit(peer, match.deal)
    assert answer.status_code == 402
    assert answer.json()["type"] == "urn:wasmarket:credit-used"
    done = int(usage(peer, match.deal)["done"])

    assert post(peer, match.deal, voucher(world, match, done)).status_code == 200

    [paid] = wait_until("it is redeemed", lambda: redeemed(world, match))
    assert (paid.work, paid.paid) == (done, due(done, USDC))
    wait_until(
        "it serves again", lambda: peer.call(match.deal, "greeting", ["you"]).status_code == 200
    )


def test_metered__voucher_with_a_call__is_kept_over_a_kill(world, peer, match):
    peer.call(match.deal, "greeting", ["you"])
    work = int(usage(peer, match.deal)["done"])
    line = voucher(world, match, work)

    answer = peer.call(match.deal, "greeting", ["you"], headers={"Wasmarket-Usage": line})
    peer.kill()
    peer.start()

    assert answer.status_code == 200
    after = usage(peer, match.deal)
    assert (int(after["signed"]), after["voucher"]) == (work, line)
    assert int(after["done"]) > work


def test_metered__voucher_of_a_stranger__is_refused_with_the_call(world, peer, match):
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    forged = sign_usage(domain, AssignmentUsage(match.assignments[0], 5), world.stranger.key)
    headers = {"Wasmarket-Usage": dump_voucher(forged)}

    answer = peer.call(match.deal, "greeting", ["you"], headers=headers)

    assert answer.status_code == 403
    assert usage(peer, match.deal)["done"] == "0"
    assert post(peer, match.deal, "5:6:no").status_code == 400


def test_metered__voucher_of_another_deals_assignment__is_refused(world, peer, match):
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    foreign = AssignmentUsage(match.assignments[0] + 1_000, 10**9)

    answer = post(peer, match.deal, dump_voucher(sign_usage(domain, foreign, METER.key)))

    assert answer.status_code == 404
    assert answer.json()["field"] == "usage"


def test_metered__deal_stopped__is_redeemed_before_the_notice_is_over(world, peer, match):
    for _ in range(5):
        peer.call(match.deal, "greeting", ["you"])
    work = int(usage(peer, match.deal)["done"])
    post(peer, match.deal, voucher(world, match, work))
    assert redeemed(world, match) == []

    world.send(world.developer, world.market.call("stop", match.deal))

    [paid] = wait_until("it is redeemed", lambda: redeemed(world, match))
    assert paid.paid == due(work, USDC)


def test_metered__app_without_a_limit_of_fuel__is_left(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes(), name="greeting")

    match = world.match(app, [peer.number], meter=METER.address)

    def find():
        return [e for e in world.events(events.Ended) if e.deal == match.deal]

    [ended] = wait_until("it is left", find)
    assert ended.why == LeaveReason.POLICY


def test_reserved_deal__voucher__is_refused(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    match = world.match(app, [peer.number])
    peer.wait_for_state(match.deal, "serving")

    assert post(peer, match.deal, voucher(world, match, 5)).status_code == 409


def test_metered__app_that_asks_for_less_credit__is_served_to_that_and_redeemed(world, peer):
    asked = CREDIT // 4
    match = start_deal(world, peer, replace(LIMITS, credit=asked))
    peer.wait_for_state(match.deal, "serving")

    assert call_to_the_limit(peer, match.deal).status_code == 402
    found = usage(peer, match.deal)
    assert (int(found["credit"]), CREDIT // 2 > int(found["owed"]) >= asked) == (asked, True)
    post(peer, match.deal, voucher(world, match, int(found["done"])))

    wait_until("it is redeemed", lambda: redeemed(world, match))


def test_metered__app_that_asks_for_more_credit_than_is_granted__is_given_back(world, peer):
    match = start_deal(world, peer, replace(LIMITS, credit=CREDIT + 1))

    def ended():
        return [e for e in world.events(events.Ended) if e.assignment == match.assignments[0]]

    [end] = wait_until("it is given back", ended)
    assert end.why == LeaveReason.POLICY
