"""The upload ledger: quota per signer, retention, and what a live app needs stays."""

import tempfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import Profile, import_bytes, import_stream
from wasmarket.content.ledger import LEAST_CHARGE, Quota, UploadLedger
from wasmarket.content.retention import needed_by, needed_by_root, remove_unneeded
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import Manifest, Module, Service, dump_manifest
from wasmarket.kernel.errors import LimitReached
from wasmarket.kernel.units import Timestamp

pytestmark = pytest.mark.unit

DAY = 86_400
START = Timestamp(1_000_000)
DEVELOPER = to_address(b"\x01" * 20)
STRANGER = to_address(b"\x02" * 20)
QUOTA = Quota(signer_bytes=10 * LEAST_CHARGE, total_bytes=15 * LEAST_CHARGE)


@pytest.fixture
def folder(tmp_path):
    return BlockFolder(tmp_path)


@pytest.fixture
def ledger(folder):
    return UploadLedger(folder, QUOTA)


def upload(folder, ledger, signer, blocks, now=START):
    kept_until = ledger.admit(signer, [(raw_cid(block), len(block)) for block in blocks], now)
    for block in blocks:
        folder.put(raw_cid(block), block)
    return kept_until


def publish_app(folder, module_bytes, profile=None):
    """Put an app of one module into the folder; return its hash."""
    if profile:
        module = import_stream(BytesIO(module_bytes), folder.put, profile).cid
    else:
        module = import_bytes(module_bytes, folder.put).cid
    manifest = dump_manifest(Manifest("app", (Service("s", 65_536, (Module("m", module),)),)))
    folder.put(raw_cid(manifest), manifest)
    return app_hash(raw_cid(manifest))


def numbered(first, count):
    return [f"block {i}".encode() for i in range(first, first + count)]


def test_admit__within_quota__kept_for_seven_days(folder, ledger):
    assert upload(folder, ledger, DEVELOPER, [b"a", b"b"]) == START + 7 * DAY
    assert ledger.used_by(DEVELOPER) == 2 * LEAST_CHARGE
    assert ledger.used_by(STRANGER) == 0


def test_admit__over_quota__refused_whole_and_others_not_hurt(folder, ledger):
    upload(folder, ledger, DEVELOPER, numbered(0, 9))

    with pytest.raises(LimitReached, match=f"keeps {9 * LEAST_CHARGE} of") as caught:
        upload(folder, ledger, DEVELOPER, numbered(9, 2))

    assert caught.value.remedy
    assert ledger.used_by(DEVELOPER) == 9 * LEAST_CHARGE
    upload(folder, ledger, STRANGER, numbered(0, 5))


def test_admit__large_block__counts_its_bytes(ledger):
    ledger.admit(DEVELOPER, [(raw_cid(b"x"), LEAST_CHARGE + 1)], START)

    assert ledger.used_by(DEVELOPER) == LEAST_CHARGE + 1


def test_admit__same_blocks_again__not_counted_twice_but_renewed(folder, ledger):
    upload(folder, ledger, DEVELOPER, numbered(0, 10))

    upload(folder, ledger, DEVELOPER, numbered(0, 10), Timestamp(START + 6 * DAY))

    assert ledger.used_by(DEVELOPER) == 10 * LEAST_CHARGE
    assert ledger.collect_garbage([], Timestamp(START + 8 * DAY)) == []


def test_admit__gateway_full__refused_for_everybody(folder, ledger):
    upload(folder, ledger, DEVELOPER, numbered(0, 10))

    with pytest.raises(LimitReached, match="this gateway keeps"):
        upload(folder, ledger, STRANGER, numbered(10, 6))


def test_collect_garbage__seven_days_over__gone_and_quota_free(folder, ledger):
    upload(folder, ledger, DEVELOPER, [b"old"])
    upload(folder, ledger, DEVELOPER, [b"new"], Timestamp(START + DAY))

    assert ledger.collect_garbage([], Timestamp(START + 7 * DAY - 1)) == []
    assert ledger.collect_garbage([], Timestamp(START + 7 * DAY)) == [raw_cid(b"old")]

    assert not folder.has(raw_cid(b"old"))
    assert folder.has(raw_cid(b"new"))
    assert ledger.used_by(DEVELOPER) == LEAST_CHARGE


