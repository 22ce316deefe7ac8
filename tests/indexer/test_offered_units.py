"""How many units peers had in each epoch: counted back from what they have now."""

import pytest

from tests.indexer.indexed import Indexed
from tests.wasmarket.store.stores import RESIZES, upgrade_with_resizes
from tests.wasmarket.store.test_queries import register
from tests.wasmarket.store.test_query_cost import plan_of, statements
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.events import PeerUnits
from wasmarket.store.chain.epochs import fetch_offered_units
from wasmarket.store.database import open_database, sqlite_url

pytestmark = pytest.mark.unit

PROVIDER = to_address(b"\1" * 20)


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


@pytest.fixture
def town(store):
    """Two peers of eight units; two epochs later one sells three, one epoch later twelve."""
    store.mine(register(1, PROVIDER), register(2, PROVIDER))
    store.begin = store.epoch
    store.mine(PeerUnits(1, 3), epochs=2)
    store.mine(PeerUnits(1, 12), epochs=1)
    return store


def test_offered__peers_come_and_are_resized__are_those_at_the_end_of_each_epoch(town):
    first = town.begin - 1

    assert town.read(fetch_offered_units, first, town.epoch) == [0, 16, 16, 11, 20]
    assert town.read(fetch_offered_units, first, town.epoch - 1) == [0, 16, 16, 11]


def test_offered__block_undone__is_as_before_it(town):
    *_, mark, _ = town._tail
    town.writer.undo(mark.number, mark.hash)

    assert town.read(fetch_offered_units, town.begin, town.epoch) == [16, 16, 11, 11]


def test_offered__asked__reads_only_changes_since_by_their_index(town):
    with statements(town.database) as seen:
        town.read(fetch_offered_units, town.begin, town.epoch)

    asked = [entry for entry in seen if entry[0].startswith("SELECT")]
    assert len(asked) == 2
    plan = plan_of(town.database, seen)
    assert any("USING COVERING INDEX ix_unit_change_epoch_delta (epoch>?)" in line for line in plan)


def test_upgrade__store_of_an_older_version__counts_the_events_that_are_there(tmp_path):
    database = open_database(sqlite_url(tmp_path / "old.sqlite"))

    assert upgrade_with_resizes(database) == RESIZES
    database.close()
