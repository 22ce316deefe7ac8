"""What a peer keeps in files: keys, access documents, heads, closed epochs."""

from dataclasses import replace

import msgspec
import pytest

from peer.access import Access, AccessFile, check_key, check_signer, parse_access
from peer.chain_state.view import (
    Assignment,
    ChainView,
    Deal,
    OnchainDealState,
    OpenSpan,
    State,
)
from peer.duties.commitments import Commitments, last_closed
from peer.folder import PeerFolder, public_key, write_atomically
from peer.receipts.chain_file import CallRecord
from tests.peer.receipt_logs import DOMAIN, SECONDS, WALLET, open_log
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, raw, to_address
from wasmarket.kernel.billing import NO_END
from wasmarket.kernel.documents.merkle import EMPTY_ROOT, verify_inclusion
from wasmarket.kernel.documents.receipts import CallStatus, call_work, pack_summary
from wasmarket.kernel.errors import (
    ConfigError,
    Conflict,
    Forbidden,
    InvalidInput,
    Unauthorized,
)
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.usage import signer_of_head

pytestmark = pytest.mark.unit

PEER = 3
CALL = CallRecord(
    b"m" * 32,
    b"f" * 32,
    b"i" * 32,
    b"o" * 32,
    CallStatus.ANSWERED,
    fuel=2,
    size=5,
    duration_us=3,
    time=60,
)


@pytest.fixture
def folder(tmp_path):
    return PeerFolder(tmp_path / "peer")


@pytest.fixture
def book(folder):
    made = open_book(folder)
    yield made
    made.close()


def open_book(folder):
    floor = last_closed(folder.commitments) + 1
    made = open_log(folder, floor)
    made.peer = PEER
    return made


def chain_view(epoch=2, until=None, **changes):
    held = {
        "id": 9,
        "deal": 7,
        "units": 1,
        "price": 1,
        "start": 1,
        "next": 1,
        "state": State.ACTIVE,
        "alive": True,
        "end_of": NO_END,
    }
    deal = Deal(
        7, ZERO_ADDRESS, ZERO_HASH, 100, 1, NO_END, OnchainDealState.RUNNING, 100, last_funded=100
    )
    return ChainView(
        peer=PEER,
        head=BlockRef(5, ZERO_HASH, ZERO_HASH, epoch * SECONDS),
        epoch=epoch,
        assignments={9: Assignment(**(held | changes))},
        deals={7: deal},
        spans={9: OpenSpan(7, since=SECONDS, until=until)},
    )


def test_key__made_once__stays_and_is_private(folder):
    first = public_key(folder.load_key())

    assert public_key(folder.load_key()) == first
    assert (folder.path / "key").stat().st_mode & 0o777 == 0o600
    assert len((folder.path / "key").read_bytes()) == 32


def test_key__damaged__is_not_replaced(folder):
    (folder.path / "key").write_bytes(b"short")

    with pytest.raises(ConfigError, match="not an Ed25519 seed"):
        folder.load_key()


def test_lock__second_process__is_refused(folder):
    with folder.lock(), pytest.raises(Conflict, match="another process"):
        folder.lock()
    folder.lock().close()


def test_write__leaves_no_temporary_file(tmp_path):
    write_atomically(tmp_path / "a" / "file", b"one")
    write_atomically(tmp_path / "a" / "file", b"two")

    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]
    assert (tmp_path / "a" / "file").read_bytes() == b"two"


def test_book__flushed__signs_each_chains_newest_head(book):
    chain = book.open(9, 7)
    book.append(chain, CALL)
    newest = book.append(chain, CALL)
    assert book.signed_head(9) is None

    book.flush()

    signed = book.signed_head(9)
    assert (signed.head.sequence, signed.head.receipt) == (newest.sequence, newest.hash)
    assert signer_of_head(DOMAIN, signed.head, signed.signature) == WALLET.address


def test_book__opened_again__goes_on_where_it_was(book, folder):
    head = book.append(book.open(9, 7), CALL)
    book.close()

    again = open_book(folder)

    assert [(chain.assignment, chain.deal) for chain in again.chains()] == [(9, 7)]
    assert again.append(again.open(9, 7), CALL).sequence == head.sequence + 1
    again.close()


