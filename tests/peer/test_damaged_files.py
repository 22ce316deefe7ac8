"""One damaged bit costs what it hits, never what lies behind it, and what was there is kept."""

import asyncio

import pytest

from peer.access import AccessFile, verify_access
from peer.chain_state.listener import read_saved
from peer.duties.commitments import Commitments, last_closed
from peer.folder import PeerFolder
from peer.runtime.effectors.kv_file import KvFile, KvLimits
from peer.service_log import ServiceLog
from tests.peer.receipt_logs import open_log
from tests.peer.test_access_gossip import DOMAIN, sign
from tests.peer.test_listener import Scene
from tests.peer.test_peer_state import CALL, PEER, SECONDS, chain_view
from tests.peer.test_receipt_chain import all_records, assert_whole, call, open_chain
from tests.wasmarket.serving.test_nonce_files import NOW, signed
from wasmarket.chain.sending.wallet import Account
from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import Quota, UploadLedger
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES
from wasmarket.kernel.errors import Conflict
from wasmarket.serving.nonce_files import NonceFiles

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    """Thousands of files are written here: none has to survive a power cut."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(f"os.{name}", lambda _: None)


def flips(data, step=1):
    """Yield the data with one bit changed, each byte in turn."""
    for place in range(0, len(data), step):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        yield place, bytes(changed)


def clean(folder):
    """Remove the copies that were kept; return how many there were."""
    copies = list(folder.glob("*.damaged-*"))
    for path in copies:
        path.unlink()
    return len(copies)


def read_store(path):
    async def read():
        file = KvFile(path, KvLimits())
        found = {key: file.get(key) for key in file.list_keys(b"", b"", 1_000)}
        await file.close()
        return found

    return asyncio.run(read())


def test_kv__any_bit_flipped__loses_one_record_at_most_and_keeps_the_file(tmp_path):
    path = tmp_path / "guest.kv"
    expected = {b"key-%d" % number: b"value-%d" % number for number in range(20)}

    async def write():
        file = KvFile(path, KvLimits())
        for key, value in expected.items():
            file.put(key, value)
        await file.close()

    asyncio.run(write())
    for place, data in flips(path.read_bytes()):
        path.write_bytes(data)
        found = read_store(path)
        assert len(found) == len(expected) - 1, place
        assert found.items() <= expected.items()
        assert clean(tmp_path) == 1
        # It is whole again: nothing more is lost, or kept aside.
        assert read_store(path) == found
        assert clean(tmp_path) == 0


@pytest.mark.parametrize("epochs", [1, 3])
def test_receipts__any_record_damaged__what_is_cut_off_is_kept_aside(tmp_path, epochs):
    folder = tmp_path / "chain"
    chain = open_chain(folder)
    for number in range(6):
        chain.append(call(number % epochs * SECONDS if epochs == 1 else number // 2 * SECONDS))
    chain.close()
    files = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    intact = all_records(chain)

    for damaged, whole in files.items():
        for _, data in flips(whole, 97):
            for path, content in files.items():
                path.write_bytes(content)
            damaged.write_bytes(data)
            again = open_chain(folder)
            left = all_records(again)
            # Of the newest record nobody has the hash: it is believed as it is.
            assert_whole(left[:-1])
            assert all(packed in intact for packed in left[:-1])
            kept = b"".join(path.read_bytes() for path in sorted(folder.glob("*.damaged-*")))
            lost = sum(map(len, files.values())) - len(left) * RECEIPT_BYTES
            assert len(kept) >= lost
            again.append(call(epochs * SECONDS))
            again.close()
            clean(folder)
            (folder / f"{epochs:010d}.receipts").unlink(missing_ok=True)


def test_receipts__name_of_the_deal_damaged__are_found_by_the_receipts(tmp_path):
    folder = PeerFolder(tmp_path)
    book = open_log(folder)
    book.append(book.open(9, 7), CALL)
    book.flush()
    book.close()
    (folder.receipts_of(9) / "deal").write_bytes(b"\xff7")
    (folder.receipts / "lost+found").mkdir()

    again = open_log(folder, 0)

    assert again.get(9).head.sequence == 0
    assert again.get(9).deal == 7
    again.close()


def test_commitment__any_byte_damaged__is_made_again_from_the_receipts(tmp_path):
    folder = PeerFolder(tmp_path)
    book = open_log(folder, 0)
    book.peer = PEER
    book.append(book.open(9, 7), CALL)
    commitments = Commitments(folder.commitments, book, SECONDS)
    first = commitments.prepare(chain_view(), 1)
    [path] = folder.commitments.iterdir()

    for place, data in flips(path.read_bytes(), 5):
        path.write_bytes(data)
        assert Commitments(folder.commitments, book, SECONDS).prepare(chain_view(), 1) == first, (
            place
        )
        clean(folder.commitments)
    (folder.commitments / "notes.json").write_text("")
    assert last_closed(folder.commitments) == 1
    book.close()


def test_nonces__any_byte_damaged__all_others_stay_used(tmp_path):
    book = NonceFiles(tmp_path)
    for nonce in range(5):
        book.use(signed(nonce=nonce), NOW)
    book.close()
    [path] = tmp_path.iterdir()

    for place, data in flips(path.read_bytes()):
        path.write_bytes(data)
        again = NonceFiles(tmp_path)
        refused = 0
        for nonce in range(5):
            try:
                again.use(signed(nonce=nonce), NOW)
            except Conflict:
                refused += 1
        again.close()
        assert refused == 4, place
        assert clean(tmp_path) == 1


def test_uploads__any_byte_damaged__costs_two_lines_at_most(tmp_path):
    folder = BlockFolder(tmp_path)
    signers = ["0x" + f"{number:02x}" * 20 for number in range(1, 7)]
    ledger = UploadLedger(folder, Quota())
    for signer in signers:
        ledger.admit(signer, [(raw_cid(signer.encode()), 5_000)], 100)
    path = tmp_path / "uploads.jsonl"
    whole = path.read_bytes()

    for place, data in flips(whole, 3):
        path.write_bytes(data)
        again = UploadLedger(folder, Quota())
        used = [again.used_by(signer) for signer in signers]
        assert set(used) <= {0, 5_000}, place
        assert used.count(5_000) >= len(signers) - 2, place
        clean(tmp_path)


def test_log__any_byte_damaged__the_other_lines_are_read(tmp_path):
    log = ServiceLog(tmp_path)
    log.add(1, "guest.go", [f"info: line {number}" for number in range(6)])
    log.close()
    path = tmp_path / "new.ndjson"

    for _, data in flips(path.read_bytes(), 7):
        path.write_bytes(data)
        lines = ServiceLog(tmp_path).tail(10)
        assert len(lines) >= 4


def test_chain_facts__any_byte_damaged__are_read_again_or_true(tmp_path):
    scene = Scene(tmp_path)
    scene.register()
    scene.match()
    listener = scene.listener()
    listener.step()
    listener.save()
    path = scene.folder.chain

    for place, data in flips(path.read_bytes(), 31):
        path.write_bytes(data)
        assert read_saved(path) is None, place
        assert clean(path.parent) == 1


def test_access__any_byte_of_either_file_damaged__lets_no_stranger_in(tmp_path):
    developer = Account.from_key(b"\x05" * 32)
    signed = sign(developer, 3, mode="keys")
    whole = AccessFile(tmp_path / "access.json")
    whole.adopt(verify_access(signed, 7, developer.address, DOMAIN), signed)
    files = {path: path.read_bytes() for path in sorted(tmp_path.iterdir())}

    for path, content in files.items():
        for place, data in flips(content):
            path.write_bytes(data)
            again = AccessFile(tmp_path / "access.json")
            assert again.current.mode == "keys", (path.name, place)
            assert not again.current.key_hashes
            clean(tmp_path)
        path.unlink()
        if path.name == "access.json":
            assert AccessFile(tmp_path / "access.json").current == whole.current
        path.write_bytes(content)
