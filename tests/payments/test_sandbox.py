"""The sandbox: its cards, its file, its API and pages, its webhooks."""

import json
from dataclasses import replace

import httpx
import pytest

from payments.processors.protocol import Payment, PaymentOrder, SessionState
from payments.processors.sandbox_client import SandboxProcessor
from payments.sandbox.book import SandboxBook
from payments.sandbox.cards import CARDS
from payments.sandbox.run import WebhookSender, create_sandbox
from tests.matcher.fake_town import Http
from wasmarket.kernel.errors import (
    BrokenOff,
    InvalidInput,
    InvalidSignature,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from wasmarket.serving.daemon import Loops
from wasmarket.store.enums import DisputeState

pytestmark = pytest.mark.unit

NOW = 1_900_000_000
KEY = "the key"
CARD = "4242 4242 4242 4242"
NUMBERS = {card.name: card.number for card in CARDS}


def order(checkout="one"):
    return PaymentOrder(checkout, "usd", 2_000, "USDC for deal 1", "http://shop/1", "http://shop/1")


class Clock:
    now = NOW


@pytest.fixture
def clock():
    return Clock()


def load(path, clock):
    return SandboxBook(
        path, now=lambda: clock.now, page_url=lambda one: f"http://sandbox/pay/{one}"
    )


@pytest.fixture
def book(tmp_path, clock):
    book = load(tmp_path / "sandbox.jsonl", clock)
    yield book
    book.close()


@pytest.fixture
def http(book):
    return Http(create_sandbox(book, KEY, "0", Loops(), "http://sandbox"))


def through(http, key=KEY):
    """Return the gateway's client of the sandbox, over the sandbox's own service."""

    def send(request):
        answer = http.request(
            request.method,
            request.url.raw_path.decode(),
            content=request.content,
            headers=request.headers,
        )
        return httpx.Response(answer.status_code, content=answer.content)

    client = httpx.Client(transport=httpx.MockTransport(send))
    return SandboxProcessor(client, "http://sandbox", key, ("secret",))


def luhn(number):
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10


def test_cards__numbers__are_valid_and_distinct():
    assert all(luhn(card.number) == 0 for card in CARDS)
    assert len(NUMBERS.values()) == len(set(NUMBERS.values())) == len(CARDS)


def test_session__of_one_checkout__is_one(book):
    assert book.open(order()) == book.open(order())
    assert book.open(order("two")).id != book.open(order()).id


def test_pay__success__is_told_once(book):
    session = book.open(order()).id
    book.pay(session, CARD)

    found = book.find(session).session
    assert (found.state, found.last_digits, found.fee) == (SessionState.PAID, "4242", 88)
    [event] = book.take_due()
    assert (event.kind, event.session) == ("session.paid", session)


@pytest.mark.parametrize("name", ["declined", "insufficient"])
def test_pay__refused_card__leaves_the_page_open(book, name):
    session = book.open(order()).id

    with pytest.raises(Refused, match="Your card"):
        book.pay(session, NUMBERS[name])

    assert book.find(session).session.state is SessionState.OPEN


@pytest.mark.parametrize("number", ["", "4111111111111111", "4242", "x" * 16])
def test_pay__real_or_odd_number__is_not_taken(book, number):
    with pytest.raises(InvalidInput, match="no test card"):
        book.pay(book.open(order()).id, number)


def test_pay__twice__is_refused(book):
    session = book.open(order()).id
    book.pay(session, CARD)

    with pytest.raises(Refused, match="paid before"):
        book.pay(session, CARD)


def test_pay__card_whose_bank_asks__is_paid_when_it_is_approved(book):
    session = book.open(order()).id
    book.pay(session, NUMBERS["3-D Secure"])
    assert book.find(session).session.state is SessionState.OPEN

    book.pay(session, NUMBERS["3-D Secure"], is_approved=True)

    assert book.find(session).session.state is SessionState.PAID


@pytest.mark.parametrize(
    ("name", "after", "kinds"),
    [
        ("late webhook", 0, []),
        ("late webhook", 5, ["session.paid"]),
        ("duplicate webhook", 1, ["session.paid", "session.paid"]),
        ("out-of-order webhook", 1, ["session.paid", "session.opened"]),
        ("dispute", 0, ["dispute.opened", "session.paid"]),
        ("partial refund", 0, ["payment.refunded", "session.paid"]),
    ],
)
def test_webhooks__of_odd_cards__come_as_their_name_says(book, clock, name, after, kinds):
    book.pay(book.open(order()).id, NUMBERS[name])
    clock.now += after

    assert [event.kind for event in book.take_due()] == kinds


def test_refund__once_a_key_and_never_more_than_was_paid(book):
    session = book.open(order()).id
    with pytest.raises(Refused, match="nothing was paid"):
        book.refund(session, 1, "a")
    book.pay(session, CARD)
    for _ in range(2):
        book.refund(session, 1_500, "a")

    with pytest.raises(Refused, match="500 left"):
        book.refund(session, 501, "b")
    assert book.refund(session, 500, "c").refunded == 2_000


def test_refund__of_what_is_disputed__is_refused(book):
    session = book.open(order()).id
    with pytest.raises(Refused):
        book.dispute(session, DisputeState.OPEN)
    book.pay(session, NUMBERS["dispute"])

    with pytest.raises(Refused, match="disputed"):
        book.refund(session, 1, "a")


def test_book__read_again__knows_all_but_a_line_that_was_cut_off(book, clock, tmp_path):
    paid, refunded = book.open(order()).id, book.open(order("two")).id
    book.pay(paid, CARD)
    book.pay(refunded, CARD)
    book.refund(refunded, 2_000, "a")
    [first, *_] = book.take_due()
    book.note_sent(first, is_taken=True)
    book.close()
    file = tmp_path / "sandbox.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"entry":{"session')

    again = load(file, clock)

    assert again.find(paid).session.state is SessionState.PAID
    assert again.refund(refunded, 2_000, "a").refunded == 2_000
    assert first.key not in {event.key for event in again.take_due()}
    again.close()
    assert file.read_bytes() == whole


def test_book__another_file__is_left_alone(clock, tmp_path):
    file = tmp_path / "sandbox.jsonl"
    file.write_bytes(b"precious\n")

    with pytest.raises(InvalidInput, match="not a sandbox's file"):
        load(file, clock)

    assert file.read_bytes() == b"precious\n"


def test_processor__speaks_to_it__as_to_any(http, book):
    processor = through(http)
    page = processor.open_session(order())
    assert page.url == f"http://sandbox/pay/{page.session}"
    book.pay(page.session, CARD)
    payment = processor.fetch_payment(page.session)
    assert isinstance(payment, Payment)
    assert (payment.state, payment.amount) == (SessionState.PAID, 2_000)
    for _ in range(2):
        processor.refund(payment, 2_000, "key")
    processor.end_session(page.session)

    assert processor.fetch_payment(page.session).refunded == 2_000
    with pytest.raises(Refused, match="cannot go back"):
        processor.refund(payment, 1, "another")
    with pytest.raises(NotFound):
        processor.fetch_payment("sb_" + "0" * 24)


def test_processor__with_another_key__is_refused(http):
    with pytest.raises(Refused, match="not the sandbox's key"):
        through(http, "another").open_session(order())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, content=b"[]"), BrokenOff),
        (httpx.Response(500, content=b"x"), Unreachable),
        (httpx.ConnectError("nobody"), Unreachable),
        (httpx.ReadTimeout("slow"), TimedOut),
    ],
)
def test_processor__odd_answers__are_errors_of_ours(answer, error):
    def send(_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = httpx.Client(transport=httpx.MockTransport(send))

    with pytest.raises(error):
        SandboxProcessor(client, "http://sandbox", KEY, ("secret",)).fetch_payment("one")


def test_api__without_the_key__answers_nothing(http):
    for method, path in (
        ("GET", f"/v1/sessions/sb_{24 * '0'}"),
        ("POST", f"/v1/sessions/sb_{24 * '0'}/end"),
    ):
        assert http.request(method, path).status_code == 401


def test_pages__card_bank_and_end__lead_through_a_purchase(http, book):
    session = book.open(order()).id
    page = http.get(f"/pay/{session}")
    assert "20.00 USD" in page.text
    assert "script" not in page.text
    declined = http.post(f"/pay/{session}", data={"number": NUMBERS["declined"]})
    assert (declined.status_code, "was declined" in declined.text) == (402, True)
    asked = http.post(f"/pay/{session}", data={"number": NUMBERS["3-D Secure"]})
    assert "Your bank asks" in asked.text
    bank = f"/pay/{session}/bank"
    refused = http.post(bank, data={"number": NUMBERS["3-D Secure"], "answer": "refuse"})
    assert "did not approve" in refused.text

    paid = http.post(bank, data={"number": NUMBERS["3-D Secure"], "answer": "approve"})

    assert '<a class="next" href="http://shop/1">' in paid.text
    assert http.get(f"/pay/{session}").text == paid.text
    assert http.get("/pay/sb_" + "0" * 24).status_code == 404


@pytest.mark.parametrize("content", [b"\xff", b"&" * 5_000, b"number=%ff", b""])
def test_pages__odd_forms__are_no_bug(http, book, content):
    session = book.open(order()).id

    assert http.post(f"/pay/{session}", content=content).status_code in (400, 402, 413)


def test_webhooks__not_taken__are_sent_again_signed(book, clock):
    answers = [httpx.ConnectError("down"), httpx.Response(503), httpx.Response(200)]
    sent = []

    def send(request):
        sent.append(request)
        answer = answers[len(sent) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.Client(transport=httpx.MockTransport(send))
    sender = WebhookSender(book, http, "http://shop/hook", "secret", lambda: clock.now)
    book.pay(book.open(order()).id, CARD)
    for _ in range(6):
        sender.step()
        clock.now += 10

    assert len(sent) == 3
    assert len({json.loads(request.content)["id"] for request in sent}) == 1
    door = SandboxProcessor(http, "http://sandbox", KEY, ("secret",))
    event = door.read_webhook(sent[2].content, sent[2].headers, clock.now - 40)
    assert event.kind == "session.paid"
    with pytest.raises(InvalidSignature):
        door.read_webhook(sent[2].content + b" ", sent[2].headers, clock.now)


def test_saved_card__charged_by_its_method__pays_once_and_not_after_it_is_forgotten(http, book):
    processor = through(http)
    page = processor.open_session(replace(order(), saves_card=True))
    book.pay(page.session, CARD)
    saved = processor.fetch_payment(page.session).saved
    charge = processor.open_charge(order("two"), saved)
    assert processor.fetch_payment(charge.session).state is SessionState.OPEN
    with pytest.raises(Refused, match="by itself"):
        book.pay(charge.session, CARD)
    for _ in range(2):
        processor.confirm_charge(charge.session)

    found = processor.fetch_payment(charge.session)

    assert (found.state, found.last_digits) == (SessionState.PAID, "4242")
    kinds = [event.kind for event in book.take_due() if event.session == charge.session]
    assert kinds == ["session.paid"]
    for _ in range(2):
        processor.forget_card(saved)
    with pytest.raises(Refused, match="forgotten"):
        processor.open_charge(order("three"), saved)


@pytest.mark.parametrize("name", ["3-D Secure", "declined when charged later"])
def test_saved_card__whose_bank_says_no__is_told_as_failed(book, name):
    session = book.open(replace(order(), saves_card=True)).id
    book.pay(session, NUMBERS[name], is_approved=True)
    charge = book.open_charge(order("two"), book.find(session).session.method).id

    book.confirm(charge)

    found = book.find(charge).session
    assert (found.state, found.payment) == (SessionState.EXPIRED, None)
    assert found.failure
