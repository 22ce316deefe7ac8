"""Rates, fees and rounding: never a token more than was paid for, at any rate."""

import dataclasses
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.quoting.quotes import DECIMALS, build_quote, cost_of, find_worth, tokens_for
from payments.quoting.rates import (
    NANO,
    DocumentRates,
    FixedRates,
    Rates,
    build_rates,
    parse_rate,
    parse_rates,
)
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import ConfigError, InvalidInput, Unreachable

pytestmark = pytest.mark.unit

NOW = 1_900_000_000
RATES = st.integers(1, 10**9 * NANO - 1)
DOCUMENT = {"at": NOW, "usdc": {"usd": "1.0003", "eur": "0.92"}, "flt": {"usd": "0.05"}}


@given(
    amount=st.integers(100, 100_000),
    rate=RATES,
    bps=st.integers(0, 9_999),
    fixed=st.integers(0, 99),
    token=st.sampled_from(["usdc", "flt"]),
)
def test_quote__any_rate_and_fee__gives_no_more_than_was_paid(amount, rate, bps, fixed, token):
    settings = PaymentsSettings(fee_bps=bps, fee_fixed=fixed)
    rates = Rates({(token, "usd"): rate}, NOW)

    try:
        quote = build_quote(settings, rates, "usd", amount, token)
    except InvalidInput:
        # The fee leaves nothing, or less than one base unit.
        least = fixed * 10_000 + amount * bps
        left = (amount * 10_000 - least) * 10 ** DECIMALS[token] * NANO
        assert left < 10_000 * 100 * rate + 10_000 * 10 ** DECIMALS[token] * NANO
        return

    net, base = amount - quote.fee, 10 ** DECIMALS[token]
    assert quote.fee * 10_000 >= amount * bps + fixed * 10_000
    assert (quote.fee - fixed - 1) * 10_000 < amount * bps
    assert quote.tokens * 100 * rate <= net * base * NANO
    assert (quote.tokens + 1) * 100 * rate > net * base * NANO


@given(money=st.integers(1, 10**7), rate=RATES, decimals=st.sampled_from([6, 18]))
def test_cost__of_what_was_bought__is_never_above_what_was_paid(money, rate, decimals):
    assert cost_of(tokens_for(money, rate, decimals), rate, decimals) <= money


@pytest.mark.parametrize(
    ("currency", "amount", "token", "tokens"),
    [
        ("usd", 2_000, "usdc", 19_100_000),
        ("eur", 2_000, "usdc", 20_760_869),
        ("usd", 100, "usdc", 670_000),
        ("usd", 2_000, "flt", 382 * 10**18),
    ],
)
def test_quote__at_the_usual_rates__is_what_a_calculator_says(currency, amount, token, tokens):
    settings = PaymentsSettings(usdc_eur="0.92", flt_usd="0.05")
    rates = FixedRates(settings).fetch(NOW)

    assert build_quote(settings, rates, currency, amount, token).tokens == tokens


@pytest.mark.parametrize("amount", [-1, 0, 99, 100_001, 2**63, 2**256])
def test_quote__amount_outside__is_refused(amount):
    settings = PaymentsSettings()

    with pytest.raises(InvalidInput, match=r"is not within 1\.00 USD and 1000\.00 USD"):
        build_quote(settings, FixedRates(settings).fetch(NOW), "usd", amount, "usdc")


def test_worth__of_euros__is_counted_in_dollars():
    rates = Rates({("usdc", "usd"): NANO, ("usdc", "eur"): 920_000_000}, NOW)

    assert find_worth(rates, "eur", 9_200) == 10_000
    assert find_worth(Rates({("usdc", "eur"): NANO}, NOW), "eur", 9_200) == 9_200


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1", NANO),
        ("0.92", 920_000_000),
        ("1.000000001", NANO + 1),
        ("999999999", 999999999 * NANO),
    ],
)
def test_rate__decimal_text__is_exact(text, rate):
    assert parse_rate(text, "rate") == rate


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-1", "1e3", "1.0000000001", "1,5", "NaN", "١", " 1", "1" * 10, 1, 1.5]
)
def test_rate__anything_else__is_refused(text):
    with pytest.raises(InvalidInput, match="is not a price"):
        parse_rate(text, "rate")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"at": "now"}',
        b'{"at": true}',
        b'{"at": 1e30}',
        b'{"at": 1, "usdc": []}',
        b'{"at": 1, "usdc": {"usd": 1}}',
        b"[" * 5_000,
    ],
)
def test_rates__odd_documents__are_refused(document):
    with pytest.raises(InvalidInput):
        parse_rates(document)


class Source:
    """A document of rates over HTTP, without a socket."""

    def __init__(self):
        self.document = dict(DOCUMENT)
        self.asked = 0
        self.clock = 0.0
        self.http = httpx.Client(transport=httpx.MockTransport(self.answer))
        self.rates = DocumentRates("http://rates/now.json", 300, self.http, lambda: self.clock)

    def answer(self, _):
        self.asked += 1
        if self.document is None:
            return httpx.Response(503)
        return httpx.Response(200, content=json.dumps(self.document))


def test_document__of_now__is_asked_for_once_in_a_while():
    source = Source()
    for _ in range(5):
        assert source.rates.fetch(NOW).prices["usdc", "eur"] == 920_000_000
    source.clock += 60
    source.rates.fetch(NOW)

    assert source.asked == 2


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301])
def test_document__not_of_now__sells_nothing(at):
    source = Source()
    source.document["at"] = at

    with pytest.raises(Unreachable, match="no fresh rates"):
        source.rates.fetch(NOW)


def test_document__source_down__holds_until_it_is_too_old():
    source = Source()
    source.rates.fetch(NOW)
    source.document = None
    source.clock += 60

    assert source.rates.fetch(NOW + 60).at == NOW
    source.clock += 300
    with pytest.raises(Unreachable, match="503"):
        source.rates.fetch(NOW + 301)


def test_document__of_a_file__is_read(tmp_path):
    file = tmp_path / "rates.json"
    file.write_text(json.dumps(DOCUMENT))
    settings = PaymentsSettings(rates=str(file))

    with httpx.Client() as http:
        rates = build_rates(settings, http).fetch(NOW)

    assert rates.find("flt", "usd") == 50_000_000
    with pytest.raises(InvalidInput, match="not sold"):
        rates.find("flt", "eur")


@pytest.mark.parametrize("changes", [{"usdc_usd": "x"}, {"usdc_usd": ""}])
def test_fixed_rates__that_sell_nothing_or_are_none__are_an_error_of_the_settings(changes):
    with pytest.raises(ConfigError):
        FixedRates(dataclasses.replace(PaymentsSettings(), **changes))
