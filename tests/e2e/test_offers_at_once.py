"""One account makes several offers at the same time, from one wallet."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.market_driver import GREETING, wait_until
from wasmarket.app.file import load_app
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e


@pytest.fixture
def newcomer(market):
    """A developer who has tokens, and has allowed Market nothing."""
    return market.new_account("newcomer")


def deploy(client, requirement, app):
    """Offer, and watch until it runs; return the deal."""
    *_, last = client.watch_offer(client.offer(requirement, app), 180)
    assert last["status"] == "active", last
    return last["deal"]


def test_offers__at_once_by_one_account__are_all_paid_for_by_permits(market, newcomer):
    app = load_app(GREETING)
    clients = [market.client(newcomer) for _ in range(3)]
    clients[0].publish(app)

    with ThreadPoolExecutor(len(clients)) as threads:
        deals = list(threads.map(lambda c: deploy(c, market.requirement(), app.app), clients))

    assert len(set(deals)) == len(clients)
    for deal in deals:
        market.run("stop", deal, "--key", newcomer, "--yes")


def test_offers__free_balance_is_promised_to_one_that_waits__wallet_pays_for_the_next(
    market, newcomer
):
    client, app = market.client(newcomer), load_app(GREETING)
    client.publish(app)
    market.run("wallet", "deposit", 1, "--key", newcomer)
    # More units than there are, at a better price: it waits, and has the first claim to the money.
    waiting = client.offer(
        market.requirement(units=900, min_units=900, max_price=30_000, deposit=USDC), app.app
    )
    wait_until("it waits", lambda: client.offer_state(waiting.hash)["status"] == "unmatched")

    deal = deploy(client, market.requirement(deposit=USDC), app.app)

    assert client.deal(deal)["status"] in ("running", "waiting")
    market.run("offer", "cancel", waiting.hash, "--off-chain", "--key", newcomer)
    market.run("stop", deal, "--key", newcomer, "--yes")
