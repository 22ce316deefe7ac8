"""Decoder: slicing agrees with eth_abi, strangers' bytes do no harm."""

from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from wasmarket.chain.contracts.abi import decode_values, load_abi
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.contracts.encoder import encode_event
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.kernel.addresses import ZERO_HASH, to_address
from wasmarket.kernel.errors import WrongChain
from wasmarket.kernel.events import (
    EVENTS,
    Assigned,
    OfferPublished,
    Paused,
    PeerEndpoint,
    PeerUnits,
)
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

DEPLOYMENT = fake_deployment()
NOW = Timestamp(1_700_000_000)
KINDS = [(name, kind) for name, kinds in EVENTS.items() for kind in kinds]
VALUES = {
    int: st.integers(0, 2**256 - 1),
    bool: st.booleans(),
    str: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=128),
    bytes: st.binary(max_size=200),
    Address: st.binary(min_size=20, max_size=20).map(to_address),
    Hash: st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
}


def to_raw(address, topics, data):
    return RawLog(address, tuple(topics), data, "0x7", ZERO_HASH, ZERO_HASH, "0x2")


def any_event(kind):
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: VALUES[hints[field.name]] for field in fields(kind)})


@pytest.mark.parametrize(("contract", "kind"), KINDS, ids=[kind.__name__ for _, kind in KINDS])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_decode__any_event__equals_eth_abi_and_what_was_encoded(contract, kind, data):
    event = data.draw(any_event(kind))
    topics, body = encode_event(event)
    address = DEPLOYMENT.contracts[contract].address

    log = Decoder(DEPLOYMENT).decode(to_raw(address.lower(), topics, body), NOW)

    inputs = load_abi(contract).events[kind.__name__].inputs
    indexed = [param for param in inputs if param.indexed]
    plain = [param for param in inputs if not param.indexed]
    head = b"".join(bytes.fromhex(topic[2:]) for topic in topics[1:])
    slow = dict(zip([p.name for p in indexed], decode_values(indexed, head), strict=True))
    slow |= zip([p.name for p in plain], decode_values(plain, bytes.fromhex(body[2:])), strict=True)
    assert log.event == event == kind(**slow)
    assert (log.address, log.block_number, log.log_index, log.timestamp) == (address, 7, 2, NOW)


@pytest.mark.parametrize("contract", list(EVENTS))
def test_decoder__every_event_of_the_abi__has_a_kernel_event(contract):
    assert set(load_abi(contract).events) == {kind.__name__ for kind in EVENTS[contract]}


def test_decode__unknown_topic__is_counted_and_ignored():
    decoder = Decoder(DEPLOYMENT)
    strange = "0x" + "ab" * 32

    assert decoder.decode(to_raw(DEPLOYMENT.market, [strange], "0x"), NOW) is None
    assert decoder.decode(to_raw(DEPLOYMENT.market, [], "0x"), NOW) is None

    assert decoder.unknown == {strange: 1, "": 1}


def test_decode__our_event_from_another_contract__is_ignored():
    topics, data = encode_event(PeerUnits(1, 2))

    assert Decoder(DEPLOYMENT).decode(to_raw(DEPLOYMENT.staking, topics, data), NOW) is None


@pytest.mark.parametrize("written", [b"http://\xff\xfe", b"http://a\0b", b"\xed\xa0\x80"])
def test_decode__endpoint_that_is_no_text__is_cleaned(written):
    topics, _ = encode_event(PeerEndpoint(1, "x"))
    data = (32).to_bytes(32, "big") + len(written).to_bytes(32, "big") + written.ljust(32, b"\0")

    log = Decoder(DEPLOYMENT).decode(to_raw(DEPLOYMENT.market, topics, "0x" + data.hex()), NOW)

    assert "\ufffd" in log.event.endpoint
    assert "\0" not in log.event.endpoint
    assert log.event.endpoint.encode("utf-8")


@pytest.mark.parametrize(
    "event",
    [
        Assigned(1, 2, 3, 4, 5, ZERO_HASH),
        Paused(True),
        OfferPublished(DEPLOYMENT.market, ZERO_HASH, b"x"),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("cut", [2, 64])
def test_decode__too_few_words__raises_wrong_chain(event, cut):
    topics, data = encode_event(event)

    with pytest.raises(WrongChain):
        Decoder(DEPLOYMENT).decode(to_raw(DEPLOYMENT.market, topics, data[:-cut]), NOW)


@pytest.mark.parametrize("spoilt", ["zz", "  ", "+1", "_1", "\u0661\u0661"])
@pytest.mark.parametrize("place", ["data", "topic"])
def test_decode__word_that_is_not_hex__raises_wrong_chain(spoilt, place):
    topics, data = encode_event(PeerUnits(1, 2))
    if place == "topic":
        topics = (topics[0], topics[1][:-2] + spoilt)
    raw = to_raw(DEPLOYMENT.market, topics, data[:-2] + spoilt if place == "data" else data)

    with pytest.raises(WrongChain):
        Decoder(DEPLOYMENT).decode(raw, NOW)


@pytest.mark.parametrize("place", ["block_number", "log_index"])
def test_decode__number_that_is_not_hex__raises_wrong_chain(place):
    topics, data = encode_event(PeerUnits(1, 2))
    raw = msgspec.structs.replace(to_raw(DEPLOYMENT.market, topics, data), **{place: "0xzz"})

    with pytest.raises(WrongChain):
        Decoder(DEPLOYMENT).decode(raw, NOW)


def test_decode_all__unordered__gives_log_order():
    topics, data = encode_event(PeerUnits(1, 2))
    raws = [
        RawLog(DEPLOYMENT.market, topics, data, number, ZERO_HASH, ZERO_HASH, index)
        for number, index in (("0x2", "0x0"), ("0x1", "0xa"), ("0x1", "0x9"))
    ]

    logs = Decoder(DEPLOYMENT).decode_all(raws, {ZERO_HASH: NOW})

    assert [(log.block_number, log.log_index) for log in logs] == [(1, 9), (1, 10), (2, 0)]
