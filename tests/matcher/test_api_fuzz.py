"""The matcher's API, fuzzed against its own OpenAPI page over a market with everything in it."""

import pytest

from tests.matcher.fake_town import FakeTown
from tests.wasmarket.serving.fuzzing import fuzz, list_operations, load_page
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.events import Activated
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit

BY_WORTH = ("/v1/developer-offers", "/v1/provider-offers")
"""Whether a signed offer is taken depends on more than its form."""

WISHES = "wish."
"""Which words a wish may have is for its own tests."""


@pytest.fixture(scope="module")
def town(template, tmp_path_factory):
    database = copy_store(template, tmp_path_factory.mktemp("fuzz") / "store.sqlite")
    town = FakeTown(database)
    town.register_peer(1, region=3, traits=1)
    town.register_peer(2, provider=town.other, region=7)
    town.fund()
    town.post_ask(town.ask(1, 10))
    town.post_ask(town.ask(2, 30), town.other)
    town.post_bid(town.bid(units=2))
    town.post_bid(town.bid(max_price=5, salt=9))
    town.turn()
    epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(1, 1, epoch, 0, 980, 20))
    town.index()
    yield town
    database.close()


@pytest.fixture(scope="module")
def page(town):
    return load_page(town.matcher.app)


@pytest.fixture(scope="module")
def known(town):
    record = town.http.get("/v1/matches/1").json()
    return {
        "deal": 1,
        "assignment": 1,
        "match": 1,
        "peer": 2,
        "epoch": town.chain.head.timestamp // 60,
        "digest": record["book"],
        "address": town.provider.address,
        "hash": hash_offer(town.bid(units=2)),
    }


@pytest.mark.parametrize(
    ("path", "method"), list_operations("matcher"), ids=lambda part: part.replace("/", "-")
)
def test_api__whatever_is_asked__is_answered_as_the_page_says(page, known, path, method):
    def may_refuse(problem):
        field = problem.get("field") or ""
        is_by_worth = path in BY_WORTH and method == "post"
        return field == "cursor" or field.startswith(WISHES) or is_by_worth

    fuzz(page, path, method, known=known, may_refuse=may_refuse)
