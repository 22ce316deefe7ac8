"""What tests of payments share."""

import pytest

from tests.payments.shop import Shop
from tests.wasmarket.store.stores import copy_store, make_template


@pytest.fixture(scope="session")
def payments_template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("payments"))


@pytest.fixture
def shop(payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path)
    yield shop
    shop.close()
    database.close()
