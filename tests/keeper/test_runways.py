"""Deals are kept above their floor: never beyond the limit, never twice, and people are told."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.book import month_of
from keeper.clock import Now
from keeper.duties.deal_news import DealNews
from keeper.duties.funding import ListedDeal
from tests.keeper.accounts import RATE, DeveloperInMemory, RunwayDesk, deal_of
from wasmarket.kernel.errors import Refused, Unreachable

pytestmark = pytest.mark.unit


def test_runway__below_the_floor__is_led_to_the_target(make_desk):
    developer = DeveloperInMemory({7: deal_of(9), 8: deal_of(10)}, wallet=10**9)
    desk = make_desk(developer)

    desk.step()
    desk.step()

    assert developer.moved == [(7, 21 * RATE)]
    assert "deal 7 was topped up by 0.210000 USDC" in desk.texts()
    assert desk.runways.obstacles == []


@pytest.mark.parametrize(
    "state", [deal_of(1, stopped=True), deal_of(1, status=5), deal_of(0, rate=0, status=1)]
)
def test_runway__of_a_deal_that_ends_or_has_not_begun__gets_nothing(make_desk, state):
    developer = DeveloperInMemory({7: state}, wallet=10**9)

    make_desk(developer).step()

    assert developer.moved == []


def test_runway__lapsed_deal__is_funded_again(make_desk):
    developer = DeveloperInMemory({7: deal_of(0, status=3)}, wallet=10**9)

    make_desk(developer).step()

    assert developer.moved == [(7, 30 * RATE)]


def test_runway__metered_deal__is_measured_by_its_balance(make_desk):
    states = {7: deal_of(0, rate=0, balance=400), 8: deal_of(0, rate=0, balance=500)}
    developer = DeveloperInMemory(states, metered={7, 8}, wallet=10**9)

    make_desk(developer, floor_balance=500, target_balance=2_000).step()

    assert developer.moved == [(7, 1_600)]


def test_runway__limit_of_the_month__holds_over_a_restart_and_ends_with_the_month(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)}, wallet=10**9)
    desk = make_desk(developer, most_per_month=40 * RATE)
    desk.step()
    desk.restart()
    developer.states[7] = deal_of(0)
    desk.step()
    desk.restart()
    developer.states[7] = deal_of(0)

    desk.step()

    assert developer.moved == [(7, 30 * RATE), (7, 10 * RATE)]
    assert "its limit of 0.400000 USDC" in desk.runways.obstacles[0]
    desk.now = Now(desk.now.timestamp + 31 * 86_400, 131)
    desk.step()
    assert developer.moved[-1] == (7, 30 * RATE)


def test_runway__not_enough_money__gives_what_there_is_and_says_what_is_missing(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)}, free=2 * RATE, wallet=3 * RATE)
    desk = make_desk(developer)

    desk.step()

    assert developer.moved == [(7, 5 * RATE)]
    assert "0.250000 USDC are missing" in desk.runways.obstacles[0]


def test_runway__less_than_an_epoch_costs__is_not_worth_a_transaction(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)}, free=RATE - 1)
    desk = make_desk(developer)

    for _ in range(3):
        desk.step()

    assert developer.moved == []
    assert "0.009999 USDC are there, less than an epoch costs" in desk.runways.obstacles[0]


@pytest.mark.parametrize("lands", [True, False])
def test_runway__answer_lost__nothing_is_sent_again_before_it_is_known(make_desk, lands):
    developer = DeveloperInMemory(
        {7: deal_of(0)}, wallet=10**9, fails=Unreachable("gone"), lands=lands, busy=False
    )
    desk = make_desk(developer, most_per_month=60 * RATE)
    desk.step()
    developer.busy = not lands
    desk.restart()
    desk.step()
    assert len(developer.moved) == lands, "it waits while a transaction of the account is pending"

    developer.busy = False
    desk.step()

    assert developer.moved == [(7, 30 * RATE)]
    assert desk.book.unfinished() == []


def test_runway__refused__counts_as_not_moved(make_desk):
    developer = DeveloperInMemory(
        {7: deal_of(0)}, wallet=10**9, fails=Refused("paused"), lands=False
    )
    desk = make_desk(developer, most_per_month=30 * RATE)
    desk.step()
    assert "deal 7 is not topped up: paused" in desk.texts()

    desk.step()

    assert developer.moved == [(7, 30 * RATE)]


def test_runway__no_money_and_a_card__opens_one_checkout_a_month(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)})
    desk = make_desk(developer, sources=("free", "card"))

    desk.step()
    desk.restart()
    desk.step()

    assert developer.pages == [(7, 30 * RATE)]
    assert any("pay by card at http://cards/1" in text for text in desk.texts())


def test_runway__no_money_and_no_card__is_said_once(make_desk):
    desk = make_desk(DeveloperInMemory({7: deal_of(3)}))

    for _ in range(3):
        desk.step()

    assert sum("has no USDC" in text for text in desk.texts()) == 1
    assert desk.runways.obstacles == ["deal 7: the account has no USDC; 0.270000 are needed"]


def test_notice__falling_runway__is_told_at_each_threshold_and_when_it_lapses(make_desk):
    developer = DeveloperInMemory({7: deal_of(9)})
    desk = make_desk(developer, floor_epochs=0, floor_balance=1, target_balance=2)
    for runway in (9, 6, 5, 2, 1, 0):
        developer.states[7] = deal_of(runway)
        desk.step()
        desk.later()
    developer.states[7] = deal_of(0, status=3)
    desk.step()

    assert [notice.value for notice in desk.told] == [7, 3, 0, "lapsed"]


def test_notice__after_a_top_up__comes_again_when_it_falls_again(make_desk):
    developer = DeveloperInMemory({7: deal_of(6)})
    desk = make_desk(developer, floor_epochs=0, floor_balance=1, target_balance=2)
    for runway in (6, 20, 6):
        developer.states[7] = deal_of(runway)
        desk.step()
        desk.later()

    assert [notice.value for notice in desk.told] == [7, 7]


def test_rule__for_a_deal_of_another_account__is_said(make_desk):
    desk = make_desk(DeveloperInMemory({7: deal_of(20)}), deals=(7, 9))

    desk.step()

    assert desk.runways.obstacles == ["deal 9 is over, or of another account"]


@given(
    turns=st.lists(
        st.tuples(
            st.integers(0, 40), st.sampled_from(["", "refused", "lost", "landed"]), st.booleans()
        ),
        max_size=12,
    ),
    limit=st.integers(1, 100),
    money=st.integers(0, 100),
)
def test_money__whatever_happens__is_never_moved_beyond_the_limit_of_a_month(
    tmp_path_factory, turns, limit, money
):
    developer = DeveloperInMemory({7: deal_of(0)}, wallet=money * RATE)
    folder = tmp_path_factory.mktemp("keeper")
    desk = RunwayDesk(folder, developer, most_per_month=limit * RATE)
    months: dict[str, int] = defaultdict(int)
    for runway, fault, restarts in turns:
        before = len(developer.moved)
        developer.states[7] = deal_of(runway)
        developer.fails = {
            "": None,
            "refused": Refused("no"),
            "lost": Unreachable("gone"),
            "landed": Unreachable("gone"),
        }[fault]
        developer.lands = fault == "landed"
        if restarts:
            desk.restart()
        desk.step()
        month = month_of(desk.now.timestamp)
        months[month] += sum(amount for _, amount in developer.moved[before:])
        if not fault:
            desk.later()

    assert max(months.values(), default=0) <= limit * RATE
    desk.book.close()


def test_money__index_that_knows_less_than_the_chain__moves_none(make_desk):
    developer = DeveloperInMemory({7: deal_of(40)}, wallet=10**9)
    developer.deals = lambda: {7: ListedDeal(False, deal_of(1))}

    make_desk(developer).step()

    assert (developer.reads, developer.moved) == ([7], [])


def test_notice__eviction_and_refund__is_said_once_also_over_restarts_and_reorgs(make_desk):
    developer = DeveloperInMemory({7: deal_of(20), 9: deal_of(20)})
    desk = make_desk(developer)
    desk.step()
    developer.happened += [
        DealNews(7, 1_001, "0xa", evicted=31, peer=4),
        DealNews(7, 1_001, "0xb", refunded=1_500_000),
        DealNews(7, 1_001, "0xb", refunded=500_000),
        DealNews(8, 1_001, "0xc", evicted=32, peer=5),
    ]
    developer.block = 1_001
    desk.restart()
    for block in (1_001, 1_002):
        developer.block = block
        desk.step()
        desk.restart()
    developer.happened = [replace(one, block=1_003) for one in developer.happened]
    developer.block = 1_003
    desk.step()

    assert [notice.about for notice in desk.told] == ["evicted:31", "refunded:7:0xb"]
    assert "peer 4 was evicted from deal 7 (assignment 31, transaction 0xa)" in desk.texts()[0]
    assert "2.000000 USDC of epochs that nobody proved went back from deal 7" in desk.texts()[1]


def test_notice__event_that_a_reorg_put_behind_what_was_seen__is_said_in_the_next_epoch(make_desk):
    developer = DeveloperInMemory({7: deal_of(20)})
    desk = make_desk(developer)
    desk.step()
    developer.block = 3_000
    desk.step()
    developer.happened.append(DealNews(7, 2_000, "0xa", evicted=31, peer=4))
    desk.step()
    assert desk.told == []

    desk.later()
    desk.step()

    assert [notice.about for notice in desk.told] == ["evicted:31"]


def test_notice__metered_deal_without_money__is_empty(make_desk):
    developer = DeveloperInMemory({7: deal_of(0, rate=0, balance=0)}, metered={7})
    desk = make_desk(developer, floor_balance=0)

    desk.step()
    desk.step()

    assert desk.texts() == ["deal 7 is empty: it pays for no further work"]


def test_card__saved__is_charged_once_within_the_limit(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)}, card="pays")
    desk = make_desk(developer, sources=("free", "card"), most_per_month=40 * RATE)
    desk.step()
    desk.restart()
    desk.step()
    developer.states[7] = deal_of(0)
    desk.restart()
    desk.step()
    developer.states[7] = deal_of(0)
    desk.restart()

    desk.step()

    assert developer.moved == [(7, 30 * RATE), (7, 10 * RATE)]
    assert developer.pages == []
    assert "deal 7 was topped up by card by 0.300000 USDC" in desk.texts()
    assert "its limit of 0.400000 USDC" in desk.runways.obstacles[0]


@pytest.mark.parametrize("first", ["waits", "is lost"])
def test_card__answer_that_is_not_there_yet__is_asked_for_under_the_same_key(make_desk, first):
    developer = DeveloperInMemory({7: deal_of(0)}, card=first)
    desk = make_desk(developer, sources=("card",))
    desk.step()
    desk.step()
    assert (len(developer.charges), developer.moved, len(desk.runways.obstacles)) == (1, [], 1)
    desk.restart()
    developer.card = "pays"

    desk.step()
    desk.step()

    assert (len(developer.charges), developer.moved) == (1, [(7, 30 * RATE)])
    assert desk.book.unfinished() == desk.runways.obstacles == []


def test_card__declined__is_said_and_not_charged_again_that_day_and_a_page_is_opened(make_desk):
    developer = DeveloperInMemory({7: deal_of(0)}, card="declines")
    desk = make_desk(developer, sources=("card",))
    for _ in range(3):
        desk.step()
        desk.restart()

    assert sum("the card was declined" in text for text in desk.texts()) == 1
    assert len(developer.pages) == 1
    developer.card = "pays"
    desk.step()
    assert developer.moved == []
    desk.later()
    desk.step()
    assert developer.moved == [(7, 30 * RATE)]


def test_card__limit_left_below_what_is_sold__is_said_once_and_no_page_is_opened(
    make_desk,
):
    developer = DeveloperInMemory({7: deal_of(0)}, card="pays", least=5 * RATE)
    desk = make_desk(developer, sources=("card",), most_per_month=33 * RATE)
    desk.step()
    developer.states[7] = deal_of(0)
    for _ in range(3):
        desk.restart()
        desk.step()

    assert developer.moved == [(7, 30 * RATE)]
    assert developer.pages == []
    assert sum("less than is sold by card" in text for text in desk.texts()) == 1
