"""The gateway over HTTP: checkouts, pages, webhooks, history and receipts by signed request."""

import base64
import dataclasses
import hashlib
import json
import re

import pytest

from payments.processors.sandbox_client import SandboxProcessor
from payments.processors.signatures import sign_webhook
from tests.matcher.fake_town import Http
from tests.payments.shop import NOON, SETTINGS, Shop
from tests.payments.treasury_node import DEVELOPER
from tests.pdf_text import read_pdf
from tests.wasmarket.store.stores import copy_store
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.service import request_signer
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.store.enums import CheckoutState, Purpose
from wasmarket.store.payments.checkouts import update_checkout

pytestmark = pytest.mark.unit

SECRET = "the webhooks' secret"
BUYER = Account.from_key(b"\x07" * 32)


class SignedBook:
    """The processor in memory, whose webhooks are checked as the sandbox's are."""

    def __init__(self, processor):
        self._processor = processor
        self._door = SandboxProcessor(None, "http://sandbox", "key", ("older", SECRET))

    def __getattr__(self, name):
        return getattr(self._processor, name)

    def read_webhook(self, body, headers, now):
        return self._door.read_webhook(body, headers, now)


@pytest.fixture
def shop(payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path)
    shop.processor = SignedBook(shop.processor)
    shop.gateway = shop.build()
    yield shop
    shop.close()
    database.close()


@pytest.fixture
def http(shop):
    return Http(shop.gateway.app)


def ask(http, purpose=None, amount="2000", currency="usd", **more):
    purpose = {"top_up": 1} if purpose is None else purpose
    body = {"amount": amount, "currency": currency, "purpose": purpose} | more
    return http.post("/v1/checkouts", json=body)


def bring(http, event, *, secret=SECRET, at=NOON, name="sandbox", change=b""):
    body = json.dumps({"id": event.id, "kind": event.kind, "session": event.session}).encode()
    headers = {"sandbox-signature": sign_webhook(body, secret, at)}
    return http.post(f"/v1/webhooks/{name}", content=body + change, headers=headers)


def sign(shop, path, method="GET", account=BUYER):
    return {"Authorization": sign_body(shop, path, method, b"", account)["Authorization"]}


def sign_body(shop, path, method, body, account=BUYER):
    domain = market_domain(shop.node.deployment.chain_id, shop.node.deployment.market)
    signer = request_signer(domain, account.key, lambda: shop.now)
    return {"Authorization": signer(method, path, body), "Content-Type": "application/json"}


def test_checkout__opened__has_quote_page_and_a_place_to_pay(http):
    answer = ask(http)

    assert answer.status_code == 201
    found = answer.json()
    assert found["page"] == f"http://shop/checkouts/{found['id']}"
    assert found["pay"].startswith("http://sandbox/pay/")
    assert (found["state"], found["fee"], found["tokens"]) == ("open", "90", "19100000")
    assert (found["deal"], found["account"]) == (1, DEVELOPER)
    assert found["expires_at"] - found["created_at"] == 900
    assert http.get(f"/v1/checkouts/{found['id']}").json() == found


@pytest.mark.parametrize("purpose", [{"account": BUYER.address}, {"flt": BUYER.address.lower()}])
def test_checkout__for_an_account__is_its_own(http, purpose):
    assert ask(http, purpose).json()["account"] == BUYER.address


@pytest.mark.parametrize(
    "amount", ["0", 0, "-1", -1, "1.5", 1.5, str(2**63), 2**63, 2**300, "", None]
)
def test_checkout__of_an_odd_amount__is_a_problem(http, amount):
    answer = ask(http, amount=amount)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == "amount"


@pytest.mark.parametrize(
    "purpose",
    [
        {},
        {"top_up": 1, "account": BUYER.address},
        {"top_up": 0},
        {"top_up": -1},
        {"top_up": 2**63},
        {"top_up": "1"},
        {"top_up": True},
        {"account": "0x12"},
        {"account": "0x" + "0" * 40},
        {"account": ""},
        {"coins": BUYER.address},
        "1",
    ],
)
def test_checkout__for_nothing_sensible__is_a_problem(http, purpose):
    assert ask(http, purpose).status_code == 400


@pytest.mark.parametrize("currency", ["gbp", "USD ", "", "x" * 1_000, "\0"])
def test_checkout__in_another_currency__is_a_problem(http, currency):
    assert ask(http, currency=currency).status_code == 400


def test_checkout__of_more_than_a_client_may_ask__is_429(payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "other.sqlite")
    shop = Shop(database, tmp_path, dataclasses.replace(SETTINGS, requests_per_minute=2))
    http = Http(shop.gateway.app)
    statuses = [ask(http).status_code for _ in range(3)]

    assert statuses[-2:] == [201, 429]
    shop.close()
    database.close()


