"""The bytes of published offers: they fit, come back unchanged, and have one form only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.signing.published import MAX_PUBLISHED, decode_published, encode_published

pytestmark = pytest.mark.unit

UINT = st.one_of(st.integers(0, 300), st.integers(0, 2**256 - 1))
ADDRESS = st.binary(min_size=20, max_size=20).map(to_address)
HASH = st.binary(min_size=32, max_size=32).map(to_hash)
PROVIDER_OFFERS = st.builds(
    ProviderOffer,
    peer=UINT,
    kind=UINT,
    price=UINT,
    developer=ADDRESS,
    valid_until=UINT,
    counter=UINT,
    salt=UINT,
)
DEVELOPER_OFFERS = st.builds(
    DeveloperOffer,
    developer=ADDRESS,
    app=HASH,
    min_units=UINT,
    units=UINT,
    max_units_per_provider=UINT,
    min_regions=UINT,
    meter=ADDRESS,
    max_price=UINT,
    epochs=UINT,
    deposit=UINT,
    min_memory_mib=UINT,
    regions=UINT,
    traits=UINT,
    providers=st.lists(ADDRESS, max_size=16).map(tuple),
    providers_mode=UINT,
    matcher=ADDRESS,
    tip=UINT,
    valid_until=UINT,
    counter=UINT,
    salt=UINT,
)
OFFERS = st.one_of(PROVIDER_OFFERS, DEVELOPER_OFFERS)

FULL = to_address(b"\xff" * 20)
LARGEST = DeveloperOffer(
    FULL,
    to_hash(b"\xff" * 32),
    *(2**256 - 1 for _ in range(4)),
    FULL,
    *(2**256 - 1 for _ in range(6)),
    providers=(FULL,) * 16,
    providers_mode=2**256 - 1,
    matcher=FULL,
    tip=2**256 - 1,
    valid_until=2**256 - 1,
    counter=2**256 - 1,
    salt=2**256 - 1,
)
CROWDED = encode_published(LARGEST).replace(b"\x10" + b"\xff" * 20, b"\x11" + b"\xff" * 20, 1)
SMALL = ProviderOffer(1, 1, 1_000, to_address(b"\0" * 20), 2_000_000_000, 0, 7)


@given(offer=OFFERS)
@settings(max_examples=200)
def test_decode_published__any_offer__comes_back_unchanged(offer):
    assert decode_published(encode_published(offer)) == offer


@given(data=st.one_of(st.binary(max_size=80), OFFERS.map(encode_published)), at=st.integers(0, 79))
@settings(max_examples=200)
def test_decode_published__any_bytes__one_form_or_refused(data, at):
    broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if at < len(data) else data

    for candidate in (data, broken):
        try:
            offer = decode_published(candidate)
        except InvalidInput:
            continue
        assert encode_published(offer) == candidate


def test_encode_published__largest_offer__fits_the_event():
    assert len(encode_published(LARGEST)) == 909 <= MAX_PUBLISHED


def test_encode_published__provider_offer__is_the_documented_form():
    assert encode_published(SMALL).hex() == (
        "01" + "0101" + "0101" + "0203e8" + "00" * 20 + "0477359400" + "00" + "0107"
    )


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "end too early"),
        (b"\x03", "no known kind"),
        (encode_published(SMALL)[:-1], "end too early"),
        (encode_published(SMALL) + b"\0", "go on after"),
        (b"\x01\x02\x00\x01" + encode_published(SMALL)[3:], "shortest form"),
        (b"\x01\x21" + b"\x01" * 33 + encode_published(SMALL)[3:], "shortest form"),
        (CROWDED, "more than 16"),
    ],
)
def test_decode_published__broken_bytes__says_what_is_wrong(data, cause):
    with pytest.raises(InvalidInput, match=cause):
        decode_published(data)
