"""A turn looks at what may have changed, and asks no more than that takes."""

import pytest

from keeper.duties.deal_news import DealNews
from tests.keeper.accounts import RATE, DeveloperInMemory, deal_of

pytestmark = pytest.mark.unit


def test_turn__within_an_epoch__looks_only_at_what_something_happened_to(make_desk):
    developer = DeveloperInMemory({7: deal_of(20), 8: deal_of(20)}, wallet=10**9)
    desk = make_desk(developer)
    for _ in range(3):
        desk.step()
    assert (developer.looks, developer.reads) == (2, [])

    developer.states[8] = deal_of(5)
    developer.block += 1
    developer.happened.append(DealNews(8, developer.block, "0x1"))
    desk.step()

    assert developer.moved == [(8, 25 * RATE)]
    assert 7 not in developer.reads


def test_turn__without_a_new_block__asks_the_chain_nothing(make_desk):
    developer = DeveloperInMemory({7: deal_of(0), 8: deal_of(20)})
    desk = make_desk(developer)
    desk.step()
    desk.next_block()
    desk.step()
    asked = developer.asked

    for _ in range(5):
        desk.step()
    assert developer.asked == asked

    desk.next_block()
    desk.step()
    assert developer.asked == asked + 1


def test_turn__many_short_deals__asks_once_what_money_there_is(make_desk):
    developer = DeveloperInMemory({deal: deal_of(0) for deal in range(1, 51)})

    make_desk(developer).step()

    assert developer.asked == 1


def test_turn__money_that_was_used__is_counted_again_before_the_next_deal(make_desk):
    developer = DeveloperInMemory({7: deal_of(0), 8: deal_of(0)}, free=10 * RATE, wallet=25 * RATE)

    make_desk(developer).step()

    assert developer.moved == [(7, 30 * RATE), (8, 5 * RATE)]


def test_turn__claim_or_eviction__is_said_and_the_chain_is_not_asked(make_desk):
    developer = DeveloperInMemory({7: deal_of(20)}, wallet=10**9)
    desk = make_desk(developer)
    desk.step()
    developer.block += 1
    developer.happened += [
        DealNews(7, developer.block, "0x1", evicted=31, peer=4, is_harmless=True),
        DealNews(7, developer.block, "0x2", refunded=5, is_harmless=True),
    ]

    desk.step()

    assert [notice.about for notice in desk.told] == ["evicted:31", "refunded:7:0x2"]
    assert developer.reads == []


def test_turn__in_which_nothing_happened__leaves_the_journal_as_it_is(make_desk):
    developer = DeveloperInMemory({7: deal_of(20)})
    desk = make_desk(developer)
    desk.step()
    written = (desk.folder / "journal.jsonl").read_bytes()

    for _ in range(3):
        developer.block += 1
        desk.next_block()
        desk.step()

    assert (desk.folder / "journal.jsonl").read_bytes() == written


def test_turn__deal_whose_event_never_came__is_found_in_the_next_epoch(make_desk):
    developer = DeveloperInMemory({7: deal_of(20)}, wallet=10**9)
    desk = make_desk(developer)
    desk.step()
    developer.states[8] = deal_of(1)
    developer.block += 1
    desk.step()
    assert developer.moved == []

    desk.later()
    desk.step()

    assert developer.moved == [(8, 29 * RATE)]


def test_turn__of_a_new_epoch__finds_what_has_fallen_below_its_floor(make_desk):
    developer = DeveloperInMemory({7: deal_of(11)}, wallet=10**9)
    desk = make_desk(developer)
    desk.step()
    developer.states[7] = deal_of(9)
    desk.step()
    assert developer.moved == []

    desk.later()
    desk.step()

    assert developer.moved == [(7, 21 * RATE)]


def test_turn__new_deal__is_looked_after_from_then_on(make_desk):
    developer = DeveloperInMemory({7: deal_of(20)}, wallet=10**9)
    desk = make_desk(developer)
    desk.step()
    developer.states[8] = deal_of(1)
    developer.block += 1
    developer.happened.append(DealNews(8, developer.block, "0x1", is_new=True))

    desk.step()

    assert developer.moved == [(8, 29 * RATE)]


def test_turn__index_still_in_the_last_epoch__is_asked_again(make_desk):
    developer = DeveloperInMemory({7: deal_of(10)}, wallet=10**9, indexed=99)
    desk = make_desk(developer)
    desk.step()
    developer.states[7], developer.indexed = deal_of(9), 100

    desk.step()

    assert developer.moved == [(7, 21 * RATE)]


def test_turn__no_money__asks_the_chain_again_only_when_there_is_more(make_desk):
    developer = DeveloperInMemory({deal: deal_of(0) for deal in range(1, 200)})
    desk = make_desk(developer, most_per_month=10**12)
    desk.step()
    asked = len(developer.reads)
    for _ in range(5):
        desk.step()
    assert len(developer.reads) == asked
    assert len(desk.runways.obstacles) == 199
    developer.wallet = 10**12
    desk.next_block()

    for _ in range(8):
        desk.step()

    assert len(developer.moved) == 199
    assert desk.runways.obstacles == []
