"""Purchases under events in any order, on SQLite; on PostgreSQL see test_payments_postgres."""

import itertools

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.payments.purchase_machine import PROFILE, PurchaseMachine
from tests.wasmarket.store.stores import copy_store

pytestmark = pytest.mark.unit


def test_purchases__events_in_any_order__arrive_once_or_go_back(payments_template, tmp_path):
    numbers = itertools.count()

    class OnSqlite(PurchaseMachine):
        def new_store(self):
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            return copy_store(payments_template, folder / "store.sqlite"), folder

    run_state_machine_as_test(OnSqlite, settings=PROFILE)
