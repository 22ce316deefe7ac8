"""Purchases on PostgreSQL: the same stories, any order of events, two gateways at once."""

import dataclasses
import inspect
import itertools
import threading

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.payments import test_purchases
from tests.payments.purchase_machine import PROFILE, PurchaseMachine
from tests.payments.shop import BOUGHT, SETTINGS, Shop
from tests.wasmarket.store.postgres import run_postgres
from tests.wasmarket.store.test_postgres import new_store
from wasmarket.kernel.errors import LimitReached, MarketError

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

STORIES = [
    story
    for name, story in vars(test_purchases).items()
    if name.startswith("test_") and list(inspect.signature(story).parameters) == ["shop"]
]
FEW = settings(PROFILE, max_examples=4)


@pytest.fixture(scope="module")
def server():
    with run_postgres() as url:
        yield url


@pytest.fixture
def shop(server, tmp_path):
    database = new_store(server)
    shop = Shop(database, tmp_path)
    yield shop
    shop.close()
    database.close()


@pytest.mark.parametrize("story", STORIES[::4], ids=lambda story: story.__name__)
def test_story__on_postgres__is_the_same(shop, story):
    story(shop)


def test_purchases__events_in_any_order_on_postgres__arrive_once_or_go_back(server, tmp_path):
    numbers = itertools.count()

    class OnPostgres(PurchaseMachine):
        def new_store(self):
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            return new_store(server), folder

    run_state_machine_as_test(OnPostgres, settings=FEW)


def test_two_gateways__looking_and_sending_at_once__deliver_each_purchase_once(shop):
    bought = [shop.open() for _ in range(12)]
    for checkout in bought:
        shop.pay(checkout)
    shop.tell()
    gateways = [shop.gateway, shop.build()]

    def work(gateway):
        for _ in range(6):
            try:
                gateway.lookout.step()
                gateway.deliveries.step()
            except MarketError:
                continue

    threads = [threading.Thread(target=work, args=(gateway,)) for gateway in gateways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gateways[1].deliveries.close()
    shop.settle()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)] * 12
    assert shop.differences() == []


def test_limits__asked_at_once__are_not_exceeded(shop):
    shop.settings = dataclasses.replace(SETTINGS, per_account_day=10_000)
    shop.kill()
    refused = []

    def ask():
        try:
            shop.open()
        except LimitReached as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7
    assert len(shop.unsettled()) == 5
