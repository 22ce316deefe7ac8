"""Migrations: from nothing to the tables of this version, once, and never back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from wasmarket.kernel.errors import ConfigError
from wasmarket.store.chain.events import EventChoice, fetch_events
from wasmarket.store.columns import Base
from wasmarket.store.database import open_database, sqlite_url
from wasmarket.store.migrate import upgrade

pytestmark = pytest.mark.unit


def test_upgrade__new_file__has_the_tables_of_the_models(database):
    with database.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert differences == []


def test_upgrade__new_file__has_the_checks_of_the_models(database):
    with database.connect() as connection:
        inspector = inspect(connection)
        for table in Base.metadata.sorted_tables:
            named = {check["name"] for check in inspector.get_check_constraints(table.name)}
            expected = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            assert named == expected, table.name


def test_upgrade__again__changes_nothing(database):
    with database.write() as session:
        session.execute(text("INSERT INTO leadership VALUES ('x', 1, 'me')"))

    upgrade(database)

    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM leadership")) == 1


def test_upgrade__events_of_an_older_version__are_known_by_whom_they_are_about(tmp_path):
    database = open_database(sqlite_url(tmp_path / "old.sqlite"))
    upgrade(database, "0004")
    with database.write() as session:
        for statement in OLD_ROWS:
            session.execute(text(statement))

    upgrade(database)

    with database.read() as session:
        found = {
            event.name: (event.deal, event.assignment, event.peer, event.branch)
            for event in fetch_events(session)
        }
        names = [
            [event.name for event in fetch_events(session, chosen=EventChoice(account=account))]
            for account in (DEVELOPER, PROVIDER)
        ]
        earned = session.scalar(text("SELECT earned FROM account"))
    database.close()
    branch = "ab" * 8
    assert found == {
        "PeerUnits": (None, None, 2, ""),
        "Claimed": (1, 3, 2, branch),
        "Skipped": (None, None, None, branch),
    }
    assert names == [["Claimed"], ["PeerUnits", "Claimed"]]
    assert earned == 9


DEVELOPER, PROVIDER = "0x" + "01" * 20, "0x" + "02" * 20
HASH = "0x" + "ab" * 32
OLD_ROWS = [
    f"INSERT INTO account VALUES ('{PROVIDER}', 9, '{0:078}')",
    f"INSERT INTO block VALUES (8, '{HASH}', '{HASH}', 80)",
    f"INSERT INTO peer VALUES (2, '{PROVIDER}', '{HASH}', 4, 1, 1, 0, '{0:078}', '{PROVIDER}', "
    "'http://peer', 1, 1)",
    f"INSERT INTO deal VALUES (1, '{DEVELOPER}', '{HASH}', '{HASH}', 1, 5, 5, 5, 1, 99, 1, 0, 0, "
    f"1, 1, '{HASH}')",
    f"INSERT INTO assignment VALUES (3, 1, 2, 1, 5, '{HASH}', 0, 'active', 1, 1, '{HASH}', 1, 1, "
    "NULL, 0, NULL, NULL, NULL, 0, 0)",
    f"INSERT INTO claim VALUES (8, 0, 3, 1, '{PROVIDER}', 1, 1, 9, 0, 80, '{HASH}')",
    f"INSERT INTO event VALUES (7, 0, 'PeerUnits', 70, '{HASH}', NULL, NULL, 2, '{{}}')",
    f"INSERT INTO event VALUES (8, 0, 'Claimed', 80, '{HASH}', NULL, 3, NULL, "
    f'\'{{"provider": "{PROVIDER}"}}\')',
    f"INSERT INTO event VALUES (8, 1, 'Skipped', 80, '{HASH}', NULL, NULL, NULL, '{{}}')",
]


def test_upgrade__store_of_a_newer_version__is_refused(database):
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer version") as caught:
        upgrade(database)

    assert caught.value.remedy
