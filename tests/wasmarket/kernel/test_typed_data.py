"""Offers, requests and permits hash and sign as eth-account says (DESIGN 8.2)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.addresses import parse_address, parse_hash, raw
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer, parse_offer
from wasmarket.kernel.signing.signatures import (
    Signature,
    address_of,
    parse_signature,
    recover,
    sign,
)
from wasmarket.kernel.signing.typed_data import (
    Domain,
    digest,
    hash_head,
    hash_offer,
    hash_permit,
    hash_request,
    hash_usage,
)

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "typed_data.json").read_text())
KEY = bytes.fromhex(VECTORS["key"][2:])
CASES = VECTORS["cases"]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def hash_case(case: dict) -> bytes:
    message = case["message"]
    if case["struct"] == "ProviderOffer":
        return raw(hash_offer(parse_offer(ProviderOffer, message)))
    if case["struct"] == "DeveloperOffer":
        return raw(hash_offer(parse_offer(DeveloperOffer, message)))
    if case["struct"] == "Permit":
        owner, spender = parse_address(message["owner"]), parse_address(message["spender"])
        numbers = (int(message[name]) for name in ("value", "nonce", "deadline"))
        return hash_permit(owner, spender, *numbers)
    if case["struct"] == "Usage":
        return hash_usage(int(message["assignment"]), int(message["work"]))
    if case["struct"] == "Head":
        receipt = bytes.fromhex(message["receipt"][2:])
        return hash_head(int(message["assignment"]), int(message["sequence"]), receipt)
    return hash_request(
        message["method"],
        message["target"],
        bytes.fromhex(message["body"][2:]),
        int(message["expires"]),
        parse_hash(message["nonce"]),
    )


def domain_of(case: dict) -> Domain:
    entry = case["domain"]
    contract = parse_address(entry["verifyingContract"])
    return Domain(entry["name"], entry["version"], entry["chainId"], contract)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vectors__hash_digest_and_signature__agree(case):
    struct_hash = hash_case(case)
    signed = digest(domain_of(case), struct_hash)
    signature = Signature(int(case["r"], 16), int(case["vs"], 16))

    assert "0x" + struct_hash.hex() == case["struct_hash"]
    assert "0x" + signed.hex() == case["digest"]
    assert sign(signed, KEY) == signature
    assert recover(signed, signature) == VECTORS["address"] == address_of(KEY)
    assert parse_signature(case["signature65"]) == signature
    assert parse_signature(signature.to_hex()) == signature


@pytest.mark.parametrize(
    "member", [f for f in CASES[2]["message"] if f not in ("app", "providers")]
)
def test_hash_offer__any_member_changed__another_hash(member):
    case = CASES[3]
    changed = dict(case["message"])
    is_address = str(changed[member]).startswith("0x")
    changed[member] = "0x" + "11" * 20 if is_address else str(int(changed[member]) ^ 1)

    assert hash_case({**case, "message": changed}) != hash_case(case)


def test_high_s__in_either_form__is_refused():
    case = CASES[0]
    signed = bytes.fromhex(case["digest"][2:])
    good = parse_signature(case["signature65"])
    v, r, low = good.split()
    mirrored = r.to_bytes(32, "big") + (ORDER - low).to_bytes(32, "big") + bytes([55 - v])

    with pytest.raises(InvalidSignature):
        parse_signature("0x" + mirrored.hex())
    with pytest.raises(InvalidSignature):
        recover(signed, Signature(r, ORDER // 2 + 1))


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_recover__any_numbers__an_address_or_a_clear_error(r, vs):
    try:
        address = recover(b"\x07" * 32, Signature(r, vs))
    except InvalidSignature:
        return
    assert parse_address(address) == address != "0x" + "0" * 40


@pytest.mark.parametrize(
    "text",
    ["", "0x", "12", "0x" + "00" * 63, "0x" + "00" * 66, "0x" + "zz" * 64, "0x" + "01" * 64 + "05"],
)
def test_parse_signature__malformed__names_the_remedy(text):
    with pytest.raises(InvalidSignature) as caught:
        parse_signature(text)
    assert caught.value.field == "signature"