@pytest.mark.parametrize(
    ("checkout", "status"), [("a" * 32, 404), ("..", 404), ("a" * 31, 400), ("%00" * 32, 400)]
)
def test_checkout__nobody_knows__is_a_problem(http, checkout, status):
    for path in ("/v1/checkouts/", "/checkouts/"):
        assert http.get(path + checkout).status_code == status


def test_webhook__signed__makes_the_gateway_look(shop, http):
    checkout = ask(http).json()["id"]
    shop.pay(checkout)
    [event] = shop.book.take_due()

    answer = bring(http, event)

    assert (answer.status_code, answer.json()) == (200, {"known": True})
    shop.look()
    assert shop.read(checkout).state is CheckoutState.PAID


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"secret": "somebody else's"}, 400, "invalid-signature"),
        ({"change": b" "}, 400, "invalid-signature"),
        ({"at": NOON - 301}, 400, "expired"),
        ({"at": NOON + 301}, 400, "expired"),
        ({"name": "stripe"}, 404, "not-found"),
    ],
)
def test_webhook__forged_changed_stale_or_anothers__is_refused(shop, http, more, status, kind):
    checkout = ask(http).json()["id"]
    shop.pay(checkout)
    [event] = shop.book.take_due()

    answer = bring(http, event, **more)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{kind}")
    shop.look()
    assert shop.read(checkout).state is CheckoutState.OPEN


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"{}", ""),
        (b"{}", "t=1"),
        (b"{}", "v1=00"),
        (b"{}", "t=1,t=2,v1=00"),
        (b"{}", "t=" + "9" * 40 + ",v1=00"),
        (b"{}", "t=\xb2,v1=00"),
        (b"\xff\xfe", "t=1,v1=00"),
    ],
)
def test_webhook__header_of_nonsense__is_refused(http, body, header):
    headers = {"sandbox-signature": header.encode("latin-1")}

    assert http.post("/v1/webhooks/sandbox", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"null", b"\xff", b'{"id":1}', b"[" * 100_000])
def test_webhook__signed_nonsense__is_refused(http, body):
    headers = {"sandbox-signature": sign_webhook(body, SECRET, NOON)}

    assert http.post("/v1/webhooks/sandbox", content=body, headers=headers).status_code == 400


def test_webhook__of_a_session_that_is_not_ours__is_taken_and_changes_nothing(shop, http):
    ask(http)
    event = shop.book._queue("session.paid", "sb_of_somebody_else")

    assert bring(http, event).json() == {"known": False}


def test_webhook__replayed__makes_nobody_look_again(shop, http):
    checkout = ask(http).json()["id"]
    shop.pay(checkout)
    [event] = shop.book.take_due()
    bring(http, event)
    shop.look()
    before = shop.read(checkout).look_at

    bring(http, event)

    assert shop.read(checkout).look_at == before


def test_page__open__shows_the_quote_and_leads_to_the_processor(http):
    found = ask(http).json()

    page = http.get(f"/checkouts/{found['id']}")

    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    [script] = re.findall("<script>(.*)</script>", page.text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert f'data-follow="../v1/checkouts/{found["id"]}"' in page.text
    for text in ("20.00 USD", "0.90 USD", "1 USD per USDC", "19.100000 USDC", found["pay"]):
        assert text in page.text


@pytest.mark.parametrize("goal", ["deal=1", f"account={BUYER.address}"])
def test_buy_page__form_filled_in__opens_a_checkout_and_goes_to_its_page(shop, http, goal):
    page = http.get(f"/buy?{goal}").text
    kind, _, value = goal.partition("=")
    assert f'name="{kind}" value="{value}"' in page

    answer = http.post("/buy", data={kind: value, "amount": "20.5", "currency": "eur"})

    assert answer.status_code == 303
    checkout = answer.headers["location"].removeprefix("http://shop/checkouts/")
    found = shop.read(checkout)
    assert (found.amount, found.currency) == (2_050, "eur")
    assert found.account == (BUYER.address if kind == "account" else DEVELOPER)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": "0"}, "is not within"),
        ({"amount": "-5"}, "is no amount"),
        ({"amount": "1.001"}, "is no amount"),
        ({"amount": "9223372036854775808"}, "is no amount"),
        ({"amount": "<b>"}, "is no amount"),
        ({"currency": "gbp"}, "not charged in"),
        ({"deal": "100"}, "there is no deal 100"),
        ({"deal": "<script>"}, "there is no such deal"),
        ({"deal": "9" * 40}, "there is no such deal"),
        ({"deal": "0" * 19 + "1" + "9" * 60}, "there is no such deal"),
    ],
)
def test_buy_page__what_cannot_be_bought__says_so_in_the_form(http, fields, words):
    form = {"deal": "1", "amount": "20", "currency": "usd"} | fields

    answer = http.post("/buy", data=form)

    assert (answer.status_code, words in answer.text) == (200, True), answer.text
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize("query", ["", "deal=0", "deal=1&account=0x" + "1" * 40, "account=0x12"])
def test_buy_page__for_nothing_sensible__is_a_problem(http, query):
    assert http.get(f"/buy?{query}").status_code == 400