def test_collect_garbage__another_signer_still_keeps_it__stays(folder, ledger):
    upload(folder, ledger, DEVELOPER, [b"shared"])
    upload(folder, ledger, STRANGER, [b"shared"], Timestamp(START + 3 * DAY))

    assert ledger.collect_garbage([], Timestamp(START + 8 * DAY)) == []
    assert ledger.used_by(DEVELOPER) == 0
    assert ledger.collect_garbage([], Timestamp(START + 10 * DAY)) == [raw_cid(b"shared")]


def test_collect_garbage__live_app__keeps_manifest_modules_and_parts(folder, ledger):
    app = publish_app(folder, b"\0asm" * 40, Profile(32, 2))
    cids = [(cid, folder.size(cid)) for cid in folder.cids()]
    UploadLedger(folder, Quota()).admit(DEVELOPER, cids, START)
    much_later = Timestamp(START + 100 * DAY)

    assert ledger.collect_garbage([app], much_later) == []
    assert set(folder.cids()) == {cid for cid, _ in cids}

    assert ledger.collect_garbage([], Timestamp(much_later + 7 * DAY - 1)) == []
    assert set(ledger.collect_garbage([], Timestamp(much_later + 7 * DAY))) == dict(cids).keys()


def test_collect_garbage__pinned_app_or_never_uploaded__stays(folder, ledger):
    app = publish_app(folder, b"module")
    own = raw_cid(b"own")
    folder.put(own, b"own")
    uploaded = [cid for cid in folder.cids() if cid != own]
    ledger.admit(DEVELOPER, [(cid, 1) for cid in uploaded], START)
    folder.pin(next(cid for cid in uploaded if app_hash(cid) == app))

    assert ledger.collect_garbage([], Timestamp(START + 100 * DAY)) == []
    assert set(folder.cids()) == {own, *uploaded}


def test_collect_garbage__live_app_missing_or_malformed__others_collected(folder, ledger):
    missing = app_hash(raw_cid(b"nowhere"))
    upload(folder, ledger, DEVELOPER, [b"{not a manifest", b"old"])

    removed = ledger.collect_garbage(
        [missing, app_hash(raw_cid(b"{not a manifest"))], Timestamp(START + 8 * DAY)
    )

    assert removed == [raw_cid(b"old")]


def test_ledger__two_processes__see_each_other_s_uploads(folder, ledger):
    other = UploadLedger(folder, QUOTA)
    upload(folder, ledger, DEVELOPER, numbered(0, 6))

    with pytest.raises(LimitReached):
        upload(folder, other, DEVELOPER, numbered(6, 5))
    other.collect_garbage([], Timestamp(START + 7 * DAY))
    upload(folder, ledger, DEVELOPER, numbered(0, 10))

    assert ledger.used_by(DEVELOPER) == other.used_by(DEVELOPER) == 10 * LEAST_CHARGE


def test_ledger__process_died_in_a_line__earlier_lines_count_and_it_goes_on(folder, ledger):
    upload(folder, ledger, DEVELOPER, [b"a"])
    with (folder.root / "uploads.jsonl").open("ab") as file:
        file.write(b'{"signer":"0x01')

    again = UploadLedger(folder, QUOTA)
    assert again.used_by(DEVELOPER) == LEAST_CHARGE
    upload(folder, again, DEVELOPER, [b"b"])
    assert UploadLedger(folder, QUOTA).used_by(DEVELOPER) == 2 * LEAST_CHARGE


def test_ledger__foreign_line__left_out(folder, ledger, caplog):
    upload(folder, ledger, DEVELOPER, [b"a"])
    with (folder.root / "uploads.jsonl").open("ab") as file:
        file.write(b'{"signer":7}\nnonsense\n')

    assert ledger.used_by(DEVELOPER) == LEAST_CHARGE
    assert "a file is damaged" in caplog.text


