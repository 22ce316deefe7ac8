"""The gas bench on real chains: equal runs, and no figure for what was not done."""

from pathlib import Path

import pytest

from bench.gas import judgements, operations
from bench.gas.artifacts import PATHS
from bench.gas.node import NotDone
from bench.gas.results import build_rows
from bench.gas.town import UNLIMITED, Town
from wasmarket.chain.deploying.plan import load_creation_code
from wasmarket.kernel.errors import Reverted

pytestmark = pytest.mark.anvil

QUICK = (operations.measure_match, operations.measure_money, operations.measure_endings)


@pytest.fixture(scope="module")
def artifacts():
    """Creation code as it is committed; `make check` holds it against the sources, and
    `make test-gas` compiles them itself.
    """
    return {Path(path).stem: "0x" + load_creation_code(Path(path).stem).hex() for path in PATHS}


@pytest.fixture(scope="module")
def town(artifacts):
    with Town.open(artifacts) as town:
        yield town


def test_measure_all__covers_every_listed_operation(town):
    rows = build_rows(operations.measure_all(town))

    assert all(row.value > 0 or row.measure.bar == 0 for row in rows)


def test_measure__on_two_chains_in_another_order__agrees_to_the_unit(town, artifacts):
    def run(town, scenarios):
        figures = {}
        for scenario in scenarios:
            with town.undone():
                figures |= scenario(town)
        return figures

    with Town.open(artifacts) as other:
        assert run(town, QUICK) == run(other, reversed(QUICK))


def test_measure_juries__after_other_blocks__agrees_to_the_unit(town):
    with town.undone():
        first = judgements.measure_juries(town)
    with town.undone():
        town.approve(UNLIMITED)
        second = judgements.measure_juries(town)

    assert second == first


def test_simulate__same_call__costs_what_its_transaction_does(town):
    deposit = town.market.call("deposit", 7)
    with town.undone():
        town.node.send(town.developer, deposit)

        simulated = town.node.simulate(town.developer, deposit, bytes(32))

        assert simulated == town.node.send(town.developer, deposit)


def test_simulate__revert__gives_no_figure(town):
    withdraw = town.market.call("withdraw", 1, town.matcher.address)

    with pytest.raises(Reverted):
        town.node.simulate(town.matcher, withdraw, bytes(32))


def test_send__skipped_id__gives_no_figure(town):
    with town.undone(), pytest.raises(NotDone, match=r"Market\.claim skipped"):
        town.node.send(town.matcher, town.market.call("claim", [999]))


def test_send__revert__gives_its_reason(town):
    with town.undone(), pytest.raises(Reverted) as caught:
        town.node.send(town.matcher, town.market.call("withdraw", 1, town.matcher.address))

    assert caught.value.reason == "ledger: not enough free"
