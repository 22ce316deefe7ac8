"""Payouts claim once in so many epochs, all that is due, and try again what failed."""

import pytest

from wasmarket.client.earnings import ClaimResult, Due, Payouts
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.events import Claimed

pytestmark = pytest.mark.unit


class Provider:
    """A provider to whom an assignment owes something in every epoch; `claims` in order."""

    def __init__(self, every):
        self.epoch = 20
        self.due = [Due(1, 1, 1, 10, 0), Due(4, 2, 1, 0, 5)]
        self.claims = []
        self.error = None
        self.payouts = Payouts(lambda: iter(self.due), self.claim, lambda: self.epoch, every)

    def claim(self, assignments):
        if self.error:
            raise self.error
        self.claims.append(list(assignments))
        return ClaimResult([Claimed(1, "0x" + "11" * 20, self.epoch - 2, 10, 5)], [])


def test_step__first_time__claims_all_that_is_due():
    provider = Provider(every=5)

    provider.payouts.step()

    assert provider.claims == [[1, 4]]


def test_step__every_five_epochs__claims_in_the_first_of_each_five():
    provider = Provider(every=5)

    for provider.epoch in range(20, 31):
        provider.payouts.step()
        provider.payouts.step()

    assert len(provider.claims) == 3


def test_step__nothing_due__sends_nothing():
    provider = Provider(every=1)
    provider.due = []

    provider.payouts.step()

    assert provider.claims == []


def test_step__claim_fails__is_tried_again_in_the_same_turn():
    provider = Provider(every=5)
    provider.error = Unreachable("no node")
    with pytest.raises(Unreachable):
        provider.payouts.step()

    provider.error = None
    provider.payouts.step()

    assert provider.claims == [[1, 4]]
