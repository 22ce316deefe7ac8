"""What a comparison works with, and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.contracts.bindings import Audits, Market, MarketLens, Proofs, Staking
from wasmarket.chain.reading.blocks import Reader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Hash
from wasmarket.store.database import Session
from wasmarket.store.views import Indexed

Members = Mapping[str, Any]
"""What is compared of a row, by column."""

NO_ROW: Members = {"row": "none"}
A_ROW: Members = {"row": "there"}
"""The two sides of a row that only the chain or only the store has."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row as the store has it and as the chain gives it; `key` names it to people."""

    key: str
    stored: Members
    onchain: Members


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One column of one row that is not what the chain says."""

    table: str
    key: str
    column: str
    stored: Any
    onchain: Any


class StoreAndChain:
    """Both sides as of one block: the store's rows, and the contracts' views."""

    def __init__(
        self, session: Session, at: Indexed, reader: Reader, deployment: Deployment
    ) -> None:
        """`session` sees one state throughout, as of `at`."""
        self.session = session
        self.at = at
        self.reader = reader
        self.deployment = deployment
        self.market = Market(reader, deployment)
        self.lens = MarketLens(reader, deployment)
        self.staking = Staking(reader, deployment)
        self.proofs = Proofs(reader, deployment)
        self.audits = Audits(reader, deployment)

    @property
    def block(self) -> Hash:
        """The block that all views are read at, by hash: another branch would be an error."""
        return self.at.block_hash


Compare = Callable[[StoreAndChain], Iterator[Compared]]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """How the rows of one table are compared with the contracts' views."""

    table: str
    compare: Compare


def find_differences(table: str, compared: Compared) -> list[RowDifference]:
    """Return the members in which the two sides of a row differ."""
    stored, onchain = compared.stored, compared.onchain
    return [
        RowDifference(table, compared.key, name, stored.get(name), onchain.get(name))
        for name in dict.fromkeys((*stored, *onchain))
        if stored.get(name) != onchain.get(name)
    ]


def compare_fields(stored: Any, onchain: Any, *names: str) -> tuple[Members, Members]:
    """Return the same members of two values, ready to be compared."""
    return (
        {name: getattr(stored, name) for name in names},
        {name: getattr(onchain, name) for name in names},
    )


def find_missing(known: set[int], count: int) -> Iterator[Compared]:
    """Yield what the chain has of 1 … `count` and the store has not."""
    for number in range(1, count + 1):
        if number not in known:
            yield Compared(str(number), NO_ROW, A_ROW)
