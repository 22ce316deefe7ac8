"""Migrations: from nothing to the tables of this version, once, and never back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from wasmarket.kernel.errors import ConfigError
from wasmarket.store.columns import Base
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


def test_upgrade__store_of_a_newer_version__is_refused(database):
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer version") as caught:
        upgrade(database)

    assert caught.value.remedy
