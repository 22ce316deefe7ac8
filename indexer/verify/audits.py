"""Audits: cases, votes, seats, money there."""

from collections.abc import Iterator
from typing import Any

from indexer.verify.comparison import Compared, StoreAndChain, find_missing
from wasmarket.chain.contracts.packed_words import CaseWord, SeatWord
from wasmarket.kernel.events.audits import CaseKind, CaseState
from wasmarket.store.chain.table_scan import scan_table

EPOCH_BITS = 32


def compare_cases(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare what asks and accusations are about, how far they are, who opened them."""
    audits, block = sides.audits, sides.block
    known = set()
    for rows in scan_table(sides.session, "audit_case"):
        ids = [(row["id"],) for row in rows]
        words = [CaseWord.unpack(word) for word in audits.read_many("case_word", ids, block)]
        by = audits.read_many("case_by", ids, block)
        values = audits.read_many("case_value", ids, block)
        juries = audits.read_many("jury_word", ids, block)
        for at, row in enumerate(rows):
            known.add(row["id"])
            names = ("kind", "state", "assignment")
            stored: dict[str, Any] = {name: row[name] for name in names}
            onchain: dict[str, Any] = {name: getattr(words[at], name) for name in names}
            stored |= {"by": row["by"], "outcome": row["outcome"] or 0, "jury": row["jury"] or 0}
            onchain |= {"by": by[at], "outcome": words[at].outcome, "jury": juries[at]}
            if row["kind"] == CaseKind.ASK:
                question = int(values[at], 16)
                stored |= {"epoch": row["epoch"], "sequence": row["sequence"]}
                onchain["epoch"] = question & ((1 << EPOCH_BITS) - 1)
                onchain["sequence"] = question >> EPOCH_BITS
            if row["state"] != CaseState.CLOSED:
                stored["moved_at"], onchain["moved_at"] = row["moved_at"], words[at].since
            yield Compared(str(row["id"]), stored, onchain)
    yield from find_missing(known, audits.read("case_count", block=block))


def compare_votes(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare which jurors voted, and what they revealed."""
    audits, block = sides.audits, sides.block
    for rows in scan_table(sides.session, "audit_vote"):
        keys = [(row["case"], row["place"]) for row in rows]
        votes = audits.read_many("vote_of", keys, block)
        revealed = audits.read_many("revealed_word", [(case,) for case, _ in keys], block)
        for row, (case, place), vote, bits in zip(rows, keys, votes, revealed, strict=True):
            is_shown = bool(bits >> place & 1)
            # A revealed vote of "cannot tell" is zero, as none at all.
            voted = is_shown or int(vote, 16) != 0
            onchain = {"voted": voted, "vote": vote if is_shown else None}
            yield Compared(f"{case}/{place}", {"voted": True, "vote": row["vote"]}, onchain)


def compare_seats(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare the places of the jurors."""
    audits, block = sides.audits, sides.block
    names = ("peer", "since", "quit", "fines")
    known = set()
    for rows in scan_table(sides.session, "seat"):
        words = audits.read_many("seat_word", [(row["id"],) for row in rows], block)
        for row, word in zip(rows, words, strict=True):
            known.add(row["id"] + 1)
            seat = SeatWord.unpack(word)
            onchain = {name: getattr(seat, name) for name in names}
            yield Compared(str(row["id"]), {name: row[name] for name in names}, onchain)
    # Places count from 0.
    for missing in find_missing(known, audits.read("seat_count", block=block)):
        yield Compared(str(int(missing.key) - 1), missing.stored, missing.onchain)


def compare_audit_accounts(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare what accounts can withdraw from Audits."""
    for rows in scan_table(sides.session, "audit_account"):
        asked = [(row["account"],) for row in rows]
        money = sides.audits.read_many("free", asked, sides.block)
        for row, free in zip(rows, money, strict=True):
            yield Compared(row["account"], {"free": row["free"]}, {"free": free})
