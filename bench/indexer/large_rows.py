"""What the rows of a large market are made of: SQL of a row's number `n`, on both databases."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean

from bench.matcher.markets import NOW
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.signing.offers import DeveloperOffer, dump_offer
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.row_plans import plan_of
from wasmarket.store.enums import AssignmentState, DealChangeKind
from wasmarket.store.tables import (
    AccountRow,
    AssignmentRow,
    BatchSkipRow,
    BookDocumentRow,
    CaseRow,
    ClaimRow,
    CommitmentRow,
    ContradictionRow,
    DealChangeRow,
    DealRow,
    DeveloperOfferRow,
    EpochTotalRow,
    EventRow,
    FillSkipRow,
    MatchRecordRow,
    OfferCancellationRow,
    PeerCheckRow,
    PeerEpochRow,
    PeerRow,
    ProviderOfferRow,
    RedemptionRow,
    ReputationEventRow,
    SeatRow,
    StakeRow,
)

OFFERS = 1_000_000
EVENTS_PER_OFFER = 10
EPOCH_SECONDS = 3_600
EPOCH = NOW // EPOCH_SECONDS
PER_BLOCK = 10
KEPT_EPOCHS = 30
NO_END = 2**32 - 1
OPEN_ONE_OF = 5
"""Of so many deals, with their assignments, one is open."""

OPEN_BIDS_ONE_OF = 200
"""Of so many bids one has no deal: it wants much, of few peers, for less than most ask."""

LARGEST_HAS = 10
"""One provider, one developer and one caller have a tenth of everything."""

MIXING = 2_654_435_761
DATA = ',"epoch":500000,"skipped":0,"balance":"1000000000","rate":"1000"}'
EVENT_NAMES = ("Claimed", "Committed", "DealBalance", "Redeemed", "Activated", "Ended", "Skipped")


class Sizes:
    """How many rows each table gets, from the number of offers; a tenth of these are bids."""

    def __init__(self, offers: int, events: int) -> None:
        self.bids, self.asks = offers // 10, offers - offers // 10
        self.peers = max(20, offers // 10)
        self.deals = max(20, self.bids - self.bids // OPEN_BIDS_ONE_OF)
        self.providers, self.developers = self.peers // 8, self.deals // 5
        self.accounts = self.providers + self.developers
        self.assignments = 4 * self.deals
        self.events = events
        self.blocks = events // PER_BLOCK
        self.rows: dict[type[Any], int] = {
            AccountRow: self.accounts,
            StakeRow: self.providers,
            PeerRow: self.peers,
            DealRow: self.deals,
            AssignmentRow: self.assignments,
            ClaimRow: events // 5,
            DealChangeRow: events // 20,
            RedemptionRow: events // 25,
            CommitmentRow: self.peers * KEPT_EPOCHS,
            PeerEpochRow: self.peers * KEPT_EPOCHS // 2,
            ReputationEventRow: events // 8,
            FillSkipRow: events // 50,
            BatchSkipRow: events // 50,
            EpochTotalRow: 200,
            CaseRow: events // 500,
            ContradictionRow: events // 5_000,
            SeatRow: 256,
            OfferCancellationRow: offers // 20,
            PeerCheckRow: self.peers,
            ProviderOfferRow: self.asks,
            DeveloperOfferRow: self.bids,
            BookDocumentRow: 1,
            MatchRecordRow: self.deals,
            EventRow: events,
        }


def account(number: str) -> str:
    """Return in SQL the address of an account by number; it has digits alone, so no checksum."""
    return f"('0x' || {_digits(f'1 + ({number})', 40)})"


def address(number: int) -> str:
    """Return the same address."""
    return f"0x{number + 1:040d}"


def ask_of(number: int) -> str:
    """Return the hash of an ask, which begins unlike any other, as hashes do."""
    return f"0x{number * MIXING % 2**32:08x}{number:08x}{0:048d}"


def hash_of(number: int) -> str:
    """Return the hash of a deal's offer, or of a transaction."""
    return f"0x{number:064d}"


def columns_of(sizes: Sizes, kind: type[Any]) -> dict[str, str]:
    """Return in SQL what each column of a table is in row `n`."""
    given = _COMMON | _places(sizes, sizes.rows[kind]) | _own_columns(sizes).get(kind, {})
    return {
        column.name: given.get(column.name) or _default(column) for column in plan_of(kind).table.c
    }


def _digits(number: str, width: int) -> str:
    return f"printf('%0*d', {width}, {number})"


def _hex(number: str) -> str:
    return f"printf('%0*x', 8, {number})"


def _hash(number: str) -> str:
    return f"('0x' || {_digits(number, 64)})"


def _uint(number: str) -> str:
    return _digits(number, 78)


