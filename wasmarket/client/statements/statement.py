"""A statement as a value, and as CSV. Amounts are whole base units; sums are of these alone."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Address, format_flt, format_usdc

USDC, FLT, COINS = "usdc", "flt", "coins"
COLUMNS = (
    "time",
    "kind",
    "deal",
    "assignment",
    "peer",
    "epochs",
    "token",
    "amount",
    "base_units",
    "transaction",
    "block",
)
_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")


class Side(StrEnum):
    """Whose statement it is."""

    DEVELOPER = "developer"
    PROVIDER = "provider"


class LineKind(StrEnum):
    """What an amount was. `PAID` and `EARNED` are the two sides of one claim or voucher."""

    DEPOSIT = "deposit"
    TIP = "tip"
    TOP_UP = "top-up"
    TAKEN = "taken back"
    RETURNED = "returned at the end"
    PAID = "paid to providers"
    REFUNDED = "refunded"
    EARNED = "earned"
    FEE = "fee for missed epochs"
    WITHDRAWN = "withdrawn"
    GAS = "gas"


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC: chain times `begin` to below `end`, seconds."""

    name: str
    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read `2026-11`. Raises InvalidInput."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise InvalidInput(f"{text!r} is no month", field="month", remedy="write it as 2026-11")
        year, month = int(found[1]), int(found[2])
        following = (year + 1, 1) if month == 12 else (year, month + 1)
        return cls(text, _start(year, month), _start(*following))

    @classmethod
    def before(cls, timestamp: int) -> "Month":
        """Return the last month that was over at a chain time."""
        now = datetime.fromtimestamp(timestamp, UTC)
        year, month = (now.year - 1, 12) if now.month == 1 else (now.year, now.month - 1)
        return cls.parse(f"{year}-{month:02d}")


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One amount and where it happened; base units of `token`, wei of coins."""

    timestamp: int
    kind: LineKind
    token: str
    amount: int
    tx: str
    block: int
    log_index: int
    deal: int | None = None
    assignment: int | None = None
    peer: int | None = None
    epochs: str = ""

    @property
    def written(self) -> str:
        """The amount for people, exactly."""
        return write_amount(self.amount, self.token)


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of an account. `is_whole`: the month was over when it was read."""

    side: Side
    account: Address
    month: Month
    chain_id: int
    block: int
    is_whole: bool
    lines: tuple[StatementLine, ...]

    def sum_by_kind(self) -> dict[tuple[LineKind, str], int]:
        """Return the sum of each kind and token, in the order of LineKind."""
        sums = Counter[tuple[LineKind, str]]()
        for line in self.lines:
            sums[line.kind, line.token] += line.amount
        order = list(LineKind)
        return {
            key: sums[key] for key in sorted(sums, key=lambda key: (order.index(key[0]), key[1]))
        }

    def sum_by_deal(self) -> dict[int, dict[LineKind, int]]:
        """Return the USDC of each kind by deal."""
        sums: dict[int, Counter[LineKind]] = {}
        for line in self.lines:
            if line.deal is not None and line.token == USDC:
                sums.setdefault(line.deal, Counter())[line.kind] += line.amount
        return {deal: dict(sums[deal]) for deal in sorted(sums)}


def write_csv(statement: Statement) -> str:
    """Return the lines of a statement as CSV (RFC 4180), one amount a line."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in statement.lines:
        writer.writerow(
            (
                write_time(line.timestamp),
                line.kind,
                _or_empty(line.deal),
                _or_empty(line.assignment),
                _or_empty(line.peer),
                line.epochs,
                line.token,
                line.written,
                line.amount,
                line.tx,
                line.block,
            )
        )
    return out.getvalue()


def write_sums(sums: Mapping[tuple[LineKind, str], int]) -> list[tuple[str, str]]:
    """Return names and amounts of sums, for people."""
    return [
        (str(kind), f"{write_amount(amount, token)} {token.upper() if token != COINS else token}")
        for (kind, token), amount in sums.items()
    ]


def write_amount(amount: int, token: str) -> str:
    """Write base units exactly: 6 decimals of USDC, 18 of FLT and coins."""
    return format_usdc(amount) if token == USDC else format_flt(amount)


def write_time(timestamp: int) -> str:
    """Write a chain time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sort_lines(lines: Iterable[StatementLine]) -> tuple[StatementLine, ...]:
    """Return lines in the order of the chain; gas behind what it paid for."""
    order = list(LineKind)
    return tuple(
        sorted(lines, key=lambda one: (one.block, one.log_index, order.index(one.kind), one.tx))
    )


def _start(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def _or_empty(number: int | None) -> str:
    return "" if number is None else str(number)
