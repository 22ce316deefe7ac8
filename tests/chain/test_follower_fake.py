"""Following in memory, and what only a fake can be made to do."""

import pytest

from tests.chain.following import FollowingTests

pytestmark = pytest.mark.unit


class TestFollowingFake(FollowingTests):
    @pytest.fixture
    def world(self, fake_world):
        return fake_world
