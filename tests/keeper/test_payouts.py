"""Earnings are claimed when they are worth their gas, and people are told what came."""

import pytest

from keeper.book import KeeperBook
from keeper.duties.payouts import PayoutDuty
from keeper.notices import Notices
from keeper.policy import PayoutRule
from tests.keeper.accounts import ProviderInMemory
from wasmarket.client.earnings import Due

pytestmark = pytest.mark.unit

GWEI = 10**9
USDC = 10**6


class PayoutDesk:
    def __init__(self, folder, due, **rule):
        terms = {
            "key": "alpha",
            "at_least": USDC,
            "most_gas_price": 0,
            "usdc_per_coin": 0,
            "times_gas": 10,
            "withdraws": True,
        }
        self.provider = ProviderInMemory([Due(n, 1, 1, paid, 0) for n, paid in due.items()])
        self.told = []
        self.epoch, self.gas_price = 100, GWEI
        self.book = KeeperBook(folder / "journal.jsonl")
        self.notices = Notices(self.book, {"list": self.told.append})
        self.payouts = PayoutDuty(
            [PayoutRule(**(terms | rule))],
            {"alpha": self.provider},
            self.book,
            self.notices,
            lambda: self.epoch,
            lambda: self.gas_price,
        )

    def step(self):
        self.payouts.step()
        self.notices.deliver()


@pytest.fixture
def make_desk(tmp_path):
    made = []

    def make(due, **rule):
        made.append(PayoutDesk(tmp_path, due, **rule))
        return made[-1]

    yield make
    for desk in made:
        desk.book.close()


def test_payout__of_enough__is_claimed_together_and_told(make_desk):
    desk = make_desk({3: 600_000, 5: 400_000})

    desk.step()

    assert desk.provider.claims == [((3, 5), True)]
    assert [notice.text for notice in desk.told] == ["1.000000 USDC claimed for 2 assignments"]


def test_payout__of_too_little__waits_for_the_next_epoch(make_desk):
    desk = make_desk({3: 999_999})

    desk.step()
    desk.provider.due.append(Due(4, 1, 1, 1, 0))
    desk.step()
    assert desk.provider.claims == [], "the epoch is the same"
    desk.epoch += 1
    desk.step()

    assert desk.provider.claims == [((3, 4), True)]


def test_payout__while_gas_is_dear__waits_and_says_so(make_desk):
    desk = make_desk({3: 2 * USDC}, most_gas_price=2 * GWEI)
    desk.gas_price = 3 * GWEI
    desk.step()
    assert "2.000000 USDC wait" in desk.payouts.waiting["alpha"]

    desk.gas_price = 2 * GWEI
    desk.step()

    assert (len(desk.provider.claims), desk.payouts.waiting) == (1, {})


def test_payout__assignment_that_is_not_worth_its_gas__is_left_out(make_desk):
    # 25,000 gas at 1 gwei and 2,500 USDC a coin are 0.0625 USDC; ten times that is asked.
    desk = make_desk({3: 624_999, 4: 625_000, 5: 5 * USDC}, usdc_per_coin=2_500 * USDC)

    desk.step()

    assert desk.provider.claims == [((4, 5), True)]


def test_payout__not_worth_the_gas_of_all__is_not_claimed(make_desk):
    desk = make_desk({3: USDC}, usdc_per_coin=2_500 * USDC)

    desk.step()

    assert desk.provider.claims == []
