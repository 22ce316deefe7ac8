"""Regions and traits: numbers that the chain stores never change their meaning."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.regions import (
    SHORTHANDS,
    region_code,
    region_codes,
    region_index,
    region_mask,
    regions_of,
)
from wasmarket.kernel.traits import EFFECTOR_MASK, effector_names, trait_mask, traits, traits_of

pytestmark = pytest.mark.unit

FIRST_COUNTRIES = "1e05631f6e613a0c8a7174d385daf8e9"


def test_region_codes__first_249__are_frozen():
    frozen = ",".join(region_codes()[:249])

    assert hashlib.sha256(frozen.encode()).hexdigest()[:32] == FIRST_COUNTRIES
    assert len(set(region_codes())) == len(region_codes()) <= 256


def test_traits__pinned_bits__are_frozen():
    bits = {name: trait.bit for name, trait in traits().items()}

    assert effector_names() == ("http", "ipfs", "kv", "secret")
    assert {"http": 0, "ipfs": 1, "kv": 2, "avx2": 32, "arm64": 33, "gpu": 34}.items() <= (
        bits.items()
    )
    assert len(set(bits.values())) == len(bits)


def test_traits__kinds__stand_in_their_bits():
    for trait in traits().values():
        assert (trait.kind == "effector") == bool(1 << trait.bit & EFFECTOR_MASK)
        assert trait.bit < 96


@given(st.integers(0, 255))
def test_region_code__every_number_of_the_chain__reads_back(index):
    assert region_index(region_code(index)) == index


@given(st.integers(0, 2**256 - 1))
def test_regions_of__every_mask_of_the_chain__reads_back(mask):
    assert region_mask(regions_of(mask)) == mask


@given(st.integers(0, 2**96 - 1))
def test_traits_of__every_mask_of_the_chain__reads_back(mask):
    assert trait_mask(traits_of(mask)) == mask


def test_region_mask__shorthand__is_its_countries():
    assert region_mask(["EU"]) == region_mask(SHORTHANDS["EU"])
    assert len(SHORTHANDS["EU"]) == 27
    assert regions_of(region_mask(["dach", "de"])) == ["AT", "CH", "DE"]
    assert region_mask([]) == 0


def test_shorthands__none__is_a_country_code():
    assert not set(SHORTHANDS) & set(region_codes())


@pytest.mark.parametrize("name", ["XX", "", "Germany", "#256", "#-1", "#1x", "#"])
def test_region_index__unknown__refused_with_remedy(name):
    with pytest.raises(InvalidInput) as caught:
        region_index(name, field="region")

    assert caught.value.field == "region"
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["warp", "", "#96", "#"])
def test_trait_mask__unknown__refused_with_the_known(name):
    with pytest.raises(InvalidInput) as caught:
        trait_mask([name], field="traits")

    assert "http, ipfs, kv" in (caught.value.remedy or "")


@pytest.mark.parametrize("mask", [-1, 2**256])
def test_regions_of__too_wide__refused(mask):
    with pytest.raises(InvalidInput):
        regions_of(mask)


@pytest.mark.parametrize("mask", [-1, 2**96])
def test_traits_of__too_wide__refused(mask):
    with pytest.raises(InvalidInput):
        traits_of(mask)


@pytest.mark.parametrize("index", [-1, 256])
def test_region_code__outside__refused(index):
    with pytest.raises(InvalidInput):
        region_code(index)
