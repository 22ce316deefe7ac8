"""What indexer tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.store.database import Database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Iterator[Database]:
    database = copy_store(template, tmp_path / "store.sqlite")
    yield database
    database.close()
