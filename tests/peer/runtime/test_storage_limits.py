"""What an app asks to keep is held within what its provider allows, also where that is little."""

import pytest

from peer.runtime.sandbox.storage_guard import StorageGuard, StorageLimits

pytestmark = pytest.mark.unit

ALLOWED = StorageLimits(bytes=1_000, names=100, reserve=7)


@pytest.mark.parametrize(
    ("asked", "held_to"),
    [
        ((None, None), (1_000, 100)),
        ((10, None), (10, 100)),
        ((None, 5), (1_000, 5)),
        ((1_001, 101), (1_000, 100)),
    ],
)
def test_within__what_an_app_asks__is_the_less_of_both(asked, held_to):
    limits = ALLOWED.within(*asked)

    assert (limits.bytes, limits.names, limits.reserve) == (*held_to, 7)


class Watched:
    """A guard over a folder, its clock, and what it ended the worker for."""

    def __init__(self, folder, names):
        self.folder = folder
        self.now = 0.0
        self.ended = []
        limits = StorageLimits(names=names, reserve=0)
        self.guard = StorageGuard([folder], limits, self.ended.append, lambda: self.now)

    def make(self, count):
        """Let a call make files, and look within it."""
        first = len(list(self.folder.iterdir()))
        for number in range(first, first + count):
            (self.folder / str(number)).write_bytes(b"")
        self.now += 1
        self.guard.tick()


def test_tick__few_names_allowed_and_one_more_made__ends_the_worker(tmp_path):
    watched = Watched(tmp_path, names=100)

    watched.make(100)
    assert watched.ended == []
    watched.make(1)

    assert watched.ended == ["the storage has 101 files and folders, 100 are allowed"]


def test_tick__as_many_names_as_allowed__leaves_some_for_a_service_that_renames(tmp_path):
    watched = Watched(tmp_path, names=100)
    watched.make(100)
    watched.now += 10
    watched.guard.look()

    watched.make(25)
    assert watched.ended == []
    watched.make(1)

    assert len(watched.ended) == 1
    assert watched.guard.problem == "", "the next worker may clean up"
