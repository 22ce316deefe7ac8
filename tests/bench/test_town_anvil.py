"""The simulated market in small: all bids become deals, store and chain agree, money adds up."""

import pytest

from bench.town.measures import measure
from bench.town.money import Money
from bench.town.simulation import Size
from wasmarket.kernel.errors import Conflict

pytestmark = pytest.mark.anvil


def test_town__small__every_bid_is_a_deal_and_the_money_adds_up():
    rows = {
        row.measure.split(": ", 1)[1]: row.value
        for row in measure(Size(peers=6, providers=2, deals=8, epochs=5))
    }

    assert rows["deals made"] == 9
    assert rows["paid to providers"] > 0
    assert rows["gap of a round, most"] == 0
    assert {"match (matcher) (9 sent)", "register a peer (6 sent)"} < set(rows)


@pytest.mark.parametrize("held", [99, 101])
def test_money__contract_holds_more_or_less_than_it_owes__is_an_error(held):
    with pytest.raises(Conflict, match="Market holds"):
        Money(held=held, free=60, in_deals=40, paid=0, refunded=0).check()
