"""Check epoch after epoch of each assignment, as soon as its root is on chain."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.journal import Journal, UsageBook, dump_summed
from meter.papers.examine import Claim, Finding, Papers, examine
from meter.rerun import Reruns
from wasmarket.kernel.audits.evidence import Summed
from wasmarket.kernel.audits.times import CHALLENGE_EPOCHS
from wasmarket.kernel.errors import Unreachable

logger = logging.getLogger(__name__)

LEAST_LOOKS = 3
"""Looks at a peer that shows nothing, however much of the chain's time passes between them."""

OnLie = Callable[["Suspicion"], bool]
"""Does what is to be done about it; False: not yet, come again."""

Fetch = Callable[[str, int, int, int, bytes], Papers]
"""Returns what the peer at an endpoint shows of a deal's assignment in an epoch, for its root."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A finding against a peer that something is to be done about."""

    held: KnownAssignment
    epoch: int
    finding: Finding


@dataclass(slots=True)
class _Wait:
    """For papers that a peer does not show: the chain's epoch at the first look, and how many."""

    since: int
    looks: int = 0


class EpochChecker:
    """Reads papers and writes what they are worth into the journal."""

    def __init__(
        self,
        journal: Journal,
        fetch: Fetch,
        on_lie: OnLie,
        *,
        proof_window: int,
        patience: int,
        reruns: Reruns | None = None,
    ) -> None:
        """`patience`: epochs for which a peer may withhold papers."""
        self._reruns = reruns
        self._on_lie = on_lie
        self._journal = journal
        self._fetch = fetch
        self._window = proof_window
        self._patience = patience
        self._silent: dict[int, str] = {}
        self._waits: dict[tuple[int, int], _Wait] = {}

    @property
    def silent(self) -> dict[int, str]:
        """Return why nothing can be read, by assignment."""
        return dict(self._silent)

    def check(self, facts: ChainFacts, held: KnownAssignment) -> None:
        """Check what is there of an assignment. Raises errors of the chain from acting on a lie."""
        book = self._journal.book(held.id)
        for epoch in sorted(book.again):
            self._look_again(facts, held, book, epoch)
        first = max(book.checked + 1, held.opened or 0)
        last = facts.epoch - 1 if held.end is None else min(held.end, facts.epoch - 1)
        for epoch in range(first, last + 1):
            root = facts.roots.get((held.peer, epoch))
            if root is None:
                if facts.epoch <= epoch + self._window:
                    break
                self._journal.write("missed", **_name(facts, held, epoch))
                continue
            finding = self._examine(facts, held, book, epoch, root, book.previous)
            if finding is None:
                break
            # Acted on before it is written down: a crash in between finds it again.
            if finding.problem and not self._on_lie(Suspicion(held, epoch, finding)):
                break
            self._record(facts, held, epoch, finding)

    def _look_again(
        self, facts: ChainFacts, held: KnownAssignment, book: UsageBook, epoch: int
    ) -> None:
        """Do once more about a lie what a reorganisation has taken back."""
        root = facts.roots.get((held.peer, epoch))
        finding = None
        if root is not None:
            finding = self._examine(facts, held, book, epoch, root, book.before.get(epoch))
        elif facts.epoch > epoch + self._window:
            finding = Finding(problem=f"its root is gone: {book.problems[epoch]}")
        if finding is None:
            return
        if finding.problem and not self._on_lie(Suspicion(held, epoch, finding)):
            return
        why = finding.problem or f"it was: {book.problems[epoch]}"
        self._journal.write("lied", **_name(facts, held, epoch), problem=why)

    def _examine(
        self,
        facts: ChainFacts,
        held: KnownAssignment,
        book: UsageBook,
        epoch: int,
        root: bytes,
        previous: Summed | None,
    ) -> Finding | None:
        """Return what an epoch's papers are worth; None while there may still be some."""
        place = facts.peers.get(held.peer)
        try:
            if place is None:
                raise Unreachable(f"nobody knows where peer {held.peer} is")
            papers = self._fetch(place.endpoint, held.deal, held.id, epoch, root)
        except Unreachable as error:
            if self._silent.get(held.id) != error.detail:
                logger.warning(
                    "papers cannot be had", extra={"assignment": held.id, "why": error.detail}
                )
            self._silent[held.id] = error.detail
            if self._is_patient(facts, held, epoch):
                return None
            return Finding(
                problem=f"it shows no papers: {error.detail}",
                must_ask=facts.epoch <= epoch + CHALLENGE_EPOCHS,
            )
        self._silent.pop(held.id, None)
        claim = Claim(
            held.peer,
            held.deal,
            held.id,
            epoch,
            facts.epoch_seconds,
            root,
            previous,
            tuple(book.heads),
            dict(book.seen),
        )
        finding = examine(claim, papers)
        if self._reruns is not None and not finding.problem:
            finding = self._reruns.compare(finding, papers.receipts)
        if finding.must_ask and not papers.summaries and self._is_patient(facts, held, epoch):
            # It has not closed the epoch yet, or is behind a proxy that remembers.
            return None
        return finding

    def _is_patient(self, facts: ChainFacts, held: KnownAssignment, epoch: int) -> bool:
        """Count a look at papers that are not shown; say whether there are to be more.

        Epochs pass while the chain stands still or this process is down, and a peer may be
        restarting just then: patience begins with the first look.
        """
        wait = self._waits.setdefault((held.id, epoch), _Wait(facts.epoch))
        wait.looks += 1
        since = max(epoch, wait.since - 1)
        return facts.epoch <= since + self._patience or wait.looks < LEAST_LOOKS

    def _record(
        self, facts: ChainFacts, held: KnownAssignment, epoch: int, finding: Finding
    ) -> None:
        said = _name(facts, held, epoch)
        self._waits.pop((held.id, epoch), None)
        if finding.problem:
            logger.error("a peer lies", extra=said | {"problem": finding.problem})
            self._journal.write("lied", **said, problem=finding.problem)
            return
        assert finding.summed is not None
        book = self._journal.book(held.id)
        self._journal.write(
            "checked",
            **said,
            receipts=finding.receipts,
            work=finding.work,
            total=book.work + finding.work,
            summed=dump_summed(finding.summed),
        )


def _name(facts: ChainFacts, held: KnownAssignment, epoch: int) -> dict[str, int]:
    return {
        "at": 0 if facts.head is None else facts.head.timestamp,
        "deal": held.deal,
        "assignment": held.id,
        "peer": held.peer,
        "epoch": epoch,
    }
