"""Clocks of gateway, processor and chain that disagree, or are set: nothing is lost or doubled."""

import pytest

from payments.processors.signatures import check_webhook, sign_webhook
from tests.matcher.fake_town import Http
from tests.payments.shop import BOUGHT, CARD, NOON, SETTINGS
from tests.payments.test_payments_api import BUYER, SignedBook, bring
from wasmarket.client.service import request_signer
from wasmarket.kernel.errors import Expired, Refused
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.store.enums import CheckoutState

pytestmark = pytest.mark.unit

HOURS = 3_600
SKEWS = (-2 * HOURS, 2 * HOURS)


@pytest.fixture
def http(shop):
    shop.processor = SignedBook(shop.processor)
    shop.gateway = shop.build()
    return Http(shop.gateway.app)


@pytest.mark.parametrize("skew", SKEWS)
def test_purchase__processor_hours_apart__webhook_is_refused_and_asking_finds_it(shop, http, skew):
    shop.processor_skew = skew
    checkout = shop.open()
    shop.pay(checkout)
    [event] = shop.book.take_due()

    answer = bring(http, event, at=NOON + skew)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:wasmarket:expired")
    shop.now += SETTINGS.look_seconds
    shop.look()
    shop.deliver()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


@pytest.mark.parametrize(("age", "is_taken"), [(300, True), (-300, True), (301, False)])
def test_webhook__signed_within_five_minutes__is_taken(age, is_taken):
    header = sign_webhook(b"{}", "secret", NOON - age)

    if is_taken:
        check_webhook(b"{}", header, ["secret"], NOON)
    else:
        with pytest.raises(Expired, match="more than 300 s from now"):
            check_webhook(b"{}", header, ["secret"], NOON)


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (SETTINGS.quote_seconds + SETTINGS.late_seconds, CheckoutState.DELIVERED),
        (SETTINGS.quote_seconds + SETTINGS.late_seconds + 1, CheckoutState.REFUNDED),
    ],
)
def test_quote__processor_hours_apart__holds_a_quarter_of_an_hour(shop, skew, seconds, state):
    shop.processor_skew = skew
    checkout = shop.open()
    shop.processor.is_down = True
    shop.now += seconds
    shop.pay(checkout)
    shop.processor.is_down = False

    shop.look()
    shop.deliver()

    assert shop.read(checkout).state is state
    assert len(shop.node.delivered()) == (state is CheckoutState.DELIVERED)
    assert shop.differences() == []


def test_purchase__our_clock_set_back_for_hours__is_looked_at_all_the_same(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.now -= 5 * HOURS

    shop.look()
    shop.deliver()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_refund__our_clock_set_back_meanwhile__is_made_once(shop):
    checkout = shop.open()
    shop.processor.is_down = True
    shop.now += SETTINGS.quote_seconds + SETTINGS.late_seconds + 1
    shop.pay(checkout)
    shop.processor.is_down, shop.processor.loses_answers = False, True
    shop.look()
    assert shop.read(checkout).state is CheckoutState.REFUNDING
    shop.now -= 24 * HOURS
    shop.processor.loses_answers = False

    shop.look()
    shop.deliver()

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.REFUNDED, 2_000)
    assert shop.differences() == []


def test_quote__our_clock_jumps_ahead__cannot_be_paid_and_nothing_is_charged(shop):
    checkout = shop.open()
    shop.now += 5 * HOURS

    shop.look()

    assert shop.read(checkout).state is CheckoutState.EXPIRED
    with pytest.raises(Refused):
        shop.book.pay(shop.read(checkout).session, CARD)
    assert shop.balances() == {}


@pytest.mark.parametrize("skew", SKEWS)
def test_signed_request__counts_by_the_chains_time(shop, http, skew):
    shop.chain_skew = skew
    deployment, path = shop.node.deployment, f"/v1/accounts/{BUYER.address}/checkouts"
    domain = market_domain(deployment.chain_id, deployment.market)

    def ask(now):
        signer = request_signer(domain, BUYER.key, lambda: now)
        return http.get(path, headers={"Authorization": signer("GET", path, b"")}).status_code

    assert ask(NOON + skew) == 200
    assert ask(NOON) in (400, 401)
