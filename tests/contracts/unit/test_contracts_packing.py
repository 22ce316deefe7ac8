"""Packing: the identity from zero to the maximum of each field, a revert one above it."""

import pytest

from tests.contracts.driver.boa_chain import BoaChain, Reverted
from tests.contracts.driver.words import LAYOUTS, unpack

pytestmark = pytest.mark.unit

RECORDS = ("account", "offer", "peer", "peer_extra", "deal", "assignment", "counts")
ADDRESSES = ("provider", "wallet")
FLAGS = ("approved", "cancelled", "stopped")
FIELDS = [(record, name, bits) for record in RECORDS for name, bits in LAYOUTS[record]]


@pytest.fixture(scope="module")
def mock():
    chain = BoaChain(1_000_000)
    contract = chain.deploy("MockPacking")
    return lambda record, values: chain.read([(contract, record, (values,))])[0]


def as_solid(name: str, value: int):
    """Give a field the type that the record has for it."""
    if name in ADDRESSES:
        return "0x" + value.to_bytes(20, "big").hex()
    return bool(value) if name in FLAGS else value


def record_of(record: str, value_of) -> tuple:
    return tuple(as_solid(name, value_of(name, bits)) for name, bits in LAYOUTS[record])


def largest(name: str, bits: int) -> int:
    return 1 if name in FLAGS else 2**bits - 1


def compare(mock, record: str, values: tuple) -> None:
    word, back = mock(record, values)
    told = [int(v, 16) if isinstance(v, str) else int(v) for v in values]
    assert list(unpack(record, word).values()) == told
    assert [int(v, 16) if isinstance(v, str) else int(v) for v in back] == told


@pytest.mark.parametrize("record", RECORDS)
def test_pack__all_zero_and_all_full__is_the_identity(mock, record):
    compare(mock, record, record_of(record, lambda name, bits: 0))
    compare(mock, record, record_of(record, largest))


@pytest.mark.parametrize(("record", "field", "bits"), FIELDS)
def test_pack__one_field_full__touches_no_neighbour(mock, record, field, bits):
    full = record_of(record, lambda name, width: largest(name, width) if name == field else 0)
    empty = record_of(record, lambda name, width: 0 if name == field else largest(name, width))

    compare(mock, record, full)
    compare(mock, record, empty)


@pytest.mark.parametrize(
    ("record", "field", "bits"), [f for f in FIELDS if f[1] not in (*ADDRESSES, *FLAGS)]
)
def test_pack__one_above_the_maximum__reverts(mock, record, field, bits):
    for value in (2**bits, 2**255, 2**256 - 1):
        values = record_of(record, lambda name, _, v=value: v if name == field else 0)
        with pytest.raises(Reverted):
            mock(record, values)
