"""The payment gateway's and the sandbox's APIs, fuzzed against their own OpenAPI pages."""

import pytest

from payments.sandbox.run import create_sandbox
from tests.payments.shop import Shop
from tests.wasmarket.serving.fuzzing import fuzz, list_operations, load_page
from tests.wasmarket.store.stores import copy_store
from wasmarket.serving.daemon import Loops

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def shop(payments_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    database = copy_store(payments_template, folder / "store.sqlite")
    shop = Shop(database, folder)
    yield shop
    shop.close()
    database.close()


@pytest.fixture(scope="module")
def pages(shop):
    sandbox = create_sandbox(shop.book, "key", "0", Loops(), "http://sandbox")
    return {"payments": load_page(shop.gateway.app), "sandbox": load_page(sandbox)}


LEFT_OUT = {
    # Not ready: no loop runs here. A page, and a form that no schema describes.
    ("payments", "/v1/health/ready"),
    ("sandbox", "/pay/{session}"),
    ("sandbox", "/pay/{session}/bank"),
}
OPERATIONS = [
    (service, path, method)
    for service in ("payments", "sandbox")
    for path, method in list_operations(service)
    if (service, path) not in LEFT_OUT
]


@pytest.mark.parametrize(
    ("service", "path", "method"), OPERATIONS, ids=lambda part: part.replace("/", "-")
)
def test_api__whatever_is_asked__is_answered_as_the_page_says(shop, pages, service, path, method):
    known = {"checkout": shop.open(), "name": "sandbox"}

    fuzz(pages[service], path, method, known=known, may_refuse=lambda _: True)
