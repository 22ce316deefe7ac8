"""The store agrees with the model of the law after every call, and forgets undone blocks."""

from itertools import count

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.indexer.market_machine import PROFILE, indexed_in
from tests.wasmarket.store.stores import copy_store

pytestmark = pytest.mark.unit


def test_index__random_history_with_reorgs__says_what_the_model_says(template, tmp_path):
    numbers = count()
    machine = indexed_in(lambda: copy_store(template, tmp_path / f"{next(numbers)}.sqlite"))

    run_state_machine_as_test(machine, settings=PROFILE)
