"""Hypothesis strategies for guest types and for values of a type."""

from typing import Any

from hypothesis import strategies as st

from peer.runtime.abi.guest_types import (
    INTEGER_RANGES,
    ArrayType,
    Basic,
    GuestType,
    NamedType,
    RecordType,
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
basics = st.sampled_from(list(Basic))


def _extend(inner: st.SearchStrategy[GuestType]) -> st.SearchStrategy[GuestType]:
    fields = st.lists(
        st.builds(NamedType, names, inner), min_size=1, max_size=3, unique_by=lambda part: part.name
    )
    record = st.builds(RecordType, st.just("Record"), fields.map(tuple))
    return st.one_of(inner.map(ArrayType), record)


guest_types: st.SearchStrategy[GuestType] = st.recursive(basics, _extend, max_leaves=5)


def values_of(guest_type: GuestType) -> st.SearchStrategy[Any]:
    """Values as JSON carries them and as the runtime gives them back."""
    if isinstance(guest_type, ArrayType):
        return st.lists(values_of(guest_type.element), max_size=4)
    if isinstance(guest_type, RecordType):
        return st.fixed_dictionaries({p.name: values_of(p.type) for p in guest_type.fields})
    if guest_type in INTEGER_RANGES:
        return st.integers(*INTEGER_RANGES[guest_type])
    if guest_type in (Basic.F32, Basic.F64):
        return st.floats(width=32, allow_nan=False)
    return {
        Basic.BOOL: st.booleans(),
        Basic.STRING: st.text(max_size=20),
        Basic.BYTES: st.binary(max_size=20),
    }[guest_type]
