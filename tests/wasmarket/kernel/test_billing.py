"""The formulas of money: settling at every step is settling once, a runway is exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.billing import (
    MAX_PAID,
    NO_END,
    SHARE_ONE,
    DealStatus,
    DealTerms,
    due,
    last_funded,
    runway,
    settle,
    share,
    skipped_part,
    status,
)

pytestmark = pytest.mark.unit

TERMS = st.builds(
    DealTerms,
    balance=st.integers(0, 1_000),
    rate=st.integers(0, 50),
    settled=st.integers(0, 20),
    end=st.integers(0, 60) | st.just(NO_END),
    units=st.integers(1, 5),
    run=st.integers(0, 3),
    stopped=st.booleans(),
)


@given(TERMS, st.lists(st.integers(0, 100), max_size=6))
def test_settle__at_many_epochs__equals_settling_once(deal, epochs):
    lapsed_at = None
    at_once = settle(deal, max(epochs, default=0))

    step = deal
    for epoch in sorted(epochs):
        result = settle(step, epoch)
        step = result.terms
        lapsed_at = lapsed_at if result.lapsed_at is None else result.lapsed_at

    assert step == at_once.terms
    assert lapsed_at == at_once.lapsed_at


@given(TERMS, st.integers(0, 200))
def test_settle__any_epoch__bills_whole_epochs_only(deal, epoch):
    after = settle(deal, epoch).terms

    spent = deal.balance - after.balance
    assert spent >= 0
    assert spent == 0 if deal.rate == 0 else spent % deal.rate == 0


@given(TERMS.filter(lambda deal: deal.rate > 0 and deal.end == NO_END))
def test_runway__nobody_touches__lapses_after_exactly_that(deal):
    last = deal.settled + runway(deal)

    assert settle(deal, last).lapsed_at is None
    assert settle(deal, last + 1).lapsed_at == last == last_funded(deal, deal.settled)


def test_settle__second_settle__bills_nothing():
    deal = DealTerms(100, 10, 5, NO_END, 1, 0, False)
    once = settle(deal, 8).terms

    assert once.balance == 70
    assert settle(once, 8).terms == once == settle(once, 7).terms


@pytest.mark.parametrize(
    ("terms", "epoch", "expected"),
    [
        (DealTerms(0, 0, 5, 5, 0, 0, False), 6, DealStatus.ENDED),
        (DealTerms(0, 0, 5, 5, 0, 0, True), 5, DealStatus.STOPPING),
        (DealTerms(9, 0, 5, 9, 0, 1, False), 5, DealStatus.LAPSED),
        (DealTerms(9, 0, 5, 9, 2, 1, False), 5, DealStatus.WAITING),
        (DealTerms(9, 3, 5, 9, 1, 0, False), 5, DealStatus.RUNNING),
        (DealTerms(9, 0, 5, 9, 1, 0, False), 5, DealStatus.WAITING),
    ],
)
def test_status__as_in_the_law(terms, epoch, expected):
    assert status(terms, epoch) is expected


@pytest.mark.parametrize(("second", "skipped"), [(0, 0), (30, SHARE_ONE // 2), (59, 64_443)])
def test_share__part_of_an_epoch__rounds_as_the_law_says(second, skipped):
    assert skipped_part(600 + second, 60) == skipped
    assert share(100, skipped) == 100 * (SHARE_ONE - skipped) // SHARE_ONE


def test_share__first_second__is_the_whole_epoch():
    assert share(12_345, skipped_part(120, 60)) == 12_345


def test_due__work_in_steps__rounds_down_once_and_is_capped():
    assert due(10**12, 7) == 7
    assert due(10**12 - 1, 1) == 0
    assert due(3 * 10**12 - 1, 5) == 14
    assert due(2**95, 2**40) == MAX_PAID


@pytest.mark.parametrize(
    ("balance", "units", "expected"),
    [
        (0, 0, DealStatus.WAITING),
        (5, 0, DealStatus.WAITING),
        (0, 2, DealStatus.LAPSED),
        (5, 2, DealStatus.RUNNING),
    ],
)
def test_status__metered_deal__lives_while_it_has_balance(balance, units, expected):
    deal = DealTerms(balance, 0, 10, 100, units, 0, stopped=False, metered=True)

    assert status(deal, 10) == expected
    assert status(deal, 101) == DealStatus.ENDED
