"""Verify the matches of a deal: every record, every book, every match on chain."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matcher.orderbook.document import BookDocument, digest_of, dump_book, load_book
from matcher.verify.chain_state import check_asks, check_block, check_peers
from matcher.verify.completeness import Span, check_absent, check_published
from matcher.verify.demands import check_demands
from matcher.verify.findings import Findings
from matcher.verify.history import History, read_history
from matcher.verify.money import check_matchable, check_money
from matcher.verify.order import check_order
from matcher.verify.outcome import check_record, check_replay, check_transaction
from matcher.verify.record import Record
from matcher.verify.wishes import check_wishes
from matcher.verify.witness import Witness
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import BadContent, NotFound
from wasmarket.kernel.units import Address, Hash

FetchBook = Callable[[Hash], bytes]
"""Return the bytes of the book of that digest."""


@dataclass(frozen=True, slots=True)
class MatchReport:
    """What was found of one match record."""

    record: Record
    findings: Findings


@dataclass(frozen=True, slots=True)
class DealReport:
    """What was found of all matches of a deal.

    `unrecorded` are matches on chain by the recording matcher itself that it shows no record of,
    `foreign` those of others, which only they can account for.
    """

    deal: int
    matches: tuple[MatchReport, ...]
    unrecorded: tuple[Hash, ...]
    foreign: tuple[tuple[Hash, Address], ...]

    @property
    def is_verified(self) -> bool:
        """Whether there is a match, every one has a record, and nothing differs."""
        return (
            bool(self.matches)
            and not self.unrecorded
            and all(entry.findings.is_verified for entry in self.matches)
        )


def verify_deal(
    deal: int,
    records: Sequence[Record],
    fetch_book: FetchBook,
    account: Address,
    witness: Witness,
) -> DealReport:
    """Verify the records that the matcher `account` shows of a deal.

    Raises Unreachable, TimedOut; NoState for a node without the state of a book's block.
    """
    history = read_history(witness.rpc, witness.deployment, witness.rpc.fetch_block_number())
    sent = [record for record in records if record.tx is not None]
    reports = tuple(
        MatchReport(record, verify_match(record, deal, fetch_book, witness, history))
        for record in sent
    )
    recorded = {record.tx for record in sent}
    on_chain = [m for m in history.matched if m.deal == deal]
    own = {account} | {m.caller for m in on_chain if m.tx in recorded}
    missing = [m for m in on_chain if m.tx not in recorded]
    return DealReport(
        deal=deal,
        matches=reports,
        unrecorded=tuple(m.tx for m in missing if m.caller in own),
        foreign=tuple((m.tx, m.caller) for m in missing if m.caller not in own),
    )


def verify_match(
    record: Record,
    deal: int,
    fetch_book: FetchBook,
    witness: Witness,
    history: History,
) -> Findings:
    """Verify one match record with its book. Raises as `verify_deal`."""
    findings = Findings()
    try:
        content = fetch_book(record.book)
    except NotFound:
        findings.compare("digest", "book", "content", record.book, "withheld by the matcher")
        return findings
    findings.compare("digest", "book", "SHA-256", record.book, digest_of(content))
    document = _read(content, findings)
    if document is None:
        return findings
    mined = None if record.tx is None else witness.transaction(record.tx)
    check_record(record, document, findings)
    check_block(document, witness, findings)
    peers = check_peers(document, witness, findings)
    check_asks(document, peers, witness, findings)
    check_demands(document, witness, history, findings)
    absent = check_absent(document, witness, history, findings)
    check_wishes(document, witness, history, findings)
    check_money(document, witness, findings)
    check_order(document, history, findings)
    first = document.head.block
    last = first if mined is None else max(first, mined.block - 1)
    caller = next((m.caller for m in history.matched if m.tx == record.tx), ZERO_ADDRESS)
    check_matchable(document.demands, caller, witness, first, findings)
    check_published(document, absent, Span(first, last, caller), witness, history, findings)
    check_replay(record, document, findings)
    check_transaction(record, deal, mined, witness.deployment.market, findings)
    return findings


def _read(content: bytes, findings: Findings) -> BookDocument | None:
    """Read a book; equal books have equal bytes, so nothing can hide in another spelling."""
    try:
        document = load_book(content)
        again = dump_book(
            document.head,
            document.book,
            document.demands,
            document.signatures,
            document.absent,
            unreachable=document.unreachable,
            evidence=document.evidence,
        )
    except BadContent as error:
        findings.compare("document", "book", "content", "a book", error.detail)
        return None
    findings.compare(
        "document", "book", "content", _shape(again), _shape(content)
    ) and findings.compare("document", "book", "bytes", True, again == content)
    return document


def _shape(content: bytes) -> str:
    """Say what a document holds, so that two can be told apart in a line."""
    document = json.loads(content)
    counts = [f"{len(document[name])} {name}" for name in ("asks", "demands", "peers", "counters")]
    return ", ".join(counts)
