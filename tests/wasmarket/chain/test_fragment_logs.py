"""Logs of any contract by an app's fragment: as JSON values, or named where they do not fit."""

import pytest
from eth_abi.abi import encode

from wasmarket.chain.contracts.fragment_logs import decode_log
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events.fragments import parse_fragment

pytestmark = pytest.mark.unit
ADA = to_address(b"\x0a" * 20)


def log(fragment, indexed, types, values):
    topics = [fragment.topic, *("0x" + encode([kind], [v]).hex() for kind, v in indexed)]
    data = "0x" + encode(types, values).hex()
    return RawLog("0xmarket", tuple(topics), data, "0x1", "0xblock", "0xtx", "0x0")


def test_decode__every_type__comes_as_json_in_the_order_of_the_fragment():
    fragment = parse_fragment(
        "Seen(string name, address indexed who, uint64 small, int256 large, bytes4 tag, bool ok,"
        " uint8[] list, bytes32 indexed id)",
        "event",
    )
    raw = log(
        fragment,
        [("address", ADA), ("bytes32", b"\x01" * 32)],
        ["string", "uint64", "int256", "bytes4", "bool", "uint8[]"],
        ["Ada \u2713", 2**64 - 1, -(10**30), b"\x01\x02\x03\x04", True, [1, 2]],
    )

    assert list(decode_log(fragment, raw).items()) == [
        ("name", "Ada \u2713"),
        ("who", ADA),
        ("small", 2**64 - 1),
        ("large", str(-(10**30))),
        ("tag", "0x01020304"),
        ("ok", True),
        ("list", [1, 2]),
        ("id", "0x" + "01" * 32),
    ]


def test_decode__an_indexed_text__is_the_hash_that_is_on_chain():
    fragment = parse_fragment("Named(string indexed name)", "event")
    raw = log(fragment, [("bytes32", b"\x07" * 32)], [], [])

    assert decode_log(fragment, raw) == {"name": "0x" + "07" * 32}


@pytest.mark.parametrize("text", ["Seen(address who)", "Seen(string who, uint256 more)"])
def test_decode__what_does_not_fit__names_event_and_transaction(text):
    fragment = parse_fragment(text, "event")
    other = parse_fragment("Seen(address indexed who)", "event")
    raw = log(other, [("address", ADA)], [], [])

    with pytest.raises(InvalidInput, match=r"Seen\(.*0xtx"):
        decode_log(fragment, raw)
    with pytest.raises(InvalidInput, match="0xtx"):
        decode_log(fragment, RawLog("0x", (fragment.topic,), "0x00", "0x1", "0x", "0xtx", "0x0"))
