"""The block folder: what it gives is what was asked for, whatever happens to its files."""

import errno
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import dag_pb_cid, raw_cid
from wasmarket.kernel.errors import BadContent, Conflict, ContentNotFound, LimitReached

pytestmark = pytest.mark.unit

BLOCK = b"some block"
CID = raw_cid(BLOCK)


@pytest.fixture
def folder(tmp_path):
    return BlockFolder(tmp_path / "blocks")


def file_of(folder, cid):
    [path] = folder.root.glob(f"blocks/*/{cid}")
    return path


def test_put__block__is_there_for_another_process(folder):
    assert folder.put(CID, BLOCK) is True
    assert folder.put(CID, BLOCK) is False

    other = BlockFolder(folder.root)
    assert other.get(CID) == BLOCK
    assert other.has(CID)
    assert other.size(CID) == len(BLOCK)
    assert list(other.cids()) == [CID]
    assert other.total_bytes() == len(BLOCK)


def test_put__other_bytes__refused_and_nothing_kept(folder):
    with pytest.raises(BadContent):
        folder.put(CID, b"other")

    assert not folder.has(CID)
    assert list(folder.cids()) == []


def test_get__missing__not_found_with_remedy(folder):
    with pytest.raises(ContentNotFound) as caught:
        folder.get(CID)
    with pytest.raises(ContentNotFound):
        folder.size(CID)

    assert str(CID) in caught.value.detail
    assert caught.value.remedy


@pytest.mark.parametrize("damage", [b"", b"some bl", b"some_block", BLOCK + b"x"])
def test_get__damaged_on_disk__missing_removed_and_reported(folder, damage, caplog):
    folder.put(CID, BLOCK)
    file_of(folder, CID).write_bytes(damage)

    with caplog.at_level(logging.WARNING), pytest.raises(ContentNotFound):
        folder.get(CID)

    assert folder.damaged == 1
    assert not folder.has(CID)
    assert caplog.records[0].cid == str(CID)


def test_put__damaged_on_disk__mended(folder):
    folder.put(CID, BLOCK)
    file_of(folder, CID).write_bytes(b"some_block")

    assert folder.put(CID, BLOCK) is True
    assert folder.get(CID) == BLOCK


def test_put__same_digest_two_codecs__two_blocks(folder):
    folder.put(CID, BLOCK)

    with pytest.raises(ContentNotFound):
        folder.get(dag_pb_cid(BLOCK))


def test_put__disk_full__limit_reached_and_no_leftover(folder, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(LimitReached, match="no space"):
        folder.put(CID, BLOCK)
    assert list(folder.root.glob("tmp/*")) == []
    assert not folder.has(CID)


def test_put__other_disk_error__not_hidden(folder, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)

    with pytest.raises(OSError, match="Input/output"):
        folder.put(CID, BLOCK)
    assert list(folder.root.glob("tmp/*")) == []


def test_put__many_threads__all_blocks_whole(folder):
    blocks = [f"block {i % 20}".encode() for i in range(100)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda block: folder.put(raw_cid(block), block), blocks))

    assert {folder.get(cid) for cid in folder.cids()} == set(blocks)


def test_delete__pinned__refused_until_unpinned(folder):
    folder.put(CID, BLOCK)
    folder.pin(CID)

    with pytest.raises(Conflict, match="pinned"):
        folder.delete(CID)
    assert folder.pins() == {CID}

    folder.unpin(CID)
    folder.unpin(CID)
    assert folder.delete(CID) is True
    assert folder.delete(CID) is False
    assert not folder.has(CID)


def test_open__half_written_by_a_dead_process__removed(folder):
    old, young = folder.root / "tmp" / "old", folder.root / "tmp" / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (0, 0))

    BlockFolder(folder.root)

    assert not old.exists()
    assert young.exists()


def test_cids__foreign_file__left_out(folder, caplog):
    folder.put(CID, BLOCK)
    (file_of(folder, CID).parent / "notes.txt").write_text("hello")

    with caplog.at_level(logging.WARNING):
        assert list(folder.cids()) == [CID]
    assert "not a block" in caplog.text
