"""What a peer lets go of, and what it never does."""

import asyncio
import errno
import os

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.chain_state.view import State
from peer.duties.commitments import Commitments, last_closed
from peer.folder import PeerFolder
from peer.hosting import retention
from peer.hosting.retention import KeptStorage, Retention, StorageRetention
from peer.runtime.effectors.host import FOLDER, EffectorHost
from peer.runtime.effectors.ipfs_effect import write_ledger
from peer.runtime.module.code_files import EngineSettings, name_code
from peer.runtime.sandbox.folder_walk import remove
from tests.peer.peer_runner import publish
from tests.peer.receipt_logs import open_log
from tests.peer.runtime.test_folder_walk import nest
from tests.peer.test_peer_state import CALL, PEER, SECONDS, chain_view
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.epoch_tally import GrowingRoot
from wasmarket.kernel.documents.merkle import EMPTY_ROOT, MerkleTree
from wasmarket.kernel.documents.receipts import ZERO

pytestmark = pytest.mark.unit

KEEP = Retention(
    storage_seconds=120, receipt_epochs=2, proof_window=1, code_bytes=0, grace_seconds=0.0
)


OVER = {"state": State.ENDED, "alive": False, "end_of": 1}


class FakeHost:
    """What the sweeper asks of the host: the chain's standing and the deals with runs."""

    def __init__(self, now):
        self.chain_view = now
        self.deals = {}


@pytest.fixture
def folder(tmp_path):
    return PeerFolder(tmp_path / "peer")


@pytest.fixture
def blocks(folder):
    return BlockFolder(folder.blocks)


@pytest.fixture
def book(folder):
    made = open_log(folder, last_closed(folder.commitments) + 1)
    made.peer = PEER
    yield made
    made.close()


@pytest.fixture
def sweep(folder, blocks, book):
    commitments = Commitments(folder.commitments, book, SECONDS)

    def run(now):
        return asyncio.run(sweep_once(now))

    async def sweep_once(now):
        async with httpx.AsyncClient(trust_env=False) as client:
            effectors = EffectorHost(blocks, folder.cache / "content", client)
            storage_retention = StorageRetention(
                folder, blocks, FakeHost(now), book, effectors, commitments, (), KEEP
            )
            await storage_retention.sweep()
            await effectors.close()
        return storage_retention

    return run


def lay_storage(folder, deal):
    path = folder.service(deal)
    (path / "storage" / "greeting").mkdir(parents=True)
    (path / "storage" / "greeting" / "file").write_bytes(b"state")
    (path / "access.json").write_text("{}")
    return path


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_growing_root__is_the_trees(entries):
    growing = GrowingRoot()
    for entry in entries:
        growing.add(entry)

    whole = MerkleTree(entries).root
    assert growing.root == (ZERO if whole == EMPTY_ROOT else whole)


def test_storage__of_a_live_assignment__stays(folder, sweep):
    path = lay_storage(folder, 7)

    for epoch in (2, 50):
        sweep(chain_view(epoch))

    assert (path / "storage" / "greeting" / "file").read_bytes() == b"state"


def test_storage__of_a_deal_that_is_over__goes_after_its_time(folder, sweep):
    path = lay_storage(folder, 7)
    over = {"state": State.ENDED, "alive": False, "end_of": 1}

    kept = sweep(chain_view(10, **over)).kept
    still = sweep(chain_view(11, **over)).kept
    [entry] = kept
    # What it takes on the disk: whole blocks, and its folders.
    assert entry == KeptStorage(7, entry.bytes, 10 * SECONDS + 120)
    assert entry.bytes >= 5
    assert still == kept
    assert (path / "storage").exists()
    last = sweep(chain_view(12, **over)).kept

    assert last == ()
    assert sorted(entry.name for entry in path.iterdir()) == ["access.json", "over"]


def test_content__put_by_a_deal__is_unpinned_with_its_storage(folder, blocks, sweep):
    mine, shared = raw_cid(b"mine"), raw_cid(b"shared")
    over = {"state": State.ENDED, "alive": False, "end_of": 1}
    path = lay_storage(folder, 7)
    write_ledger(path / FOLDER / "guest.ipfs", {str(mine): 4, str(shared): 6})
    for cid in (mine, shared):
        blocks.pin(cid)

    sweep(chain_view(10, **over))
    assert blocks.is_pinned(mine)
    write_ledger(lay_storage(folder, 8) / FOLDER / "guest.ipfs", {str(shared): 6})
    sweep(chain_view(12, **over))

    assert not (path / FOLDER).exists()
    assert not blocks.is_pinned(mine)
    assert blocks.is_pinned(shared)
    sweep(chain_view(14, **over))
    assert not blocks.is_pinned(shared)


def test_storage__of_a_deal_that_came_back__stays_again(folder, sweep):
    path = lay_storage(folder, 7)
    over = {"state": State.ENDED, "alive": False, "end_of": 1}
    sweep(chain_view(10, **over))

    sweep(chain_view(11))
    sweep(chain_view(13, **over))

    assert (path / "storage").exists()
    assert not list(folder.services.glob(".gone*"))


