"""What a provider did not get, and the price that would have won."""

from dataclasses import replace

import pytest

from matcher.engine.answers.opportunities import Contest, find_opportunities
from matcher.engine.single.solve import match_one
from tests.matcher.markets import PROVIDERS, ask, book_of, demand, peer
from wasmarket.kernel.reasons import FillReason

pytestmark = pytest.mark.unit


@pytest.fixture
def book():
    peers = [peer(1), peer(2, provider=PROVIDERS[1]), peer(3, provider=PROVIDERS[2], region=4)]
    return book_of(peers, [ask(1, 50), ask(2, 30), ask(3, 10), ask(9, 1)])


def found(book, contest, provider=PROVIDERS[0]):
    return find_opportunities(provider, [contest], book)


def test_find__ask_above_the_bid__names_the_bid_as_the_price_to_win(book):
    [lost] = found(book, Contest(demand(max_price=40), None))

    assert (lost.price_to_win, lost.lost_by, lost.reasons) == (40, 10, (FillReason.PRICE,))


def test_find__others_were_cheaper__price_to_win_really_wins(book):
    wanted = demand(units=4, regions=1)
    taken = match_one(wanted, book).fills[-1].ask.offer.price
    [lost] = found(book, Contest(wanted, taken))

    cheaper = book_of(book.peers(), [*book.asks(), ask(1, lost.price_to_win, salt=9)])
    assert (lost.price_to_win, lost.lost_by) == (29, 21)
    assert match_one(wanted, cheaper).fills[0].ask.offer.peer == 1


def test_find__price_does_not_help__says_what_stands_against_it(book):
    [lost] = found(book, Contest(demand(regions=1), None), PROVIDERS[2])

    assert (lost.price_to_win, lost.reasons) == (None, (FillReason.REGION,))


def test_find__ask_that_wins_as_it_stands__is_no_lost_opportunity(book):
    assert found(book, Contest(demand(max_price=60), None)) == ()
    assert found(book, Contest(replace(demand(), deal=4), 60)) == ()


def test_find__provider_without_asks__price_cannot_help(book):
    [lost] = found(book, Contest(demand(), None), PROVIDERS[3])

    assert (lost.price_to_win, lost.reasons) == (None, ())
