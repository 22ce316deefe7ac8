"""Secrets as they are sealed and promised: the right peer opens the right one, nobody else."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.secrets import (
    MAX_SECRET_BYTES,
    SecretList,
    SecretOpener,
    dump_secret_list,
    hash_packed,
    pack_secret,
    parse_secret_list,
    seal_secret,
    unpack_secret,
)

pytestmark = pytest.mark.unit
DIGEST = "ab" * 32


def make_key():
    key = Ed25519PrivateKey.generate()
    return SecretOpener(key.private_bytes_raw()), key.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    "value", [b"", b"token", b"\0" * MAX_SECRET_BYTES], ids=["empty", "short", "longest"]
)
def test_seal__to_a_peers_key__that_peer_opens_it_and_no_other(value):
    opener, key = make_key()
    other, _ = make_key()
    packed = pack_secret(value)
    box = seal_secret(packed, key)

    assert unpack_secret(opener.open(box, hash_packed(packed))) == value
    with pytest.raises(InvalidInput, match="not sealed to this peer"):
        other.open(box, hash_packed(packed))


def test_open__something_else_than_was_signed__is_refused():
    opener, key = make_key()
    promised, other = pack_secret(b"token"), pack_secret(b"token")

    assert promised != other
    with pytest.raises(InvalidInput, match="something else than was signed"):
        opener.open(seal_secret(other, key), hash_packed(promised))


@pytest.mark.parametrize(
    "key", [b"\xff" * 32, b"\x02" + b"\x00" * 31, b"short"], ids=["high", "low", "short"]
)
def test_seal__to_a_key_that_is_none__says_that_its_peer_could_not_open_it(key):
    with pytest.raises(InvalidInput, match="could not open a secret"):
        seal_secret(pack_secret(b"x"), key)


def test_pack__more_than_a_secret_may_have__is_refused():
    with pytest.raises(InvalidInput, match=f"has {MAX_SECRET_BYTES + 1} bytes"):
        pack_secret(b"x" * (MAX_SECRET_BYTES + 1))


def test_list__read_and_written__is_the_same():
    listed = SecretList(3, {"TOKEN": DIGEST})

    assert parse_secret_list(dump_secret_list(listed)) == listed


@pytest.mark.parametrize(
    "document",
    [
        {"version": 0, "secrets": {}},
        {"version": "1", "secrets": {}},
        {"version": 1, "secrets": {"a b": DIGEST}},
        {"version": 1, "secrets": {"A": "AB" * 32}},
        {"version": 1, "secrets": {f"S{n}": DIGEST for n in range(65)}},
        {"version": 1, "secrets": {}, "more": 1},
    ],
)
def test_list__that_is_none__is_refused(document):
    with pytest.raises(InvalidInput):
        parse_secret_list(document)
