"""A store with many rows in every table that grows, made without a chain: for plans and times."""

from typing import Any

from sqlalchemy import Boolean, String, text

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.offers import DeveloperOffer, dump_offer
from wasmarket.store.chain.row_plans import plan_of
from wasmarket.store.database import Database
from wasmarket.store.enums import AssignmentState, BookState, OfferSource
from wasmarket.store.tables import (
    AccountRow,
    AssignmentRow,
    ClaimRow,
    CommitmentRow,
    CursorRow,
    DealRow,
    DeveloperOfferRow,
    EventRow,
    PeerRow,
    ProviderOfferRow,
)

ACCOUNTS = 500
"""Each provider, developer and caller of events is one of these."""

PER_BLOCK = 10
NOW = 1_000_000
EPOCH_SECONDS = 60
NAMES = ("Claimed", "Committed", "DealBalance", "Matched", "Stopped")
SIZES: dict[type[Any], int] = {
    AccountRow: ACCOUNTS,
    PeerRow: 10_000,
    DealRow: 20_000,
    AssignmentRow: 40_000,
    ClaimRow: 30_000,
    CommitmentRow: 30_000,
    EventRow: 100_000,
    ProviderOfferRow: 30_000,
    DeveloperOfferRow: 20_000,
}
LIVE = 500
"""Of so many deals, bids and assignments one is open."""


def account(number: int) -> str:
    return f"0x{number % ACCOUNTS + 1:040x}"


def hash_of(number: int) -> str:
    return f"0x{number + 1:064x}"


BID = DeveloperOffer(
    developer=account(0),
    app=hash_of(0),
    min_units=1,
    units=4,
    max_units_per_provider=0,
    min_regions=0,
    meter=ZERO_ADDRESS,
    max_price=10,
    epochs=0,
    deposit=10**6,
    min_memory_mib=0,
    regions=0,
    traits=0,
    providers=(),
    providers_mode=0,
    matcher=ZERO_ADDRESS,
    tip=0,
    valid_until=2 * NOW,
    counter=0,
    salt=0,
)
BID_TEXT = str(dump_offer(BID)).replace("'", '"')

COMMON = {
    "address": account,
    "counter": lambda n: 0,
    "deal": lambda n: n % SIZES[DealRow] + 1,
    "assignment": lambda n: n % SIZES[AssignmentRow] + 1,
    "peer": lambda n: n % SIZES[PeerRow] + 1,
    "id": lambda n: n + 1,
    "block_number": lambda n: n // PER_BLOCK + 1,
    "log_index": lambda n: n % PER_BLOCK,
    "region": lambda n: n % 200,
    "units": lambda n: 4,
    "used": lambda n: 1,
    "kind": lambda n: 0,
    "memory_mib": lambda n: 2_048,
    "timestamp": lambda n: n // PER_BLOCK,
    "valid_until": lambda n: 2 * NOW,
    "signature": lambda n: "0x" + "ab" * 64,
    "source": lambda n: OfferSource.POSTED,
    "changed": lambda n: n + 1,
    "client": lambda n: None,
    "data": lambda n: "{}",
    "endpoint": lambda n: f"https://peer-{n}.example",
}
OWN: dict[type[Any], dict[str, Any]] = {
    DealRow: {
        "stopped": lambda n: n % LIVE > 0,
        "end": lambda n: 2 * NOW if n % LIVE == 0 else 5,
        "balance": lambda n: 10**9,
        "rate": lambda n: 1,
        "settled": lambda n: NOW // EPOCH_SECONDS,
        "meter": lambda n: ZERO_ADDRESS,
        "run": lambda n: 0,
        "version": lambda n: 1,
    },
    AssignmentRow: {
        "state": lambda n: AssignmentState.ACTIVE if n % LIVE == 0 else AssignmentState.CLEARED,
        "deal": lambda n: n // 2 + 1,
        "start": lambda n: 1,
        "next": lambda n: 1,
        "end": lambda n: None if n % LIVE == 0 else 4,
        "ended_at": lambda n: None if n % LIVE == 0 else 4,
        "ended_kind": lambda n: None if n % LIVE == 0 else 2,
        "run": lambda n: 0,
    },
    CommitmentRow: {"peer": lambda n: n % SIZES[PeerRow] + 1, "epoch": lambda n: n // 10_000 + 1},
    EventRow: {
        "name": lambda n: NAMES[n % len(NAMES)],
        "deal": lambda n: n % SIZES[DealRow] + 1,
        "assignment": lambda n: n % SIZES[AssignmentRow] + 1,
        "peer": lambda n: n % SIZES[PeerRow] + 1,
        "account": account,
        "branch": lambda n: 0,
    },
    DeveloperOfferRow: {
        "hash": hash_of,
        "offer": lambda n: BID_TEXT,
        "state": lambda n: BookState.POSTED,
        "reasons": lambda n: "[]",
        "withdrawn": lambda n: n % LIVE > 0,
        "matcher": lambda n: ZERO_ADDRESS,
        "permit": lambda n: None,
    },
    ProviderOfferRow: {"developer": lambda n: ZERO_ADDRESS, "peer": lambda n: n % 10_000 + 1},
}


def fill(database: Database, sizes: dict[type[Any], int] | None = None) -> None:
    """Write the rows into an empty, migrated store, and let the planner count them."""
    with database.write() as session:
        session.add(
            CursorRow(
                id=1,
                chain_id=1,
                market=account(0),
                epoch_seconds=EPOCH_SECONDS,
                proof_window=1,
                block_number=SIZES[EventRow] // PER_BLOCK,
                block_hash=hash_of(SIZES[EventRow] // PER_BLOCK),
                timestamp=NOW,
            )
        )
    for kind, size in (sizes or SIZES).items():
        plan = plan_of(kind)
        makers = [_maker(kind, name) for name in plan.names]
        with database.connect() as connection:
            plan.insert(connection, [tuple(make(n) for make in makers) for n in range(size)])
    if database.is_postgres:
        # SQLite is as in production, where nobody counts for it.
        with database.connect() as connection:
            connection.execute(text("ANALYZE"))


def _maker(kind: type[Any], name: str) -> Any:
    """Return what makes a column's value out of a row's number."""
    found = OWN.get(kind, {}).get(name) or COMMON.get(name)
    if found is not None:
        return found
    column = plan_of(kind).table.c[name]
    if column.nullable:
        return lambda n: None
    if isinstance(column.type, Boolean):
        return lambda n: False
    if isinstance(column.type, String):
        return {42: account, 66: hash_of}.get(column.type.length or 0, lambda n: "")
    return lambda n: n % 1_000
