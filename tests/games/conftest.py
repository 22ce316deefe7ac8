"""Lets the reckoning of a game say what is wrong."""

import pytest

pytest.register_assert_rewrite("tests.games.reckoning")
