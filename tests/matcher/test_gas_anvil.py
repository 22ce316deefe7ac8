"""Fees rise over matches that wait, on a real node: each is sent dearer and mined once."""

import pytest

from tests.matcher.anvil_town import Operator
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.errors import TimedOut
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.submissions import fetch_submissions

pytestmark = pytest.mark.anvil

GWEI = 10**9


@pytest.fixture
def town(undone_base):
    yield undone_base
    undone_base.anvil.cheats.set_automine(True)


@pytest.fixture
def operator(town, template, tmp_path):
    database = copy_store(template, tmp_path / "store.sqlite")
    hasty = town.sender(town.first, timeout=2.0)
    yield Operator(town, database, town.first, sender=hasty)
    database.close()


def submissions(operator):
    with operator.database.read() as session:
        return fetch_submissions(session)


def set_base_fee(town, wei):
    town.rpc.request("anvil_setNextBlockBaseFeePerGas", [hex(wei)])


def test_turn__base_fee_rose_over_matches_that_were_dropped__they_are_sent_dearer_and_mined(
    town, operator
):
    operator.post_asks(town.ask(1, 1_000), town.ask(2, 1_000))
    first, second = town.bid(units=1), town.bid(units=1)
    town.send(town.developer, town.usdc, "approve", town.deployment.market, 10**9)
    operator.post_bid(first)
    town.anvil.cheats.set_automine(False)
    with pytest.raises(TimedOut):
        operator.turn()
    [poisoned] = submissions(operator)
    town.rpc.request("anvil_dropTransaction", [poisoned.tx_hash])
    set_base_fee(town, 100 * GWEI)
    town.anvil.cheats.mine()
    set_base_fee(town, 100 * GWEI)
    town.anvil.cheats.set_automine(True)
    operator.post_bid(second)

    operator.matcher.settlement_loop.take_turn()
    operator.turn()

    assert [operator.status(bid)["status"] for bid in (first, second)] == ["pending", "pending"]
    entries = submissions(operator)
    assert [entry.state for entry in entries].count(SubmissionState.MINED) == 2
    assert [entry.nonce for entry in entries].count(poisoned.nonce) == 2
    assert town.lens.read("deal_count") == 2
