"""Wishes hash and sign as eth-account says, and are read back as they were written."""

import json
from dataclasses import fields, replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import CHECKOUT
from wasmarket.client.market.wishes import describe_wish, parse_percent, read_wish
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import (
    LEAST_WEIGHT,
    MAX_ENTRIES,
    MONTH_SECONDS,
    MOST_WEIGHT,
    NO_WISH,
    PPM,
    SignedWish,
    Wish,
    dump_signed_wish,
    dump_wish,
    hash_wish,
    load_signed_wish,
    parse_wish,
)
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, market_domain

pytestmark = pytest.mark.unit

VECTORS = CHECKOUT / "tests" / "vectors" / "wishes.json"
KEY = b"\x07" * 32
OFFER = to_hash(b"\x21" * 32)
MARKET = to_address(b"\x11" * 20)
DOMAIN = market_domain(31_337, MARKET)
ME = Account.from_key(KEY).address
PROVIDER = to_address(b"\x31" * 20)

FULL = Wish(
    min_uptime_ppm=995_000,
    max_evictions=0,
    min_age_epochs=30,
    max_latency_ms=80,
    gateway="https://gateway.example",
    budget_per_month=20_000_000,
    min_speed=900,
    data_centers=("hetzner-fsn1", "ovh-gra"),
    claims=("iso_27001", "renewable"),
    provider_weights=((PROVIDER, 900_000),),
)

wishes = st.builds(
    Wish,
    min_uptime_ppm=st.integers(0, PPM),
    max_evictions=st.integers(0, ANY),
    min_age_epochs=st.integers(0, 2**32 - 1),
    budget_per_month=st.integers(0, 2**64 - 1),
    min_speed=st.integers(0, 2**32 - 1),
    data_centers=st.sampled_from([(), ("ovh-gra",), ("hetzner-fsn1", "ovh-gra")]),
    claims=st.sampled_from([(), ("renewable",)]),
    provider_weights=st.sampled_from([(), ((PROVIDER, LEAST_WEIGHT),), ((PROVIDER, MOST_WEIGHT),)]),
)


def hashed_by_eth_account(wish):
    """What another implementation of EIP-712 signs for a wish."""
    numbers = (
        ["min_uptime_ppm", "max_evictions", "min_age_epochs", "max_latency_ms"],
        ["budget_per_month", "min_speed"],
    )
    types = [
        ("offer", "bytes32"),
        *((name, "uint256") for name in numbers[0]),
        ("gateway", "string"),
        *((name, "uint256") for name in numbers[1]),
        ("data_centers", "string[]"),
        ("claims", "string[]"),
        ("weighted_providers", "address[]"),
        ("weights_ppm", "uint256[]"),
    ]
    message = {name: getattr(wish, name) for name in (*numbers[0], *numbers[1], "gateway")}
    message |= {
        "offer": bytes.fromhex(OFFER[2:]),
        "data_centers": list(wish.data_centers),
        "claims": list(wish.claims),
        "weighted_providers": [provider for provider, _ in wish.provider_weights],
        "weights_ppm": [weight for _, weight in wish.provider_weights],
    }
    domain = {
        "name": "Wasmarket",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": MARKET,
    }
    typed = {"Wish": [{"name": name, "type": kind} for name, kind in types]}
    return encode_typed_data(domain, typed, message)


def signed(wish, offer=OFFER, key=KEY):
    return SignedWish(wish, sign(digest(DOMAIN, hash_wish(wish, offer)), key).to_hex())


@pytest.mark.parametrize("wish", [NO_WISH, FULL, replace(FULL, claims=(), provider_weights=())])
def test_hash_wish__any_wish__is_what_eth_account_signs(wish):
    other = Account.sign_message(hashed_by_eth_account(wish), KEY).signature

    assert SignedWish(wish, "0x" + other.hex().removeprefix("0x")).is_by(ME, OFFER, DOMAIN)
    assert signed(wish).is_by(ME, OFFER, DOMAIN)


@pytest.mark.parametrize("member", [member.name for member in fields(Wish)])
def test_is_by__any_member_changed__is_not_what_was_signed(member):
    changed = replace(FULL, **{member: getattr(NO_WISH, member)})

    assert not replace(signed(FULL), wish=changed).is_by(ME, OFFER, DOMAIN)


