"""Particles as Fluence peers write and sign them."""

import base64
from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wasmarket.kernel.documents.particles import (
    Particle,
    decode_particle,
    encode_particle,
    parse_peer_id,
    to_peer_id,
)
from wasmarket.kernel.errors import InvalidInput, InvalidSignature
from wasmarket.kernel.signing.particles import sign_particle, verify_particle

pytestmark = pytest.mark.unit

SEED = base64.b64decode("7h48PQ/f1rS9TxacmgODxbD42Il9B3KC117jvOPppPE=")
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PEER = "12D3KooWANqfCDrV79MZdMnMqTvDdqSAPSxdgFY1L6DCq2DVGB4D"
SIGNATURE = "KceXDnOfqe0dOnAxiDsyWBIvUq6WHoT0ge+VMHXOZsjZvCNH7"
PARTICLE = Particle(
    "2883f959-e9e7-4843-8c37-205d393ca372", PEER, 1696934545662, 7000, "abc", b"", b"data"
)


def test_peer_id__of_a_known_key__is_libp2ps():
    assert to_peer_id(KEY.public_key().public_bytes_raw()) == PEER
    assert parse_peer_id(PEER) == KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize("text", ["", "nobody", "12D3KooW", PEER[:-1], PEER + "1", "0" * 52])
def test_peer_id__of_something_else__is_refused(text):
    with pytest.raises(InvalidInput):
        parse_peer_id(text)


def test_signature__of_the_known_particle__is_fluences():
    signed = sign_particle(PARTICLE, KEY)

    assert base64.b64encode(signed.signature).decode().startswith(SIGNATURE)
    verify_particle(signed)


@pytest.mark.parametrize(
    "change",
    [{"id": "other"}, {"timestamp": 1}, {"ttl": 7001}, {"script": "abd"}, {"signature": bytes(64)}],
)
def test_signature__of_a_changed_particle__does_not_fit(change):
    signed = sign_particle(PARTICLE, KEY)

    with pytest.raises(InvalidSignature):
        verify_particle(replace(signed, **change))


def test_frame__written_and_read__is_the_same():
    signed = sign_particle(PARTICLE, KEY)

    assert decode_particle(encode_particle(signed)) == signed


def test_frame__of_js_client__has_lists_of_numbers():
    signed = sign_particle(PARTICLE, KEY)
    fields = msgspec.msgpack.decode(encode_particle(signed)[2:])
    fields |= {"signature": list(signed.signature), "data": list(b"data")}

    assert decode_particle(b"\x81\x04" + msgspec.msgpack.encode(fields)) == signed


@pytest.mark.parametrize(
    "change",
    [
        {"action": "Upgrade"},
        {"signature": b"short"},
        {"signature": [256] * 64},
        {"init_peer_id": "nobody"},
        {"ttl": 2**32},
        {"timestamp": -1},
        {"id": ""},
        {"script": 7},
    ],
)
def test_frame__with_a_field_that_is_none__is_refused(change):
    signed = sign_particle(PARTICLE, KEY)
    fields = msgspec.msgpack.decode(encode_particle(signed)[2:]) | change

    with pytest.raises(InvalidInput):
        decode_particle(b"\x81\x04" + msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("frame", [b"", b"\x81\x04", b"{}", b"\x81\x04" + b"\x91" * 5_000])
def test_frame__that_is_garbage__is_refused(frame):
    with pytest.raises(InvalidInput):
        decode_particle(frame)