def _default(column: Any) -> str:
    if column.nullable:
        return "NULL"
    if isinstance(column.type, Boolean):
        return "FALSE"
    kind = getattr(column.type, "impl", column.type)
    by_length = {42: account("n % 1000"), 66: _hash("n"), 78: _uint("0")}
    return by_length.get(getattr(kind, "length", None) or 0, "0")


def _places(sizes: Sizes, rows: int) -> dict[str, str]:
    """Return the columns that spread rows evenly over all blocks."""
    in_one = -(-rows // max(1, sizes.blocks))
    block = f"(n / {in_one} * {max(1, sizes.blocks * in_one // rows)} + 1)"
    time = f"({NOW} - 2 * ({sizes.blocks} - {block}))"
    return {
        "block_number": block,
        "log_index": f"n % {in_one}",
        "timestamp": time,
        "tx_hash": _hash(block),
    }


def _name(values: Iterable[str], number: str = "n") -> str:
    """Return in SQL one of some texts by number."""
    listed = list(values)
    cases = " ".join(f"WHEN {at} THEN '{value}'" for at, value in enumerate(listed))
    return f"CASE ({number}) % {len(listed)} {cases} END"


def _is_large(number: str) -> str:
    return f"({number}) % {LARGEST_HAS} = 0"


def _own_columns(sizes: Sizes) -> dict[type[Any], dict[str, str]]:
    """Return what each table's columns are made of, where that is nothing common."""

    def provider(peer: str) -> str:
        return account(f"CASE WHEN {_is_large(peer)} THEN 0 ELSE ({peer}) % {sizes.providers} END")

    def developer(deal: str) -> str:
        chosen = f"CASE WHEN {_is_large(deal)} THEN 0 ELSE ({deal}) % {sizes.developers} END"
        return account(f"{sizes.providers} + {chosen}")

    assignment = f"n % {sizes.assignments}"
    deal, peer = f"({assignment}) / 4", f"({assignment}) * 7919 % {sizes.peers}"
    of_assignment = {
        "assignment": f"{assignment} + 1",
        "deal": f"{deal} + 1",
        "peer": f"{peer} + 1",
        "provider": provider(peer),
        "paid": "1000",
        "units": "2",
    }
    ended = f"(n / 4) % {OPEN_ONE_OF} > 0"
    start = f"{EPOCH} - 300 + n % 200"
    mixed = f"n * {MIXING} % {2**32}"
    done = _write_bid(max_price=10, units=4)
    wants = _write_bid(
        max_price=65_000, units=64, regions=0b1010_1010, min_memory_mib=4_096, traits=0b101
    )
    return {
        PeerRow: {
            "provider": provider("n"),
            "wallet": account(f"{sizes.accounts} + n"),
            "units": "32",
            "used": "n % 17",
            "endpoint": "'https://peer-' || n || '.example'",
            "registered_at": f"{NOW} - 10000000 + n",
        },
        StakeRow: {"provider": account("n"), "free": _uint("1"), "locked": _uint("n")},
        DealRow: {
            "developer": developer("n"),
            "app": _hash("n % 1000"),
            "version": "1",
            "deposit": "1000000000",
            "balance": "1000000000",
            "rate": "1000",
            "settled": f"{EPOCH} - 2",
            "end": f"CASE WHEN n % {OPEN_ONE_OF} > 0 THEN {EPOCH} - 50 ELSE {NO_END} END",
            "stopped": f"n % {OPEN_ONE_OF} > 0",
            "units": "4",
            "created_at": f"{NOW} - 1000000",
            "meter": f"'{ZERO_ADDRESS}'",
        },
        AssignmentRow: {
            "deal": "n / 4 + 1",
            "peer": f"n * 7919 % {sizes.peers} + 1",
            "units": "1",
            "price": "250",
            "state": f"CASE WHEN {ended} THEN '{AssignmentState.CLEARED}' "
            f"ELSE '{AssignmentState.ACTIVE}' END",
            "start": f"CASE WHEN {ended} THEN {start} ELSE {EPOCH} - 20 END",
            "next": f"CASE WHEN {ended} THEN {start} ELSE {EPOCH} - 3 END",
            "end": f"CASE WHEN {ended} THEN {start} + 50 END",
            "ended_at": f"CASE WHEN {ended} THEN ({start} + 50) * {EPOCH_SECONDS} END",
            "ended_kind": f"CASE WHEN {ended} THEN 2 END",
            "assigned_at": f"{NOW} - 1000000",
        },
        ClaimRow: of_assignment | {"first": f"{EPOCH} - 9", "last": f"{EPOCH} - 5"},
        RedemptionRow: of_assignment,
        DealChangeRow: {
            "deal": f"n % {sizes.deals} + 1",
            "kind": _name(kind.value for kind in DealChangeKind),
            "by": developer(f"n % {sizes.deals}"),
            "app": _hash("n % 1000"),
        },
        CommitmentRow: {
            "peer": f"n % {sizes.peers} + 1",
            "epoch": f"{EPOCH} - {KEPT_EPOCHS} + n / {sizes.peers} - 1",
        },
        PeerEpochRow: {
            "peer": f"n % {sizes.peers} + 1",
            "epoch": f"{EPOCH} - 2 - n / {sizes.peers}",
            "assignments": "4",
            "units": "4",
            "billed": "1000",
            "proven": "n % 50 > 0",
        },
        EpochTotalRow: {"epoch": f"{EPOCH} - 2 - n", "peers": "1000"},
        ReputationEventRow: of_assignment
        | {
            "kind": _name(kind.value for kind in ReputationKind),
            "epoch": f"{EPOCH} - 200 + n * 200 / {sizes.rows[ReputationEventRow]}",
        },
        FillSkipRow: {"deal": f"n % {sizes.deals} + 1", "peer": _uint("n"), "reason": "21"},
        BatchSkipRow: {"assignment": _uint("n"), "reason": "64"},
        CaseRow: {"kind": "1 + n % 2", "state": "1 + n % 4", **of_assignment},
        ContradictionRow: {"kind": "1", **of_assignment},
        SeatRow: {"peer": "n + 1"},
        OfferCancellationRow: {"account": account("n"), "hash": _hash(f"{sizes.asks} + n")},
        PeerCheckRow: {"peer": "n + 1", "answers": "n % 100 > 0"},
        ProviderOfferRow: {
            "sequence": "n + 1",
            "hash": f"'0x' || {_hex(mixed)} || {_hex('n')} || {_digits('0', 48)}",
            "peer": f"n % {sizes.peers} + 1",
            "provider": provider(f"n % {sizes.peers}"),
            "developer": f"'{ZERO_ADDRESS}'",
            "price": _uint("60000 + n % 540000"),
            "salt": _uint("n"),
        },
        DeveloperOfferRow: {
            "sequence": "n + 1",
            "hash": _hash("n"),
            "developer": developer("n"),
            "offer": f"replace(CASE WHEN n < {sizes.deals} THEN '{done}' ELSE '{wants}' END, "
            f"'{ZERO_ADDRESS[:-1]}1', {developer('n')})",
            "units": f"CASE WHEN n < {sizes.deals} THEN 4 ELSE 64 END",
            "matcher": f"'{ZERO_ADDRESS}'",
            "state": "'posted'",
        },
        BookDocumentRow: {"digest": _hash("0"), "content": "x''"},
        MatchRecordRow: {
            "engine": "'bench'",
            "book": _hash("0"),
            "offer": _hash("n"),
            "deal": "n + 1",
            "offers": "'[]'",
            "fills": "'[]'",
            "tx": _hash("n"),
        },
        EventRow: of_assignment
        | {
            "name": _name(EVENT_NAMES),
            "branch": _digits("n / 10", 16),
            "account": account(f"CASE WHEN {_is_large('n')} THEN 0 ELSE n % {sizes.accounts} END"),
            "other_account": developer(deal),
            "data": f"""'{{"assignment":' || ({assignment})"""
            f""" || ',"deal":' || ({deal}) || '{DATA}'""",
        },
    }


def _write_bid(
    *, max_price: int, units: int, regions: int = 0, min_memory_mib: int = 0, traits: int = 0
) -> str:
    """Return a bid as JSON, for whose developer another address is put in."""
    bid = DeveloperOffer(
        developer=Address(ZERO_ADDRESS[:-1] + "1"),
        app=Hash(hash_of(0)),
        min_units=1,
        units=units,
        max_units_per_provider=0,
        min_regions=0,
        meter=ZERO_ADDRESS,
        max_price=max_price,
        epochs=0,
        deposit=10**9,
        min_memory_mib=min_memory_mib,
        regions=regions,
        traits=traits,
        providers=(),
        providers_mode=0,
        matcher=ZERO_ADDRESS,
        tip=0,
        valid_until=NOW + 1_000_000,
        counter=0,
        salt=0,
    )
    return dump_canonical(dump_offer(bid)).decode()


_COMMON = {
    "id": "n + 1",
    "address": account("n"),
    "free": "1000000",
    "memory_mib": "CASE n % 4 WHEN 0 THEN 2048 WHEN 1 THEN 4096 WHEN 2 THEN 8192 ELSE 16384 END",
    "region": "n % 40",
    "valid_until": _uint(f"{NOW} + 1000000"),
    "signature": f"'0x' || {_digits('n', 64)} || {_digits('n', 64)}",
    "source": "'posted'",
    "received_at": str(NOW),
    "changed": "n + 1",
    "traits": _uint("n % 256"),
    "reasons": "'[]'",
}