def test_page__words_of_strangers__are_shown_as_they_are(shop, http):
    found = ask(http).json()
    with shop.database.write() as session:
        update_checkout(session, found["id"], reason="<script>alert(1)</script>", url="x'\"><b>")

    page = http.get(f"/checkouts/{found['id']}").text

    assert "<script>alert" not in page
    assert "<b>" not in page


def test_history_and_receipt__signed_by_the_account__are_shown_to_it_alone(shop, http):
    shop.settings = SETTINGS
    ids = [ask(http, {"account": BUYER.address}).json()["id"] for _ in range(3)]
    ask(http, {"account": DEVELOPER})
    shop.pay(ids[0])
    shop.turn()
    path = f"/v1/accounts/{BUYER.address}/checkouts?limit=2"

    first = http.get(path, headers=sign(shop, path)).json()
    further = f"{path}&cursor={first['next']}"
    last = http.get(further, headers=sign(shop, further)).json()

    assert sorted(one["id"] for one in first["items"] + last["items"]) == sorted(ids)
    assert last["next"] is None
    receipt = f"/v1/checkouts/{ids[0]}/receipt"
    page = http.get(receipt, headers=sign(shop, receipt))
    assert page.status_code == 200
    for text in (ids[0], "20.00 USD", "ends with 4242", BUYER.address, "Transaction"):
        assert text in page.text


def test_receipt__as_pdf__is_a_document_of_the_same_words(shop, http):
    checkout = ask(http, {"account": BUYER.address}).json()["id"]
    shop.pay(checkout)
    shop.turn()
    path = f"/v1/checkouts/{checkout}/receipt?format=pdf"

    answer = http.get(path, headers=sign(shop, path))

    assert answer.headers["content-type"] == "application/pdf"
    assert f'filename="receipt-{checkout}.pdf"' in answer.headers["content-disposition"]
    words = read_pdf(answer.content)
    for text in (
        checkout,
        "20.00 USD",
        "ends with 4242",
        BUYER.address,
        "0.90 USD",
        "19.100000 USDC",
    ):
        assert text in words
    assert http.get(path, headers=sign(shop, path)).content == answer.content
    other = path.replace("pdf", "doc")
    assert http.get(other, headers=sign(shop, other)).status_code == 400
    assert http.get(path).status_code == 401


def test_history_and_receipt__of_others__are_refused(shop, http):
    checkout = ask(http, {"account": DEVELOPER}).json()["id"]
    for path in (f"/v1/accounts/{DEVELOPER}/checkouts", f"/v1/checkouts/{checkout}/receipt"):
        assert http.get(path).status_code == 401
        assert http.get(path, headers=sign(shop, path)).status_code == 403


def test_grant__signed__is_owed_once(shop, http):
    answers = [
        http.post("/v1/grants", headers=sign(shop, "/v1/grants", "POST")).json() for _ in range(2)
    ]
    shop.deliver()

    assert [one["amount"] for one in answers] == [str(10**15)] * 2
    assert shop.node.delivered() == [("coins", BUYER.address, 10**15)]
    assert http.post("/v1/grants").status_code == 401


def test_terms_and_status__say_what_is_sold_and_what_is_there(shop, http):
    shop.deliver()
    terms, status = http.get("/v1/terms").json(), http.get("/v1/status").json()

    assert terms["rates"] == {
        "usdc_usd": "1000000000",
        "usdc_eur": "920000000",
        "flt_usd": "50000000",
    }
    assert status["extra"]["treasury"]["usdc"] == str(10**12)
    assert http.get("/v1/health/live").json()["ok"]
    assert "wasmarket_payments_treasury" in http.get("/metrics").text


def test_purchase__over_http__is_told_as_it_goes(shop, http):
    checkout = ask(http, {"account": BUYER.address}).json()["id"]
    shop.pay(checkout)
    shop.turn()

    found = http.get(f"/v1/checkouts/{checkout}").json()

    assert found["state"] == "delivered"
    assert (found["card"], found["pay"]) == ("4242", None)
    assert found["delivery"]["to"] == BUYER.address
    assert found["delivery"]["tx"].startswith("0x")
    assert Purpose(found["purpose"]) is Purpose.ACCOUNT
