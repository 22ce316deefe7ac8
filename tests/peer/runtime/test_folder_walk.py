"""Folders that a guest made are measured, handed over and removed, whatever is in them."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.runtime.sandbox.folder_walk import Usage, hand_over, measure, remove, walk

pytestmark = pytest.mark.unit

DEPTH = 1_500


@pytest.fixture
def deep(tmp_path):
    """A function that makes nested folders; they go after the test: pytest could not."""
    made = []

    def make(folder, depth):
        made.append(folder)
        nest(folder, depth)

    yield make
    for folder in made:
        remove(folder)


def nest(folder, depth):
    """Make so many folders, one in the other: deeper than any path may be long."""
    folder.mkdir(parents=True)
    at = os.open(folder, os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir("nested-deeper-than-paths", dir_fd=at)
        further = os.open("nested-deeper-than-paths", os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = further
    descriptor = os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(descriptor, b"x" * 5_000)
    os.close(descriptor)
    os.close(at)


def test_measure__thousands_of_nested_folders__counts_all(tmp_path, deep):
    deep(tmp_path / "deep", DEPTH)

    usage = measure(tmp_path / "deep")

    assert usage.entries == DEPTH + 1
    assert usage.bytes >= 5_000
    assert remove(tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


def test_remove__budget__ends_each_turn_and_gets_there(tmp_path, deep):
    deep(tmp_path / "deep", 300)
    for number in range(500):
        (tmp_path / "deep" / str(number)).write_bytes(b"")

    turns = 1
    while not remove(tmp_path / "deep", 50):
        turns += 1
        assert turns < 200

    assert turns > 5
    assert not (tmp_path / "deep").exists()


def test_remove__links_out_of_the_folder__removes_the_links_alone(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    folder = tmp_path / "guest"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "folder").symlink_to(kept)
    (folder / "file").symlink_to(kept / "file")
    (folder / "dangling").symlink_to("nowhere")

    assert measure(folder).entries == 4
    assert remove(folder)
    assert (kept / "file").read_text() == "mine"


def test_remove__root_is_a_link__removes_the_link_alone(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "link").symlink_to(kept)

    assert remove(tmp_path / "link")
    assert kept.is_dir()
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(OSError, match="link"):
        measure(tmp_path / "link")


def test_remove__what_is_not_there__is_gone(tmp_path):
    assert remove(tmp_path / "nothing")


def test_measure__more_than_allowed__stops_at_once(tmp_path):
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"x" * 1_000)

    assert measure(tmp_path, Usage(bytes=10**9, entries=5)).entries == 6
    assert measure(tmp_path, Usage(bytes=3_000, entries=10**9)).entries < 10


def test_measure__file_with_a_hole__counts_the_hole(tmp_path):
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10**8)

    assert measure(tmp_path).bytes >= 10**8


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_hand_over__nested_and_linked__changes_all_and_follows_nothing(tmp_path, deep):
    deep(tmp_path / "deep", DEPTH)
    mine = tmp_path / "mine"
    mine.write_text("")
    (tmp_path / "deep" / "link").symlink_to(mine)

    hand_over(tmp_path / "deep", 65534, 65534)

    assert {entry.status.st_uid for entry in walk(tmp_path / "deep")} == {65534}
    assert mine.stat().st_uid == 0
    assert remove(tmp_path / "deep")


NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=9
).filter(lambda name: name not in (".", ".."))
TREES = st.recursive(
    st.binary(max_size=20), lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
).filter(lambda tree: isinstance(tree, dict))


def plant(folder, tree):
    """Make the tree; return how many names it has."""
    folder.mkdir()
    count = len(tree)
    for name, inner in tree.items():
        if isinstance(inner, dict):
            count += plant(folder / name, inner)
        else:
            (folder / name).write_bytes(inner)
    return count


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(tree=TREES, most=st.integers(1, 7))
def test_walk__any_tree__sees_every_name_and_removes_it(tmp_path_factory, tree, most):
    folder = tmp_path_factory.mktemp("trees") / "guest"
    count = plant(folder, tree)

    assert measure(folder).entries == count
    for _ in range(2 * count + 20):
        if remove(folder, most):
            break
    assert not folder.exists()
