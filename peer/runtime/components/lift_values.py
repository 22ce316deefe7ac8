"""Read values out of wasmtime's own cells, in the form in which `lower_values` puts them there."""

from collections.abc import Callable
from typing import Any, Final

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    CharType,
    FlagsType,
    GuestType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
)
from peer.runtime.abi.wit_values import ERROR, OK
from peer.runtime.components.cells import (
    CHAR,
    ENUM,
    FIELDS,
    FLAGS,
    KINDS,
    LIST,
    OPTION,
    RECORD,
    RESULT,
    STRING,
    TUPLE,
    UNION_AT,
    VARIANT,
    get_cell_format,
    get_wit_name,
)
from peer.runtime.components.component_cffi import VAL_BYTES
from peer.runtime.errors import GuestOutput, GuestTrap
from peer.runtime.execution.wasmtime_cffi import ffi

Lift = Callable[[Any, "Budget"], Any]


class Budget:
    """How many bytes and elements an answer may still have."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Count what is about to be read; raise `GuestOutput` when it is too much."""
        self.left -= size
        if self.left < 0:
            raise GuestOutput("the answer is larger than its limit")


def compile_lift(kind: GuestType) -> Lift:
    """Return a function that reads values of a type out of cells; they stay wasmtime's.

    It raises `GuestOutput` for more than its budget, `GuestTrap` for a cell of another kind.
    """
    code, lift = _compile_lift(kind)

    def checked(cell: Any, budget: Budget) -> Any:
        if cell.kind != code:
            raise GuestTrap("the component gave a value of another type than it says")
        return lift(cell.of, budget)

    return checked


def _compile_lift(kind: GuestType) -> tuple[int, Lift]:
    """Return the code of a kind, and how the union of such a cell is read."""
    return _COMPILERS[type(kind)](kind)


def _take_text(name: Any, budget: Budget) -> str:
    size = name.size
    budget.take(size)
    text: str = ffi.unpack(name.data, size).decode() if size else ""
    return text


def _lift_basic(kind: Basic) -> tuple[int, Lift]:
    if kind is Basic.STRING:
        return STRING, lambda of, budget: _take_text(of.string, budget)
    if kind is Basic.BYTES:
        return LIST, _lift_bytes
    field = FIELDS[kind]
    return KINDS[kind], lambda of, budget: getattr(of, field)


def _lift_bytes(of: Any, budget: Budget) -> bytes:
    count = of.list.size
    budget.take(count)
    if not count:
        return b""
    cells = memoryview(ffi.buffer(of.list.data, count * VAL_BYTES))
    return cells[UNION_AT::VAL_BYTES].tobytes()


def _lift_list(kind: ArrayType) -> Lift:
    cell_format = get_cell_format(kind.element)
    if cell_format is not None:
        is_bool = kind.element is Basic.BOOL

        def lift_numbers(of: Any, budget: Budget) -> Any:
            count = of.list.size
            budget.take(count)
            if not count:
                return []
            cells = ffi.buffer(of.list.data, count * VAL_BYTES)
            numbers = [value for _, value in cell_format.iter_unpack(cells)]
            return [value != 0 for value in numbers] if is_bool else numbers

        return lift_numbers
    element = compile_lift(kind.element)

    def lift(of: Any, budget: Budget) -> Any:
        count, data = of.list.size, of.list.data
        budget.take(count)
        return [element(data[index], budget) for index in range(count)]

    return lift


def _lift_record(kind: RecordType) -> Lift:
    parts = [(part.name, compile_lift(part.type)) for part in kind.fields]

    def lift(of: Any, budget: Budget) -> Any:
        record = of.record
        if record.size != len(parts):
            raise GuestTrap("the component gave a record of another type than it says")
        data = record.data
        return {name: take(data[at].val, budget) for at, (name, take) in enumerate(parts)}

    return lift


def _lift_tuple(kind: TupleType) -> Lift:
    parts = [compile_lift(part) for part in kind.parts]

    def lift(of: Any, budget: Budget) -> Any:
        if of.tuple.size != len(parts):
            raise GuestTrap("the component gave a tuple of another type than it says")
        data = of.tuple.data
        return tuple(take(data[at], budget) for at, take in enumerate(parts))

    return lift


def _lift_result(kind: ResultType) -> Lift:
    ok = None if kind.ok is None else compile_lift(kind.ok)
    error = None if kind.error is None else compile_lift(kind.error)

    def lift(of: Any, budget: Budget) -> Any:
        result = of.result
        end, take = (OK, ok) if result.is_ok else (ERROR, error)
        return end, None if take is None else take(result.val[0], budget)

    return lift


def _lift_variant(kind: VariantType) -> tuple[int, Lift]:
    lifts = {
        get_wit_name(case.name): (
            case.name,
            None if case.type is None else compile_lift(case.type),
        )
        for case in kind.cases
    }
    if kind.is_enumeration:
        return ENUM, lambda of, budget: (lifts[_take_text(of.enumeration, budget)][0], None)

    def lift(of: Any, budget: Budget) -> Any:
        name, take = lifts[_take_text(of.variant.discriminant, budget)]
        return name, None if take is None else take(of.variant.val[0], budget)

    return VARIANT, lift


def _lift_flags(of: Any, budget: Budget) -> Any:
    flags = of.flags
    return tuple(
        _take_text(flags.data[index], budget).replace("-", "_") for index in range(flags.size)
    )


def _lift_option(kind: OptionType) -> Lift:
    element = compile_lift(kind.element)
    return lambda of, budget: None if of.option == ffi.NULL else element(of.option[0], budget)


def _lift_char(of: Any, budget: Budget) -> str:
    return chr(of.character)


_COMPILERS: Final[dict[type, Callable[[Any], tuple[int, Lift]]]] = {
    Basic: _lift_basic,
    ArrayType: lambda kind: (LIST, _lift_list(kind)),
    RecordType: lambda kind: (RECORD, _lift_record(kind)),
    OptionType: lambda kind: (OPTION, _lift_option(kind)),
    TupleType: lambda kind: (TUPLE, _lift_tuple(kind)),
    ResultType: lambda kind: (RESULT, _lift_result(kind)),
    VariantType: _lift_variant,
    FlagsType: lambda kind: (FLAGS, _lift_flags),
    CharType: lambda kind: (CHAR, _lift_char),
}
