"""What the matcher proposed, sent and announced: books, match records, submissions, notices."""

import pytest

from tests.indexer.indexed import Indexed
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.errors import NotFound
from wasmarket.store.enums import NoticeState, SubmissionState
from wasmarket.store.matching.book_documents import fetch_book, put_book
from wasmarket.store.matching.matches import add_match, fetch_match, fetch_matches, set_match_tx
from wasmarket.store.matching.notices import add_notices, fetch_due_notices, mark_notice
from wasmarket.store.matching.submissions import (
    fetch_open_submissions,
    fetch_submissions,
    record_submission,
    set_submission_state,
)
from wasmarket.store.matching.views import MatchDraft, NoticeDraft

pytestmark = pytest.mark.unit

DEVELOPER, PROVIDER = (to_address(bytes([n]) * 20) for n in range(1, 3))
APP, KEY, BOOK, TX, UNKNOWN, BID, ASK = (to_hash(bytes([n]) * 32) for n in range(11, 18))
PEER = events.PeerRegistered(1, PROVIDER, KEY, 8, 2048, 3, 5, PROVIDER, "http://peer")


@pytest.fixture
def store(database):
    store = Indexed(database)
    store.mine(PEER)
    yield store
    store.writer.close()


def write(store, action, *arguments, **options):
    with store.database.write() as session:
        return action(session, *arguments, **options)


def make_deal(store):
    """Index a first match."""
    store.mine(
        events.Assigned(1, 1, 1, 2, 5, ASK),
        events.DealCreated(1, DEVELOPER, BID, APP, 100, 2**32 - 1, ZERO_ADDRESS),
        events.Matched(1, PROVIDER, 2, 0),
    )


def draft(**changes) -> MatchDraft:
    values = {
        "engine": "cheapest 1",
        "block": 5,
        "block_hash": TX,
        "book": BOOK,
        "offer": BID,
        "offers": [ASK],
        "fills": [{"offer": ASK, "units": 2, "price": "5"}],
        "total": 10,
        "saving": 2**200,
        "bound": 2**200 + 1,
        "gap_ppm": 1,
    }
    return MatchDraft(**(values | changes))


def test_match__book_and_record__come_back_exactly(store):
    content = b'{"offers":[]}' * 100
    write(store, put_book, BOOK, [content])
    write(store, put_book, BOOK, [content])
    number = write(store, add_match, draft())
    write(store, set_match_tx, number, TX, 1)

    assert store.read(fetch_book, BOOK) == content
    view = store.read(fetch_match, number)
    assert (view.tx, view.deal, view.saving, view.fills) == (TX, 1, 2**200, draft().fills)
    assert store.read(fetch_matches, deal=1) == [view]
    assert store.read(fetch_matches, offer=BID, after=number) == []


@pytest.mark.parametrize(("fetch", "key"), [(fetch_match, 9), (fetch_book, UNKNOWN)])
def test_match__unknown__is_not_found(store, fetch, key):
    with pytest.raises(NotFound):
        store.read(fetch, key)


def record(store, tx_hash, nonce):
    write(
        store,
        record_submission,
        tx_hash=tx_hash,
        raw=b"\x02raw",
        nonce=nonce,
        purpose="match",
        offer=BID,
        created_at=9,
    )


def test_submission__crash_between_signing_and_sending__is_found_again(store):
    record(store, TX, 4)
    record(store, KEY, 3)
    record(store, TX, 4)

    found = store.read(fetch_open_submissions)

    assert [(view.nonce, view.raw, view.state) for view in found] == [
        (3, b"\x02raw", "signed"),
        (4, b"\x02raw", "signed"),
    ]


def test_submission__mined_or_failed__is_closed_with_its_reason(store):
    record(store, TX, 4)
    record(store, KEY, 4)
    write(store, set_submission_state, TX, SubmissionState.SENT)
    assert len(store.read(fetch_open_submissions)) == 2
    write(store, set_submission_state, TX, SubmissionState.MINED, block_number=8)
    write(store, set_submission_state, KEY, SubmissionState.DROPPED, reason="replaced")

    assert store.read(fetch_open_submissions) == []
    views = store.read(fetch_submissions, offer=BID)
    assert [(v.state, v.reason, v.block_number) for v in views] == [
        ("mined", None, 8),
        ("dropped", "replaced", None),
    ]
    with pytest.raises(NotFound):
        write(store, set_submission_state, UNKNOWN, SubmissionState.SENT)


def test_notices__due_until_sent__go_to_the_current_endpoint(store):
    make_deal(store)
    notice = NoticeDraft(1, 1, 5, TX, ("http://a", "http://b"))
    write(store, add_notices, [notice], 100)
    write(store, add_notices, [notice], 900)
    store.mine(events.PeerEndpoint(1, "http://moved"))

    assert store.read(fetch_due_notices, 99) == []
    [due] = store.read(fetch_due_notices, 100)
    assert (due.endpoint, due.sources, due.attempts) == ("http://moved", notice.sources, 0)
    write(store, mark_notice, 1, TX, NoticeState.WAITING, error="refused", next_at=160)
    assert store.read(fetch_due_notices, 159) == []
    [again] = store.read(fetch_due_notices, 160)
    assert (again.attempts, again.error) == (1, "refused")
    write(store, mark_notice, 1, TX, NoticeState.SENT)
    assert store.read(fetch_due_notices, 10**9) == []
    with pytest.raises(NotFound):
        write(store, mark_notice, 2, TX, NoticeState.SENT)


def test_notices__assignment_not_indexed_or_undone__wait(store):
    write(store, add_notices, [NoticeDraft(1, 1, 5, TX, ())], 100)

    assert store.read(fetch_due_notices, 100) == []