def test_is_by__another_offer_account_market_or_no_signature__is_not():
    wish = signed(FULL)

    assert not wish.is_by(ME, to_hash(b"\x22" * 32), DOMAIN)
    assert not wish.is_by(PROVIDER, OFFER, DOMAIN)
    assert not wish.is_by(ME, OFFER, market_domain(1, MARKET))
    assert not replace(wish, signature="0x" + "00" * 64).is_by(ME, OFFER, DOMAIN)
    assert not replace(wish, signature="nonsense").is_by(ME, OFFER, DOMAIN)


@given(wishes)
def test_parse_wish__what_was_written__is_the_same(wish):
    assert parse_wish(dump_wish(wish)) == wish
    written = dump_signed_wish(SignedWish(wish, "0x" + "01" * 64))
    assert load_signed_wish(written).wish == wish


def test_dump_wish__nothing_asked__is_empty():
    assert dump_wish(NO_WISH) == {}
    assert not Wish(budget_per_month=1, provider_weights=((PROVIDER, 1),)).limits_peers


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "wish"),
        ({"min_uptime_ppm": PPM + 1}, "wish.min_uptime_ppm"),
        ({"max_evictions": "some"}, "wish.max_evictions"),
        ({"max_evictions": True}, "wish.max_evictions"),
        ({"data_centers": ["a"] * 2}, "wish.data_centers"),
        ({"data_centers": [f"x{n}" for n in range(MAX_ENTRIES + 1)]}, "wish.data_centers"),
        ({"data_centers": "ovh-gra"}, "wish.data_centers"),
        ({"claims": ["Very Green"]}, "wish.claims"),
        ({"max_latency_ms": 1, "gateway": "\x1b[0m"}, "wish.gateway"),
        ({"provider_weights": {"0x12": PPM}}, "wish.provider_weights"),
        ({"provider_weights": {PROVIDER: MOST_WEIGHT + 1}}, "wish.provider_weights"),
        ({"unknown": 1}, "wish.unknown"),
    ],
)
def test_parse_wish__member_that_means_nothing__is_refused_by_name(data, field):
    with pytest.raises(InvalidInput) as caught:
        parse_wish(data)

    assert caught.value.field == field


def test_most_per_epoch__budget_of_a_month__rounds_down():
    assert Wish(budget_per_month=MONTH_SECONDS - 1).most_per_epoch(1) == 0
    assert Wish(budget_per_month=20_000_000).most_per_epoch(3_600) == 20_000_000 // 720
    assert NO_WISH.most_per_epoch(3_600) is None


def test_read_wish__as_people_write_it__is_exact():
    wish = read_wish(
        {
            "min_uptime": "99.5%",
            "max_evictions": 0,
            "min_age_epochs": 30,
            "max_latency_ms": 80,
            "latency_by": "https://gateway.example",
            "budget": "20",
            "min_speed": 900,
            "data_centers": ["OVH-gra", "hetzner-fsn1"],
            "claims": ["renewable", "iso_27001"],
            "providers": {PROVIDER: "90%"},
        }
    )

    assert wish == FULL
    assert read_wish({"budget": 20}).budget_per_month == 20_000_000
    assert read_wish({"min_uptime": None, "claims": ()}) == NO_WISH
    told = describe_wish(FULL)
    assert "99.5 %" in told
    assert "at most 0 evictions" in told
    assert "20.000000 USDC" in told


@pytest.mark.parametrize(
    "given_",
    [
        {"min_uptime": "99.5"},
        {"min_uptime": 99.5},
        {"min_uptime": "101%"},
        {"budget": "a lot"},
        {"data_centers": ["my cellar"]},
        {"providers": {PROVIDER: "5%"}},
        {"max_evictions": 0.5},
        {"uptime": "99%"},
    ],
)
def test_read_wish__what_cannot_be_meant__is_refused(given_):
    with pytest.raises(InvalidInput):
        read_wish(given_)


def test_parse_percent__four_decimals__are_parts_per_million():
    assert parse_percent("99.9999 %", field="x") == 999_999
    assert parse_percent("1000%", field="x") == 10 * PPM


def test_hash__wishes_of_the_vectors__are_what_browsers_compute_too():
    told = json.loads(VECTORS.read_text(encoding="utf-8"))

    for case in told["cases"]:
        signed = SignedWish(parse_wish(case["wish"]), case["signature"])
        assert "0x" + hash_wish(signed.wish, told["offer"]).hex() == case["struct_hash"]
        domain = market_domain(told["chain_id"], told["market"])
        assert signed.is_by(told["developer"], told["offer"], domain), case["name"]