def test_ledger__file_removed__starts_over(folder, ledger):
    upload(folder, ledger, DEVELOPER, [b"a"])
    (folder.root / "uploads.jsonl").unlink()

    assert ledger.used_by(DEVELOPER) == 0
    upload(folder, ledger, DEVELOPER, [b"b"])
    assert ledger.used_by(DEVELOPER) == LEAST_CHARGE


def test_needed_by__part_missing__names_it_and_the_rest(folder):
    app = publish_app(folder, b"\0asm" * 40, Profile(32, 2))
    everything = set(folder.cids())
    leaf = raw_cid((b"\0asm" * 40)[:32])
    folder.delete(leaf)

    assert needed_by([app], folder.get) == everything


def test_needed_by_root__plain_file__only_its_blocks(folder):
    cid = raw_cid(b"{just text}")
    folder.put(cid, b"{just text}")

    assert needed_by_root(cid, folder.get) == {cid}


def test_remove_unneeded__peer_folder__keeps_live_and_pinned(folder):
    live = publish_app(folder, b"live")
    folder.put(raw_cid(b"pinned"), b"pinned")
    folder.pin(raw_cid(b"pinned"))
    kept = set(folder.cids())
    publish_app(folder, b"over")

    removed = remove_unneeded(folder, [live])

    assert len(removed) == 2
    assert set(folder.cids()) == kept


def test_remove_unneeded__everything_needed__nothing_removed(folder):
    live = publish_app(folder, b"live")

    assert remove_unneeded(folder, [live]) == []


SIGNERS = st.sampled_from([DEVELOPER, STRANGER])
NUMBERS = st.sets(st.integers(0, 9), max_size=4)


class Ledger(RuleBasedStateMachine):
    """A dict beside two ledgers of one folder: a block is there exactly while somebody keeps it."""

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.folder = BlockFolder(Path(self.place.name))
        self.ledgers = [UploadLedger(self.folder, QUOTA), UploadLedger(self.folder, QUOTA)]
        self.times = {}
        self.now = START

    def teardown(self):
        self.place.cleanup()

    @rule(which=st.integers(0, 1), signer=SIGNERS, numbers=NUMBERS)
    def upload(self, which, signer, numbers):
        blocks = [f"block {i}".encode() for i in sorted(numbers)]
        fresh = [b for b in blocks if (signer, raw_cid(b)) not in self.times]
        own = sum(1 for who, _ in self.times if who == signer)
        if fresh and (own + len(fresh) > 10 or len(self.times) + len(fresh) > 15):
            with pytest.raises(LimitReached):
                upload(self.folder, self.ledgers[which], signer, blocks, self.now)
            return
        upload(self.folder, self.ledgers[which], signer, blocks, self.now)
        self.times |= {(signer, raw_cid(block)): self.now for block in blocks}

    @rule(days=st.integers(1, 5))
    def wait(self, days):
        self.now = Timestamp(self.now + days * DAY)

    @rule(which=st.integers(0, 1), live=st.none() | st.integers(0, 9))
    def collect(self, which, live):
        live_cid = None if live is None else raw_cid(f"block {live}".encode())
        apps = [] if live_cid is None else [app_hash(live_cid)]
        self.ledgers[which].collect_garbage(apps, self.now)
        for key, time in list(self.times.items()):
            if key[1] == live_cid:
                self.times[key] = self.now
            elif time + 7 * DAY <= self.now:
                del self.times[key]

    @invariant()
    def blocks_are_those_somebody_keeps(self):
        assert set(self.folder.cids()) == {cid for _, cid in self.times}

    @invariant()
    def both_ledgers_count_the_same(self):
        for signer in (DEVELOPER, STRANGER):
            expected = LEAST_CHARGE * sum(1 for who, _ in self.times if who == signer)
            assert [ledger.used_by(signer) for ledger in self.ledgers] == [expected] * 2


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
