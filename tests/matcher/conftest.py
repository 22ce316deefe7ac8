"""What matcher tests share."""

import pytest

from tests.matcher.anvil_town import AnvilTown, deploy
from tests.matcher.fake_town import FakeTown
from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.chain.development.anvil import Anvil


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


@pytest.fixture(scope="module")
def base():
    """The real contracts and their people on an Anvil, one for each file of tests."""
    with Anvil.start() as anvil:
        town = AnvilTown(anvil, deploy(anvil))
        town.settle_in()
        yield town


@pytest.fixture
def undone_base(base):
    """The same, put back afterwards to what it was."""
    snapshot = base.anvil.cheats.snapshot()
    yield base
    base.anvil.cheats.revert(snapshot)
