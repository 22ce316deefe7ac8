"""The base of all tables: which SQL type each unit gets, and how constraints are named."""

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Integer, MetaData, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import (
    Address,
    Amount,
    AssignmentId,
    BlockNumber,
    DealId,
    Epoch,
    Hash,
    PeerId,
    Stake,
    Timestamp,
)
from wasmarket.store.enums import Uint, Whole

UINT256_DIGITS = 78
MAX_AMOUNT = 2**63 - 1
"""The largest USDC amount that the store keeps, in base units."""

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class AmountTooLarge(InvalidInput, DontWrapMixin):
    """The amount is larger than the store keeps"""

    slug = "amount-too-large"


class Usdc(TypeDecorator[int]):
    """USDC base units: 64 bits, so that databases can add them up."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Refuse what 64 signed bits cannot hold. Raises AmountTooLarge."""
        if value is not None and not 0 <= value <= MAX_AMOUNT:
            raise AmountTooLarge(
                f"{value} base units of USDC do not fit the store (0 … {MAX_AMOUNT})",
                remedy="USDC itself has never had that much; check the token of the deployment",
            )
        return value


class Uint256(TypeDecorator[int]):
    """A uint256 as zero-padded text: exact on every database, and it sorts."""

    impl = String(UINT256_DIGITS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """Write the number with leading zeros. Raises InvalidInput outside of 256 bits."""
        if value is None:
            return None
        if not 0 <= value < 2**256:
            raise AmountTooLarge(f"{value} is not a uint256")
        return f"{value:0{UINT256_DIGITS}}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        """Read the number back."""
        return None if value is None else int(value)


class SignedWhole(TypeDecorator[int]):
    """A whole number with a sign, of any size, as decimal text: exact on every database."""

    impl = String(UINT256_DIGITS + 2)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """Write the number."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        """Read the number back."""
        return None if value is None else int(value)


Serial = BigInteger().with_variant(Integer, "sqlite")
"""A key that the database counts up; SQLite does so for INTEGER alone."""


FOR_READERS = {"readers": True}
"""Of an index: who writes the chain's tables does not need it."""


class Base(DeclarativeBase):
    """Everything that is stored."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        Address: String(42),
        Hash: String(66),
        Amount: Usdc,
        Stake: Uint256,
        Uint: Uint256,
        Whole: SignedWhole,
        Epoch: BigInteger,
        Timestamp: BigInteger,
        BlockNumber: BigInteger,
        PeerId: BigInteger,
        DealId: BigInteger,
        AssignmentId: BigInteger,
    }


class Journaled:
    """Rows that blocks change: undoing a block puts the row before it back."""


class Appended:
    """Rows that a block adds and nothing changes: undoing a block deletes them."""

    block_number: Any


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Return the check that a text column holds one of an enum's values."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f'"{column}" IN ({listed})', name=f"{column}_known")


def in_range(column: str, low: int, high: int) -> CheckConstraint:
    """Return the check that a whole-number column lies in `low` … `high`."""
    return CheckConstraint(f'"{column}" BETWEEN {low} AND {high}', name=f"{column}_range")


def not_negative(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return one check per column that it is at least 0."""
    return tuple(CheckConstraint(f'"{c}" >= 0', name=f"{c}_not_negative") for c in columns)
