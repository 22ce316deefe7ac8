"""Following on a real node."""

import pytest

from tests.wasmarket.chain.following import FollowingTests

pytestmark = pytest.mark.anvil


class TestFollowingAnvil(FollowingTests):
    @pytest.fixture
    def world(self, anvil_world):
        return anvil_world