def test_commitment__of_a_busy_epoch__proves_its_summary(book, folder):
    head = book.append(book.open(9, 7), CALL)
    commitments = Commitments(folder.commitments, book, SECONDS)

    made = commitments.prepare(chain_view(), 1)

    [summary] = made.summaries
    assert (summary.count, summary.fuel, summary.chain_head) == (1, 2, head.hash)
    assert summary.work == call_work(CallStatus.ANSWERED, fuel=2, size=5)
    proof = made.tree().prove(0)
    assert verify_inclusion(pack_summary(summary), 0, 1, proof, raw(made.root))


def test_commitment__made_again_after_a_restart__is_the_same(book, folder):
    book.append(book.open(9, 7), CALL)
    made = Commitments(folder.commitments, book, SECONDS).prepare(chain_view(), 1)
    book.close()
    again = open_book(folder)

    again.append(again.open(9, 7), CALL)
    same = Commitments(folder.commitments, again, SECONDS).prepare(chain_view(until=SECONDS + 1), 1)

    assert same == made
    assert len(again.get(9).read_epoch(1)) == 1
    assert len(again.get(9).read_epoch(2)) == 1
    again.close()


def test_commitment__idle_or_without_assignments__has_a_root_too(book, folder):
    commitments = Commitments(folder.commitments, book, SECONDS)

    idle = commitments.prepare(chain_view(), 1)
    none = commitments.prepare(replace(chain_view(epoch=3), spans={}), 2)

    assert [summary.count for summary in idle.summaries] == [0]
    assert raw(none.root) == EMPTY_ROOT
    assert last_closed(folder.commitments) == 2


@pytest.mark.parametrize(
    ("since", "until", "named"),
    [
        (SECONDS, None, True),
        (2 * SECONDS - 1, None, True),
        (2 * SECONDS, None, False),
        (0, SECONDS, True),
        (0, SECONDS - 1, False),
        (SECONDS + 5, SECONDS + 6, True),
    ],
)
def test_commitment__names_what_was_open_at_any_time_of_the_epoch(
    book, folder, since, until, named
):
    # Dead ones that nobody released, and ones that came and went within it, among them.
    view = replace(chain_view(alive=False), spans={9: OpenSpan(7, since, until)})

    made = Commitments(folder.commitments, book, SECONDS).prepare(view, 1)

    assert [summary.assignment for summary in made.summaries] == ([9] if named else [])


def test_access__never_set__is_public(tmp_path):
    assert AccessFile(tmp_path / "access.json").current == Access()


def test_access__replaced__is_on_disk(tmp_path):
    path = tmp_path / "access.json"
    newer = parse_access({"version": 2, "mode": "signers", "signers": ["0x" + "11" * 20]})

    assert AccessFile(path).replace(newer)

    again = AccessFile(path)
    assert again.current == newer
    assert not again.replace(newer)
    with pytest.raises(Conflict):
        again.replace(parse_access({"version": 1, "mode": "public"}))
    assert msgspec.json.decode(path.read_bytes())["version"] == 2


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"version": 1, "mode": "all"}'])
def test_access__damaged_file__lets_nobody_in_until_replaced(tmp_path, content):
    path = tmp_path / "access.json"
    path.write_bytes(content)

    file = AccessFile(path)

    with pytest.raises(Forbidden):
        check_key(file.current, "Bearer anything")
    assert file.replace(parse_access({"version": 1, "mode": "public"}))
    assert AccessFile(path).current.mode == "public"


def test_access__keys__only_listed_ones_pass():
    access = Access(1, "keys", key_hashes=(sha256(b"right").hex(),))

    check_key(access, "Bearer right")

    with pytest.raises(Forbidden):
        check_key(access, "Bearer wrong")
    for header in (None, "", "right", "Basic right"):
        with pytest.raises(Unauthorized):
            check_key(access, header)


def test_access__signers__only_listed_ones_pass():
    listed, other = to_address(b"l" * 20), to_address(b"o" * 20)
    access = Access(1, "signers", signers=(listed,))

    check_signer(access, listed)

    with pytest.raises(Forbidden):
        check_signer(access, other)


def test_access__too_many_entries__is_refused():
    with pytest.raises(InvalidInput):
        parse_access({"version": 1, "mode": "keys", "key_hashes": ["00" * 32] * 1_001})
