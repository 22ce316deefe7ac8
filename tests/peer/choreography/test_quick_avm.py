"""AquaVM's quick arithmetic beside Python's own, and what happens to the file that is run."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import Engine, Instance, Module, Store

from peer.choreography.avm import build_spec
from peer.choreography.avm_file import CHECKOUT, PLACE, SHA256
from peer.choreography.curve import field_code
from peer.choreography.curve.quick_avm import QUICK_NAME, QUICK_SHA256, find_quick
from peer.runtime.module.module_file import read_modules
from peer.runtime.wasm.sections import MAGIC
from wasmarket.kernel.documents.varints import encode_varint

pytestmark = pytest.mark.unit
AVM = CHECKOUT / PLACE
PRIME = 2**255 - 19
POSITIONS = (0, 26, 51, 77, 102, 128, 153, 179, 204, 230)
BITS = (26, 25) * 5
RESULT, LEFT, RIGHT = 0, 128, 256
BUILDERS = {
    "multiply": (3, field_code.build_multiply),
    "square": (2, field_code.build_square),
    "reduce": (2, field_code.build_reduce),
    "add": (3, field_code.build_add),
    "subtract": (2, field_code.build_subtract),
    "negate": (1, field_code.build_negate),
    "assign": (3, field_code.build_assign),
}


def words(times: int) -> st.SearchStrategy[list[int]]:
    """Words of a number that is the sum of so many reduced ones; often at their bounds."""
    return st.tuples(
        *(
            st.one_of(
                st.sampled_from([0, (1 << bits) - 1, times * (1 << bits)]),
                st.integers(0, times * (1 << bits)),
            )
            for bits in BITS
        )
    ).map(list)


class Field:
    """The functions in a module of their own."""

    def __init__(self) -> None:
        self.store = Store(Engine())
        module = Module(self.store.engine, build_module())
        self.exports = Instance(self.store, module, []).exports(self.store)

    def do(self, name: str, *arguments: int) -> None:
        self.exports[name](self.store, *arguments)

    def put(self, at: int, numbers: list[int], size: int = 4) -> None:
        data = b"".join(number.to_bytes(size, "little") for number in numbers)
        self.exports["memory"].write(self.store, data, at)

    def get(self, at: int, size: int = 4) -> list[int]:
        data = self.exports["memory"].read(self.store, at, at + 10 * size)
        return [int.from_bytes(data[i : i + size], "little") for i in range(0, 10 * size, size)]


def build_module() -> bytes:
    kinds = b"".join(b"\x60" + bytes([n]) + b"\x7f" * n + b"\0" for n in (1, 2, 3))
    exports = b"".join(text(name) + bytes([0, i]) for i, name in enumerate(BUILDERS))
    bodies = [build() for _, build in BUILDERS.values()]
    return MAGIC + b"".join(
        bytes([number]) + encode_varint(len(content)) + content
        for number, content in (
            (1, b"\3" + kinds),
            (3, bytes([len(BUILDERS), *(count - 1 for count, _ in BUILDERS.values())])),
            (5, b"\1\0\1"),
            (7, bytes([len(BUILDERS) + 1]) + exports + text("memory") + b"\2\0"),
            (10, bytes([len(bodies)]) + b"".join(encode_varint(len(b)) + b for b in bodies)),
        )
    )


def text(name: str) -> bytes:
    return bytes([len(name)]) + name.encode()


def value(numbers: list[int]) -> int:
    return sum(number << position for number, position in zip(numbers, POSITIONS, strict=True))


def check(numbers: list[int], expected: int) -> None:
    """The value is right, and each word has room to be added four times."""
    assert value(numbers) % PRIME == expected % PRIME
    assert all(word <= 1 << bits for word, bits in zip(numbers, BITS, strict=True))


@pytest.fixture(scope="module")
def field() -> Field:
    return Field()


@given(left=words(4), right=words(4))
def test_multiply__sums_of_numbers__their_product(field, left, right):
    field.put(LEFT, left)
    field.put(RIGHT, right)

    field.do("multiply", RESULT, LEFT, RIGHT)

    check(field.get(RESULT), value(left) * value(right))


@given(left=words(4), times=st.sampled_from([1, 2]))
def test_square__reduced__its_square(field, left, times):
    field.put(LEFT, left)

    field.do("square", RESULT, LEFT)
    field.put(LEFT, [times * word for word in field.get(RESULT, 8)], 8)
    field.do("reduce", RESULT, LEFT)

    check(field.get(RESULT), times * value(left) ** 2)


@given(long=st.lists(st.one_of(st.just((1 << 37) - 1), st.integers(0, (1 << 37) - 1)),
                     min_size=10, max_size=10))  # fmt: skip
def test_reduce__long_words__same_number(field, long):
    field.put(LEFT, long, 8)

    field.do("reduce", RESULT, LEFT)

    check(field.get(RESULT), value(long))


@given(left=words(2), right=words(2))
def test_add__two_numbers__sums_of_words(field, left, right):
    field.put(LEFT, left)
    field.put(RIGHT, right)

    field.do("add", RESULT, LEFT, RIGHT)

    assert field.get(RESULT) == [a + b for a, b in zip(left, right, strict=True)]


@given(left=words(4), right=words(4))
def test_subtract__sums_of_numbers__difference_in_place(field, left, right):
    field.put(LEFT, left)
    field.put(RIGHT, right)

    field.do("subtract", LEFT, RIGHT)

    check(field.get(LEFT), value(left) - value(right))


@given(left=words(4))
def test_negate__sum_of_numbers__negative_in_place(field, left):
    field.put(LEFT, left)

    field.do("negate", LEFT)

    check(field.get(LEFT), -value(left))


@given(left=words(4), right=words(4), choice=st.booleans())
def test_assign__choice__one_of_both(field, left, right, choice):
    field.put(LEFT, left)
    field.put(RIGHT, right)

    field.do("assign", LEFT, RIGHT, int(choice))

    assert field.get(LEFT) == (right if choice else left)


@pytest.mark.skipif(not AVM.exists(), reason="needs AquaVM")
class TestFile:
    def test_find_quick__empty_folder__module_of_known_hash(self, tmp_path):
        spec = build_spec(AVM, tmp_path)

        assert spec.facade.digest.hex() == QUICK_SHA256
        assert read_modules(spec)

    def test_find_quick__damaged_file__made_again(self, tmp_path):
        (tmp_path / QUICK_NAME).write_bytes(b"\0asm")

        path, _ = find_quick(AVM, tmp_path)

        assert hashlib.sha256(path.read_bytes()).hexdigest() == QUICK_SHA256
        assert [entry.name for entry in tmp_path.iterdir()] == [QUICK_NAME]

    def test_find_quick__folder_that_takes_no_file__module_as_it_came(self, tmp_path):
        assert find_quick(AVM, tmp_path / "missing") == (AVM, SHA256)
