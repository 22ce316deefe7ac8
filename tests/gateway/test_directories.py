"""Where deals run, from the store and from a matcher: both say the same, and outlive outages."""

import asyncio

import httpx
import pytest

from gateway.directory.deals import PeerRoute, RememberingDirectory
from gateway.directory.from_matcher import MatcherDirectory
from gateway.directory.from_store import StoreDirectory
from tests.gateway.peers import FakeDirectory, route
from tests.matcher.fake_town import FakeTown
from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.events import Activated, Ended, Stopped

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(template, tmp_path):
    database = copy_store(template, tmp_path / "store.sqlite")
    yield database
    database.close()


@pytest.fixture
def town(database):
    """A market with a deal of two units on peer 1, still pending."""
    town = FakeTown(database)
    town.register_peer(region=5)
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid())
    town.turn()
    town.index()
    return town


class Both:
    """The two directories over one market; each answer must be the same."""

    def __init__(self, town):
        self._town = town

    def find(self, deal):
        return self._ask(lambda directory: directory.find(deal))

    def find_former(self, deal):
        return self._ask(lambda directory: directory.find_former(deal))

    def find_apps(self):
        return self._ask(lambda directory: directory.find_apps())

    def _ask(self, ask):
        async def run():
            transport = httpx.ASGITransport(self._town.matcher.app)
            async with httpx.AsyncClient(transport=transport) as http:
                directories = (
                    StoreDirectory(self._town.database),
                    MatcherDirectory(http, "http://matcher/"),
                )
                return [await ask(directory) for directory in directories]

        of_store, of_matcher = asyncio.run(run())
        assert of_store == of_matcher
        return of_store


def activate(town):
    epoch = town.deployment.epoch_of(town.chain.head.timestamp)
    town.chain.mine(Activated(assignment=1, deal=1, epoch=epoch, skipped=0, balance=980, rate=20))
    town.index()
    return epoch


def test_find__pending__has_no_peer_yet(town):
    found = Both(town).find(1)

    assert (found.deal, found.developer, found.app) == (
        1,
        town.developer.address,
        "0x" + "ab" * 32,
    )
    assert found.peers == ()


def test_find__active__names_the_peer(town):
    activate(town)

    found = Both(town).find(1)

    assert found.status is DealStatus.RUNNING
    assert found.peers == (PeerRoute(1, "http://peer1", 5),)


def test_find__assignment_ended__peer_is_gone(town):
    epoch = activate(town)
    town.chain.mine(
        Ended(assignment=1, deal=1, peer=1, end=epoch - 1, kind=1, why=56, balance=980, rate=0)
    )
    town.index()

    assert Both(town).find(1).peers == ()


def test_find__no_such_deal__is_none(town):
    assert Both(town).find(2) is None


def test_find_apps__ended_deal__needs_its_app_no_more(town):
    epoch = activate(town)
    assert Both(town).find_apps() == {"0x" + "ab" * 32}

    town.chain.mine(Stopped(deal=1, end=epoch, returned=980))
    town.index()
    assert Both(town).find(1).status is DealStatus.STOPPING
    town.chain.advance(60)
    town.chain.mine()
    town.index()

    assert Both(town).find(1).status is DealStatus.ENDED
    assert Both(town).find_apps() == frozenset()


def test_store__nothing_indexed_yet__is_unreachable(database):
    with pytest.raises(Unreachable):
        asyncio.run(StoreDirectory(database).find(1))


def ask_matcher(answer):
    """Ask a matcher that answers so (a response or an error) for deal 1 and for all apps."""

    def handle(request):
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            directory = MatcherDirectory(http, "http://matcher")
            for ask in (directory.find(1), directory.find_apps()):
                with pytest.raises(Unreachable) as caught:
                    await ask
                yield caught.value

    async def collect():
        return [error async for error in run()]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("nobody"),
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(503, json={"detail": "not indexed"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"id": 1}),
        httpx.Response(200, json={"items": [{"app": "0x12", "status": "running"}], "next": None}),
    ],
    ids=["down", "slow", "500", "503", "html", "list", "half", "bad app"],
)
def test_matcher__that_cannot_be_asked__is_unreachable_with_its_name(answer):
    for error in ask_matcher(answer):
        assert "http://matcher" in error.detail
        if isinstance(answer, httpx.Response) and answer.is_server_error:
            assert f"answered {answer.status_code}" in error.detail


class TestRemembering:
    """A directory is asked once in a while, and what it said outlives its outages."""

    def setup_method(self):
        self.now = 0.0
        self.inner = FakeDirectory(route(1))
        self.directory = RememberingDirectory(self.inner, 1.0, lambda: self.now)

    def find(self, deal=7):
        return asyncio.run(self.directory.find(deal))

    def test_find__within_its_time__is_not_asked_again(self):
        self.find()
        self.inner.routes[7] = route(2)
        self.now = 0.9

        assert self.find() == route(1)
        assert self.inner.asked == 1

    def test_find__later__is_asked_again(self):
        self.find()
        self.inner.routes[7] = route(2)
        self.now = 1.0

        assert self.find() == route(2)

    def test_find__forgotten__is_asked_again(self):
        self.find()
        self.directory.forget(7)
        self.directory.forget(8)

        self.find()

        assert self.inner.asked == 2

    def test_find__inner_is_away__last_known_stands(self):
        self.find()
        self.inner.is_away = True
        self.now = 1_000.0

        assert self.find() == route(1)

    def test_find__inner_is_away_and_nothing_known__is_unreachable(self):
        self.find(8)
        self.inner.is_away = True
        self.now = 2.0

        for deal in (8, 9):
            with pytest.raises(Unreachable):
                self.find(deal)

    def test_find__unknown_deal__is_remembered_too(self):
        assert self.find(8) is None
        assert self.find(8) is None
        assert self.inner.asked == 1
