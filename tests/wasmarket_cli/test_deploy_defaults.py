"""What `wasmarket deploy` signs where only an app is given: a cap with a margin, money for days."""

from types import SimpleNamespace

import pytest

from tests.paths import CHECKOUT
from wasmarket.client.developer_offers import Bid
from wasmarket_cli.developer import deploy
from wasmarket_cli.main import main

pytestmark = pytest.mark.unit

OFFER = "0x" + "77" * 32
CURVE = [
    {"units": 1, "price_max": "100", "total": "100"},
    {"units": 2, "price_max": "150", "total": "250"},
]
DAY = 86_400
CAP_OF_2 = 188
"""A quarter over 150, rounded up."""


@pytest.fixture
def market(monkeypatch, tmp_path):
    """A market that quotes `CURVE`; keeps the requirements that were signed."""
    signed = []

    def offer(requirement, app, want):
        signed.append(requirement)
        return Bid(None, OFFER, "")

    client = SimpleNamespace(
        address="0x" + "11" * 20,
        quote=lambda wanted: CURVE,
        offer=offer,
        offer_state=lambda hash_: {"status": "posted", "deal": None, "reasons": []},
    )
    parameters = SimpleNamespace(epoch_seconds=60)
    wiring = SimpleNamespace(deployment=SimpleNamespace(parameters=parameters))
    project = SimpleNamespace(read=list, remember=lambda entry: None)
    monkeypatch.setattr(deploy, "wire", lambda ctx: wiring)
    monkeypatch.setattr(deploy, "DeveloperClient", lambda wiring, key: client)
    monkeypatch.setattr(deploy, "ProjectFile", lambda app, wiring: project)
    monkeypatch.setattr(deploy, "publish", lambda client, app: None)
    monkeypatch.setattr(deploy, "find_obstacles", lambda *_: [])

    def run(*options, epoch_seconds=60):
        parameters.epoch_seconds = epoch_seconds
        greeting = str(CHECKOUT / "examples" / "greeting")
        options = ("--units", "2", *(str(option) for option in options))
        arguments = ("deploy", greeting, *options, "--wait", "0", "--json")
        code = main(["--home", str(tmp_path), *arguments])
        assert code == 0
        return signed.pop()

    return run


def test_deploy__only_an_app__pays_for_a_day_by_the_quote_and_caps_a_quarter_over_it(market):
    signed = market()

    assert signed.max_price == CAP_OF_2
    assert signed.deposit == DAY // 60 * 250


@pytest.mark.parametrize(
    ("options", "cap"),
    [
        (("--margin", 0), 150),
        (("--margin", 100), 300),
        (("--margin", 1), 152),
        (("--max-price", "0.000120"), 120),
    ],
)
def test_deploy__margin_or_cap__is_the_most_that_a_unit_may_cost(market, options, cap):
    assert market(*options).max_price == cap


@pytest.mark.parametrize(
    ("options", "epoch_seconds", "epochs"),
    [
        (("--days", 3), 60, 3 * DAY // 60),
        (("--days", 1), 7 * 3_600, 10),
        (("--days", 4), 7 * 3_600, 14),
        (("--days", 1, "--epochs", 4), 60, 4),
    ],
    ids=["days", "at least ten epochs", "begun epochs count", "no more than it may run"],
)
def test_deploy__days__give_the_deposit(market, options, epoch_seconds, epochs):
    assert market(*options, epoch_seconds=epoch_seconds).deposit == epochs * 250


def test_deploy__cap_without_a_quote__begins_with_little_however_high_the_cap(market):
    signed = market("--units", 3, "--max-price", "10")

    assert signed.deposit == 10 * 3 * 10_000_000


def test_deploy__deposit_given__is_taken_as_it_is(market):
    assert market("--deposit", "1.5", "--days", 9).deposit == 1_500_000