def test_storage__removal_cut_short__is_finished_by_the_next_sweep(folder, sweep):
    rest = folder.services / ".gone-3-storage"
    rest.mkdir()

    sweep(chain_view(2))

    assert not rest.exists()


def test_blocks__of_live_deals_kept_storage_and_pins__stay(folder, blocks, sweep):
    now = chain_view(2)
    apps = [publish(blocks, bytes([n]) * 9, name=f"app{n}") for n in range(4)]
    live, kept, pinned, nobodys = apps
    (folder.service(3)).mkdir()
    (folder.service(3) / "app").write_text(kept)
    blocks.pin(next(cid for cid in blocks.cids() if app_hash(cid) == pinned))
    now.deals[7] = type(now.deals[7])(
        **{n: getattr(now.deals[7], n) for n in now.deals[7].__slots__} | {"app": live}
    )

    sweep(now)

    left = {app_hash(cid) for cid in blocks.cids()}
    assert {live, kept, pinned} <= left
    assert nobodys not in left
    assert not blocks.has(raw_cid(bytes([3]) * 9))
    assert all(blocks.has(raw_cid(bytes([n]) * 9)) for n in range(3))


def test_receipts__old_and_final__go_but_the_chain_goes_on(folder, book, sweep):
    chain = book.open(9, 7)
    for epoch in (1, 2, 8):
        book.append(chain, msgspec.structs.replace(CALL, time=epoch * SECONDS))
    book.flush()

    sweep(chain_view(6))
    assert chain.epochs() == [2, 8]
    sweep(chain_view(50))
    assert chain.epochs() == [2, 8]
    book.close()

    again = open_log(folder, 9).get(9)
    assert again.head.sequence == 2
    assert again.summarize(PEER, 9).first_sequence == 3


def test_receipts__of_an_assignment_that_is_gone__go_altogether(folder, book, sweep):
    book.append(book.open(5, 4), CALL)
    book.flush()

    sweep(chain_view(2))
    assert folder.receipts_of(5).exists()
    sweep(chain_view(50))

    assert not folder.receipts_of(5).exists()
    assert [chain.assignment for chain in book.chains()] == []


def test_summary__of_a_busy_epoch__reads_nothing_again(book):
    chain = book.open(9, 7)
    for _ in range(9):
        book.append(chain, CALL)
    book.close_epoch(1)
    expected = chain.summarize(PEER, 1)
    os.truncate(folder_of(chain), 0)

    assert chain.summarize(PEER, 1) == expected
    assert (expected.count, expected.fuel) == (9, 18)


def test_summary__after_a_restart__is_the_same(folder, book):
    chain = book.open(9, 7)
    for _ in range(9):
        book.append(chain, CALL)
    book.flush()
    expected = chain.summarize(PEER, 1)
    book.close()

    again = open_log(folder)
    more = again.append(again.get(9), CALL)

    assert expected.chain_head != more.hash
    assert again.get(9).summarize(PEER, 1).count == 10
    again.close()


def folder_of(chain):
    return chain.path_of(1)


def test_compiled_code__of_what_nothing_runs__goes(folder, sweep):
    name = name_code(b"x" * 32, EngineSettings().fingerprint())
    for ending in (".cwasm", ".sha256"):
        (folder.cache / f"{name}{ending}").write_bytes(b"code")

    sweep(chain_view(2))

    assert [path for path in folder.cache.iterdir() if path.is_file()] == []


def test_sweep__storage_of_1500_nested_folders__goes_and_does_not_end_the_sweep(folder, sweep):
    nest(folder.service(7) / "storage" / "guest", 1_500)
    (folder.service(8) / "storage").mkdir(parents=True)
    (folder.service(8) / "storage" / "file").write_bytes(b"x")

    try:
        sweep(chain_view(10, **OVER))
        counted = sweep(chain_view(11, **OVER)).kept
        sweep(chain_view(20, **OVER))
    finally:
        # pytest itself could not.
        remove(folder.service(7) / "storage")

    assert {kept.deal for kept in counted} == {7, 8}
    assert not (folder.service(8) / "storage").exists()
    assert not list(folder.services.glob(".gone-*"))


def test_sweep__disk_is_full__removes_all_the_same_and_says_so(folder, sweep, monkeypatch):
    for deal in (7, 8):
        (folder.service(deal) / "storage").mkdir(parents=True)
        (folder.service(deal) / "storage" / "file").write_bytes(b"x")
    sweep(chain_view(10, **OVER))
    (folder.service(9) / "storage").mkdir(parents=True)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(retention, "write_atomically", fail)
    with pytest.raises(OSError, match="No space"):
        sweep(chain_view(20, **OVER))

    assert not (folder.service(7) / "storage").exists()
    assert not (folder.service(8) / "storage").exists()
