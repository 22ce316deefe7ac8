"""A peer whose disk is full follows the chain, commits, sweeps and says what to do."""

import errno
import os
import subprocess

import pytest

from peer.disk import DiskFull, DiskWatch
from peer.duties.commitments import Commitments, last_closed
from peer.folder import PeerFolder, write_atomically
from tests.peer.receipt_logs import open_log
from tests.peer.test_listener import Acting, Scene
from tests.peer.test_peer_state import CALL, SECONDS, chain_view
from wasmarket.serving.daemon import Pace, ThreadLoop

MIB = 1 << 20


@pytest.fixture
def full(monkeypatch):
    """A switch: while it is on, no file can be written."""
    state = {"on": True}
    real = os.open

    def refuse(path, flags, *rest, **options):
        if state["on"] and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    return state


@pytest.mark.unit
def test_listener__disk_is_full__follows_the_chain_and_says_so(tmp_path, full):
    full["on"] = False
    scene = Scene(tmp_path)
    scene.register()
    listener = scene.listener()
    loop = ThreadLoop("listening", listener.step, Pace(None))
    loop.take_turn()
    full["on"] = True
    told = []
    listener.subscribe(told.append)
    scene.match()
    loop.take_turn()

    assert "the disk is full" in loop.problem
    assert list(told[-1].assignments) == [7]
    scene.chain.mine()
    loop.take_turn()
    assert told[-1].head.number == scene.chain.head.number

    full["on"] = False
    scene.chain.mine()
    loop.take_turn()
    assert loop.problem == ""
    assert list(scene.listener().chain_view.assignments) == [7]


@pytest.mark.unit
def test_agent__disk_is_full__commits_and_stores_it_once_there_is_room(tmp_path, full):
    full["on"] = False
    scene = Scene(tmp_path)
    scene.register()
    scene.match()
    acting = Acting(scene)
    acting.turn()
    scene.chain.advance(60)
    acting.listener.step()
    loop = ThreadLoop("submitting", acting.agent.act, Pace(None), explain=acting.agent.explain)
    full["on"] = True
    loop.take_turn()

    assert acting.sent == ["activate", "commit"]
    [problem] = acting.agent.problems()
    assert "the disk is full" in problem
    assert list(scene.folder.commitments.iterdir()) == []

    full["on"] = False
    acting.listener.step()
    acting.clock += acting.agent.pause()
    loop.take_turn()
    assert acting.agent.problems() == []
    assert len(list(scene.folder.commitments.iterdir())) == 1


@pytest.mark.unit
def test_receipts__disk_was_full_when_a_chain_began__are_found_after_a_restart(tmp_path, full):
    full["on"] = False
    folder = PeerFolder(tmp_path)
    book = open_log(folder)
    full["on"] = True
    chain = book.open(9, 7)
    assert Commitments(folder.commitments, book, SECONDS).prepare(chain_view(), 1).summaries
    full["on"] = False
    book.append(chain, CALL)
    book.flush()
    book.close()

    again = open_log(folder, last_closed(folder.commitments) + 1)
    assert again.get(9).head.sequence == 0
    again.close()


@pytest.mark.unit
def test_write_atomically__disk_is_full__leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch
):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    """Write until nothing more fits."""
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"x" * 65_536)
                file.flush()
        except OSError:
            file.truncate(file.tell() // 4096 * 4096)


@pytest.mark.e2e
def test_disk_watch__others_fill_the_disk__lets_its_reserve_go_and_says_what_to_do(small_disk):
    watch = DiskWatch(small_disk, 16 * MIB)
    watch.look()
    assert watch.has_room
    fill(small_disk / "guest")
    with pytest.raises(OSError, match="No space"):
        write_atomically(small_disk / "chain.json", b"x" * MIB)

    for _ in range(2):
        with pytest.raises(DiskFull, match="make room"):
            watch.look()

    assert not watch.has_room
    write_atomically(small_disk / "chain.json", b"x" * MIB)
    (small_disk / "guest").unlink()
    watch.look()
    assert watch.has_room
    assert (small_disk / "reserve").stat().st_blocks
