"""Packing: the identity from zero to the maximum of each field, a revert one above it."""

import pytest

from tests.contracts.driver.boa_chain import BoaChain, Reverted
from tests.contracts.driver.words import LAYOUTS, unpack

pytestmark = pytest.mark.unit

RECORDS = ("account", "offer", "peer", "peer_extra", "deal", "assignment", "counts")
ADDRESSES = ("provider", "wallet")
FLAGS = ("approved", "cancelled", "stopped", "metered")
FIELDS = [(record, name, bits) for record in RECORDS for name, bits in LAYOUTS[record]]


@pytest.fixture(scope="module")
def mock():
    chain = BoaChain(1_000_000)
    contract = chain.deploy("MockPacking")

    def ask(function, *arguments):
        return chain.read([(contract, function, arguments)])[0]

    return ask


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


FULL = 2**256 - 1
CHANGES = {
    "start": (
        {"start": 2**32 - 1, "next": 2**32 - 1, "skipped": 2**16 - 1},
        (2**32 - 1, 2**16 - 1),
    ),
    "meter": ({"start": 2**32 - 1}, (2**32 - 1,)),
    "advance": ({"next": 2**32 - 1}, (2**32 - 1,)),
    "pay": ({"next": 2**32 - 1, "skipped": 2**16 - 1}, (2**48 - 1,)),
}
CLEARED = {
    "start": ("start", "next", "end", "skipped"),
    "meter": ("start", "next", "end", "skipped"),
    "advance": ("next", "skipped"),
    "pay": ("next", "skipped"),
}
STATES = {"start": 2, "meter": 4}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("word", [0, FULL, 0x5555 << 64, 0xAAAA << 224, 0x81 << 240])
def test_change_of_a_packed_assignment__touches_its_own_fields_only(mock, change, word):
    fields, arguments = CHANGES[change]
    kept = {n: v for n, v in unpack("assignment", word).items() if n not in CLEARED[change]}
    zeros = dict.fromkeys(CLEARED[change], 0)
    state = {"state": STATES[change]} if change in STATES else {}

    assert unpack("assignment", mock(change, word, *arguments)) == kept | zeros | fields | state


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ("start", (2**32, 0)),
        ("start", (0, 2**16)),
        ("start", (2**255, 0)),
        ("meter", (2**32,)),
        ("advance", (2**32,)),
        ("pay", (2**48,)),
    ],
)
def test_change_of_a_packed_assignment__one_above_the_maximum__reverts(mock, change, arguments):
    with pytest.raises(Reverted):
        mock(change, FULL, *arguments)
