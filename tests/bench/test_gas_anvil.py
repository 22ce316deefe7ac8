"""The gas bench on real chains: equal runs, and no figure for what was not done."""

import pytest

from bench.gas import operations
from bench.gas.artifacts import PATHS, SOURCES, build_artifacts
from bench.gas.node import NotDone
from bench.gas.results import build_rows
from bench.gas.town import Town
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.hashing import keccak

pytestmark = pytest.mark.anvil

QUICK = (operations.measure_match, operations.measure_money, operations.measure_endings)


@pytest.fixture(scope="module")
def artifacts(pytestconfig):
    """Creation code, compiled once for every state of the sources."""
    sources = sorted(SOURCES.rglob("*.vy*"))
    state = keccak(b"".join(source.read_bytes() for source in sources)).hex()
    kept = pytestconfig.cache.get("wasmarket/gas", {})
    if kept.get("state") != state:
        kept = {"state": state, "code": dict(build_artifacts())}
        pytestconfig.cache.set("wasmarket/gas", kept)
    assert len(kept["code"]) == len(PATHS)
    return kept["code"]


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


def test_send__skipped_id__gives_no_figure(town):
    with town.undone(), pytest.raises(NotDone, match=r"Market\.claim skipped"):
        town.node.send(town.matcher, town.market.call("claim", [999]))


def test_send__revert__gives_its_reason(town):
    with town.undone(), pytest.raises(Reverted) as caught:
        town.node.send(town.matcher, town.market.call("withdraw", 1, town.matcher.address))

    assert caught.value.reason == "ledger: not enough free"
