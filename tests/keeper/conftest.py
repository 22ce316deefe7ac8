"""Desks of a keeper whose journals are closed after each test."""

import pytest

from tests.keeper.accounts import RunwayDesk


@pytest.fixture
def make_desk(tmp_path):
    made = []

    def make(developer, **rule):
        made.append(RunwayDesk(tmp_path, developer, **rule))
        return made[-1]

    yield make
    for desk in made:
        desk.book.close()
