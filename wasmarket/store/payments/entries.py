"""The double-entry ledger: entries are added, never changed, and add up to nothing."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.store.enums import Whole
from wasmarket.store.errors import Inconsistent
from wasmarket.store.payments.views import LedgerEntry
from wasmarket.store.tables import LedgerEntryRow, LedgerLineRow


def post_entry(session: Session, entry: LedgerEntry, now: int) -> bool:
    """Add an entry; return False, changing nothing, if its reference is there already.

    Raises Inconsistent if its lines do not add up to nothing in each currency.
    """
    sums: Counter[str] = Counter()
    for (_, currency), amount in entry.lines.items():
        sums[currency] += amount
    if any(sums.values()):
        raise Inconsistent(f"the entry {entry.reference} does not balance: {dict(sums)}")
    known = select(LedgerEntryRow.id).where(LedgerEntryRow.reference == entry.reference)
    if session.scalar(known) is not None:
        return False
    row = LedgerEntryRow(
        reference=entry.reference, kind=entry.kind, checkout=entry.checkout, posted_at=now
    )
    session.add(row)
    session.flush()
    session.add_all(
        LedgerLineRow(entry=row.id, account=account, currency=currency, amount=Whole(amount))
        for (account, currency), amount in entry.lines.items()
        if amount
    )
    session.flush()
    return True


def has_entry(session: Session, reference: str) -> bool:
    """Say whether an entry of this reference was posted."""
    known = select(LedgerEntryRow.id).where(LedgerEntryRow.reference == reference)
    return session.scalar(known) is not None


def count_entries(session: Session, checkout: str) -> int:
    """Return how many entries a purchase has."""
    query = select(func.count()).select_from(LedgerEntryRow)
    return int(session.scalar(query.where(LedgerEntryRow.checkout == checkout)) or 0)


def read_lines(
    session: Session, *, checkout: str | None = None
) -> Iterator[tuple[str | None, str, str, int]]:
    """Yield (checkout, account, currency, amount) of every line, or of one purchase's."""
    query = select(
        LedgerEntryRow.checkout,
        LedgerLineRow.account,
        LedgerLineRow.currency,
        LedgerLineRow.amount,
    ).join(LedgerLineRow, LedgerLineRow.entry == LedgerEntryRow.id)
    if checkout is not None:
        query = query.where(LedgerEntryRow.checkout == checkout)
    for row in session.execute(query.execution_options(yield_per=1_000)):
        yield row.checkout, row.account, row.currency, row.amount


def fetch_balances(session: Session, *, checkout: str | None = None) -> Counter[tuple[str, str]]:
    """Return what each (account, currency) holds, of all entries or of one purchase's."""
    balances: Counter[tuple[str, str]] = Counter()
    for _, account, currency, amount in read_lines(session, checkout=checkout):
        balances[account, currency] += amount
    return balances


def fetch_entries(session: Session, checkout: str) -> list[LedgerEntry]:
    """Return the entries of a purchase, in order of posting."""
    rows = session.execute(
        select(LedgerEntryRow, LedgerLineRow)
        .join(LedgerLineRow, LedgerLineRow.entry == LedgerEntryRow.id)
        .where(LedgerEntryRow.checkout == checkout)
        .order_by(LedgerEntryRow.id, LedgerLineRow.account)
    )
    lines: dict[int, tuple[LedgerEntryRow, dict[tuple[str, str], int]]] = {}
    for entry, line in rows:
        _, found = lines.setdefault(entry.id, (entry, {}))
        found[line.account, line.currency] = line.amount
    return [
        LedgerEntry(entry.reference, entry.kind, entry.checkout, found)
        for entry, found in lines.values()
    ]
