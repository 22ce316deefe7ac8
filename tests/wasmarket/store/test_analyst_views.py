"""The views for analysts: there after every start, with the numbers that people expect."""

import pytest
from sqlalchemy import inspect, text

from tests.indexer.long_history import index_at_once, make_long_chain
from wasmarket.store.analyst_views import VIEWS, read_view
from wasmarket.store.migrate import upgrade

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def chain():
    return make_long_chain(900)


def test_upgrade__views_of_a_store__have_the_columns_of_their_page(database):
    with database.connect() as connection:
        found = {
            view.sql_name: [
                entry["name"] for entry in inspect(connection).get_columns(view.sql_name)
            ]
            for view in VIEWS
        }

    assert found == {view.sql_name: [name for name, _ in view.columns] for view in VIEWS}


def test_upgrade__view_was_dropped__is_made_again(database):
    with database.connect() as connection:
        connection.execute(text("DROP VIEW market_deal"))

    upgrade(database)

    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM market_deal")).scalar() == 0


def test_read_view__numbers_of_256_bits__are_decimal_text_without_zeros(database, chain):
    index_at_once(database, chain)

    with database.read() as session:
        stakes = session.execute(text("SELECT free, locked FROM market_stake")).all()
        rows = {view.name: sum(len(page) for page in read_view(session, view)) for view in VIEWS}
        counted = session.execute(text("SELECT count(*) FROM event")).scalar()

    assert stakes
    assert all(free == "0" and not locked.startswith("0") for free, locked in stakes)
    assert rows["event"] == counted > 800
    assert min(rows["deal"], rows["assignment"], rows["commitment"], rows["peer"]) > 0
