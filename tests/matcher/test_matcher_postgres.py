"""The matcher on PostgreSQL: the same stories, one elected submitter, nothing missed or lost."""

import inspect
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from matcher.orderbook.incremental import Feed
from tests.indexer.market_machine import PROFILE
from tests.matcher import test_matchmaker, test_replacements
from tests.matcher.anvil_town import AnvilTown, Operator, deploy
from tests.matcher.fake_town import FakeTown
from tests.matcher.processes import Process, follow, wait_for
from tests.matcher.test_feed import SIGNATURE, fed_in
from tests.wasmarket.store.postgres import run_postgres
from tests.wasmarket.store.test_postgres import new_store
from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.database import open_database
from wasmarket.store.enums import OfferSource, SubmissionState
from wasmarket.store.matching.offers import add_provider_offer
from wasmarket.store.matching.request_nonces import use_nonce
from wasmarket.store.matching.submissions import fetch_submissions

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

STORIES = [
    story
    for name, story in vars(test_matchmaker).items()
    if name.startswith("test_") and list(inspect.signature(story).parameters) == ["stocked"]
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with run_postgres() as url:
        yield url


@pytest.fixture
def town(server):
    database = new_store(server)
    town = FakeTown(database)
    yield town
    town.indexer._leader.release()
    town.matcher.leader.release()
    town.sender = None
    database.close()


def url_of(database):
    return database.engine.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.split("__", 1)[1])
def test_story_of_the_loop__on_postgres__is_the_same(town, story):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())

    story(town)


def test_story_of_a_replacement__on_postgres__is_the_same(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    town.post_bid(town.bid(units=4), target=2)
    town.turn()
    test_replacements.activate(town, 1)
    town.register_peer(2, provider=town.other)
    town.post_ask(town.ask(2, price=20), town.other)
    town.turn()

    test_replacements.test_replacement__asked_for__is_active_before_the_old_one_is_dropped(town)


def test_feed__random_history_with_reorgs__equals_a_fresh_reading(server):
    few = settings(PROFILE, max_examples=2)

    run_state_machine_as_test(fed_in(lambda: new_store(server)), settings=few)


def test_feed__offers_of_many_processes_at_once__misses_none(town):
    town.register_peer()
    feed = Feed(town.database)
    feed.refresh()
    asks = [town.ask(salt=number) for number in range(60)]
    more = [open_database(url_of(town.database)) for _ in range(4)]

    def post(number):
        with more[number % len(more)].write() as session:
            add_provider_offer(
                session,
                asks[number],
                town.provider.address,
                signature=SIGNATURE,
                source=OfferSource.POSTED,
                received_at=1,
            )

    with ThreadPoolExecutor(len(more)) as pool:
        done = [pool.submit(post, number) for number in range(len(asks))]
        while not all(task.done() for task in done):
            feed.refresh()
    for task in done:
        task.result()
    for database in more:
        database.close()

    assert set(feed.refresh().signatures) == {hash_offer(ask) for ask in asks}
    assert feed.rebuilds == 1


def test_use_nonce__the_same_at_two_processes_at_once__counts_once(town):
    second = open_database(url_of(town.database))
    together = threading.Barrier(2)

    def use(database):
        together.wait()
        with database.write() as session:
            return use_nonce(session, town.developer.address, "0x" + "7" * 64, 2**40, 0)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(use, (town.database, second)))
    second.close()

    assert sorted(outcomes) == [False, True]


@pytest.fixture(scope="module")
def chain():
    with Anvil.start() as anvil:
        town = AnvilTown(anvil, deploy(anvil))
        town.settle_in()
        yield town


def test_two_processes__submitter_killed_after_signing__the_other_takes_over(
    chain, server, tmp_path
):
    database = new_store(server)
    operator = Operator(chain, database, chain.first)
    operator.indexer._leader.release()
    stop = threading.Event()
    follower = threading.Thread(target=follow, args=(operator.indexer, stop, 0.05))
    follower.start()
    first = Process(chain, url_of(database), tmp_path, "recorded")
    wait_for(lambda: first.get("/v1/status")["extra"]["is_submitter"])
    second = Process(chain, url_of(database), tmp_path)
    bid = chain.bid()
    # Both doors lead to one book.
    second.post("/v1/provider-offers", chain.ask(1, 1_000), chain.provider)
    followers = second.get("/v1/status")["extra"]["is_submitter"]
    second.post("/v1/developer-offers", bid, chain.developer, permit=chain.permit(100_000))

    died = first.wait()
    path = f"/v1/developer-offers/{hash_offer(bid)}"
    wait_for(lambda: second.get(path)["status"] == "pending")
    wait_for(lambda: second.get("/v1/matches/1")["tx"])
    leads = second.get("/v1/status")["extra"]["is_submitter"]
    second.end(signal.SIGTERM)
    stop.set()
    follower.join(120)
    with database.read() as session:
        [sent] = fetch_submissions(session)
    database.close()

    assert (died, followers, leads) == (-signal.SIGKILL, False, True)
    assert sent.state == SubmissionState.MINED
    assert chain.market.read("counts_word") >> 64 & (2**64 - 1) == 1
