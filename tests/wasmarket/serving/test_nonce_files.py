"""A nonce counts once: after a restart, in another process, and after a write that broke off."""

import os
import threading

import pytest

from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import Conflict, Unreachable
from wasmarket.kernel.signing.requests import MAX_LIFETIME, Credentials
from wasmarket.kernel.signing.signatures import Signature
from wasmarket.serving.nonce_files import NonceFiles

pytestmark = pytest.mark.unit

NOW = 10 * MAX_LIFETIME


def signed(nonce=1, account=1, expires=NOW + 60):
    return Credentials(
        to_address(bytes([account]) * 20),
        expires,
        to_hash(nonce.to_bytes(32, "big")),
        Signature(1, 1),
    )


@pytest.fixture
def nonces(tmp_path):
    book = NonceFiles(tmp_path)
    yield book
    book.close()


def test_use__the_same_twice__is_a_conflict(nonces):
    nonces.use(signed(), NOW)

    with pytest.raises(Conflict):
        nonces.use(signed(), NOW)
    nonces.use(signed(nonce=2), NOW)
    nonces.use(signed(account=2), NOW)


def test_use__used_before_a_kill__is_a_conflict(nonces, tmp_path):
    nonces.use(signed(), NOW)
    after = NonceFiles(tmp_path)

    with pytest.raises(Conflict):
        after.use(signed(), NOW)
    after.close()


def test_use__in_two_processes_by_turns__counts_once(nonces, tmp_path):
    other = NonceFiles(tmp_path)
    for nonce in range(6):
        (nonces, other)[nonce % 2].use(signed(nonce=nonce), NOW)

    for nonce in range(6):
        for book in (nonces, other):
            with pytest.raises(Conflict):
                book.use(signed(nonce=nonce), NOW)
    other.close()


def test_use__by_many_at_once__one_wins(nonces):
    won = []

    def race():
        try:
            nonces.use(signed(), NOW)
        except Conflict:
            return
        won.append(1)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert won == [1]


def test_use__after_a_write_that_broke_off__keeps_what_was_whole(nonces, tmp_path):
    nonces.use(signed(nonce=1), NOW)
    [file] = tmp_path.iterdir()
    with file.open("ab") as torn:
        torn.write(b"half a record")
    after = NonceFiles(tmp_path)
    after.use(signed(nonce=2), NOW)

    for book in (after, NonceFiles(tmp_path)):
        for nonce in (1, 2):
            with pytest.raises(Conflict):
                book.use(signed(nonce=nonce), NOW)
        book.close()


def test_use__disk_is_full__refuses_the_request(nonces, tmp_path):
    (tmp_path / f"{(NOW + 60) // MAX_LIFETIME}.nonces").symlink_to("/dev/full")

    with pytest.raises(Unreachable, match="cannot be remembered") as refused:
        nonces.use(signed(), NOW)
    assert refused.value.remedy


def test_use__long_after__lets_go_of_files_and_keeps_what_may_still_be_sent(nonces, tmp_path):
    for hour in range(5):
        now = NOW + hour * MAX_LIFETIME
        nonces.use(signed(nonce=hour, expires=now + MAX_LIFETIME), now)
    nonces.sync()

    assert len(list(tmp_path.iterdir())) <= 3
    with pytest.raises(Conflict):
        nonces.use(signed(nonce=4, expires=NOW + 5 * MAX_LIFETIME), NOW + 4 * MAX_LIFETIME)


def test_close__after_use__leaves_no_file_open(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    book = NonceFiles(tmp_path)
    book.use(signed(), NOW)
    book.close()

    assert set(os.listdir("/proc/self/fd")) == before
