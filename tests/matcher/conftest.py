"""What matcher tests share."""

import pytest

from tests.matcher.fake_town import FakeTown
from tests.store.stores import copy_store, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(template, tmp_path):
    database = copy_store(template, tmp_path / "store.sqlite")
    yield database
    database.close()


@pytest.fixture
def town(database):
    return FakeTown(database)
