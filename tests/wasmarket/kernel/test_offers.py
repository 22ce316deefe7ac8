"""Offers are read strictly: every member, in range, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    PriceKind,
    ProviderOffer,
    dump_offer,
    parse_offer,
    parse_uint,
    validate_terms,
)

pytestmark = pytest.mark.unit

DEVELOPER = parse_address("0x70997970c51812dc3a010c7d01b50e0d17dc79c8")
GOOD = DeveloperOffer(
    developer=DEVELOPER,
    app=ZERO_HASH,
    min_units=1,
    units=2,
    max_units_per_provider=0,
    min_regions=0,
    meter=ZERO_ADDRESS,
    max_price=1,
    epochs=0,
    deposit=10,
    min_memory_mib=0,
    regions=0,
    traits=0,
    providers=(DEVELOPER,),
    providers_mode=0,
    matcher=ZERO_ADDRESS,
    tip=0,
    valid_until=1,
    counter=0,
    salt=0,
)


@given(st.tuples(*[st.integers(0, 2**256 - 1)] * 6))
def test_provider_offer__json_round_trip__is_the_same(numbers):
    peer, kind, price, valid_until, counter, salt = numbers
    offer = ProviderOffer(peer, kind, price, DEVELOPER, valid_until, counter, salt)

    assert parse_offer(ProviderOffer, dump_offer(offer)) == offer


def test_developer_offer__json_round_trip__is_the_same():
    assert parse_offer(DeveloperOffer, dump_offer(GOOD)) == GOOD
    assert dump_offer(GOOD)["units"] == "2"


def test_developer_offer__meter_or_none__says_its_kind():
    assert GOOD.kind == PriceKind.RESERVED
    assert replace(GOOD, meter=DEVELOPER).kind == PriceKind.METERED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"units": "-1"}, "units"),
        ({"units": 1.5}, "units"),
        ({"units": True}, "units"),
        ({"units": "１"}, "units"),
        ({"units": str(2**256)}, "units"),
        ({"developer": "0x12"}, "developer"),
        ({"developer": "0x70997970C51812dc3A010C7d01b50e0d17dc79c8"}, "developer"),
        ({"app": "0x12"}, "app"),
        ({"app": None}, "app"),
        ({"providers": [DEVELOPER] * 17}, "providers"),
        ({"providers": DEVELOPER}, "providers"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_parse_offer__bad_member__names_it(change, field):
    with pytest.raises(InvalidInput) as caught:
        parse_offer(DeveloperOffer, dump_offer(GOOD) | change)
    assert caught.value.field == field


@pytest.mark.parametrize("value", [None, [], "offer", {}])
def test_parse_offer__not_an_offer__is_refused(value):
    with pytest.raises(InvalidInput):
        parse_offer(DeveloperOffer, value)


@pytest.mark.parametrize(
    "change",
    [
        {"min_units": 0},
        {"min_units": 3},
        {"units": 2**16},
        {"deposit": 2**64},
        {"tip": 2**64},
        {"epochs": 2**31},
        {"providers_mode": 3},
        {"developer": ZERO_ADDRESS},
    ],
)
def test_validate_terms__what_market_would_refuse__is_refused(change):
    members = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__} | change
    with pytest.raises(InvalidInput):
        validate_terms(DeveloperOffer(**members))
    validate_terms(GOOD)


def test_parse_uint__edges__are_exact():
    assert parse_uint(0, field="x") == 0
    assert parse_uint(str(2**256 - 1), field="x") == 2**256 - 1
    with pytest.raises(InvalidInput):
        parse_uint(8, field="x", below=8)
