"""Ask peers at their endpoints for their keys: nothing is offered of a peer that does not answer.

Those that answer are asked what they say of themselves, too.

One process asks, the elected one; what it finds lies in the store, where every process reads it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx

from matcher.offers.peer_documents import Told, ask_document, keep_documents
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.serving.peers.identity import NotThePeer, WrongPeer, check_identity, fetch_identity
from wasmarket.store.chain.state import NotIndexed
from wasmarket.store.database import Database
from wasmarket.store.matching.peer_checks import (
    PeerCheck,
    UnreachableSupply,
    fetch_due_checks,
    find_unknown_peers,
    reset_peer_checks,
    save_peer_checks,
)
from wasmarket.store.matching.postings import fetch_time

logger = logging.getLogger(__name__)

BATCH = 128
"""Peers asked together: as many again that do not answer, so that those keep nobody waiting."""

AT_ONCE = 64
FIRST_WAIT = 1
"""Seconds until a peer that failed is asked again; doubled after each failure."""

LONGEST_WAIT = 120
STALE_AFTER = 3
"""Turns without an answer, for whatever reason, after which an old answer counts no more."""


class PeerChecks:
    """Keeps the store's word on which peers answer."""

    def __init__(
        self,
        database: Database,
        domain: Domain,
        create_http: Callable[[], httpx.AsyncClient],
        *,
        every: int,
        seconds: float,
        now: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        """Ask a peer `every` so many seconds and wait `seconds` for its answer.

        `create_http` returns a client that goes where strangers may send it; `on_change` hears
        when what is on offer has changed. `now` is the matcher's own clock in seconds.
        """
        self._database = database
        self._domain = domain
        self._create_http = create_http
        self._every = every
        self._seconds = seconds
        self._now = now
        self._on_change = on_change

    def take_in(self) -> int:
        """Note peers that are new or moved, and have to answer first; return how many."""
        now = self._now()
        stale_before = now - STALE_AFTER * self._every
        with self._database.read() as session:
            if not find_unknown_peers(session, stale_before, limit=1):
                return 0
        with self._database.write() as session:
            return reset_peer_checks(session, now, stale_before)

    def step(self) -> int:
        """Ask every peer whose time has come; return how many were asked."""
        now = self._now()
        with self._database.read() as session:
            try:
                chain_time = fetch_time(session)
            except NotIndexed:
                return 0
            due = [
                check
                for answers in (True, False)
                for check in fetch_due_checks(
                    session, now, chain_time, answers=answers, limit=BATCH
                )
            ]
        if not due:
            return 0
        answers = asyncio.run(self._ask_all(due, chain_time))
        problems = [problem for problem, _ in answers]
        judged = [
            judge(check, problem, self._now(), self._every)
            for check, problem in zip(due, problems, strict=True)
        ]
        told = [
            (check, told) for check, (_, told) in zip(due, answers, strict=True) if told is not None
        ]
        with self._database.write() as session:
            save_peer_checks(session, judged)
            says_new = keep_documents(session, told) > 0
        self._report(due, judged)
        if says_new:
            self._on_change()
        return len(due)

    async def _ask_all(
        self, due: Sequence[PeerCheck], chain_time: int
    ) -> list[tuple[NotThePeer | None, Told | None]]:
        turns = asyncio.Semaphore(AT_ONCE)
        async with self._create_http() as http:

            async def ask(check: PeerCheck) -> tuple[NotThePeer | None, Told | None]:
                async with turns:
                    problem = await self._ask(http, check)
                    if problem is not None:
                        return problem, None
                    told = await ask_document(http, check, self._domain, self._seconds, chain_time)
                    return None, told

            return await asyncio.gather(*(ask(check) for check in due))

    async def _ask(self, http: httpx.AsyncClient, check: PeerCheck) -> NotThePeer | None:
        """Return what is wrong with a peer's endpoint, None if nothing is."""
        try:
            identity = await fetch_identity(http, check.endpoint, self._domain, self._seconds)
            check_identity(identity, check.peer, check.key)
        except NotThePeer as error:
            return error
        return None

    def _report(self, before: Sequence[PeerCheck], after: Sequence[PeerCheck]) -> None:
        changed = [b for a, b in zip(before, after, strict=True) if a.answers != b.answers]
        for check in changed:
            logger.info(
                "peer answers" if check.answers else "peer does not answer with its key",
                extra={"peer": check.peer, "detail": check.problem},
            )
        if changed:
            self._on_change()


def judge(check: PeerCheck, problem: NotThePeer | None, now: int, every: int) -> PeerCheck:
    """Return what is known of a peer after it was asked once more at `now`.

    One that answered before may fail once: a lost packet ends no offer. Another's key does.
    """
    if problem is None:
        since = check.since if check.answers else now
        return replace(
            check,
            answers=True,
            since=since,
            answered_at=now,
            failures=0,
            problem=None,
            next_at=now + every,
        )
    failures = check.failures + 1
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))
    forgiven = check.answers and failures == 1 and not isinstance(problem, WrongPeer)
    return replace(
        check,
        answers=forgiven,
        since=now if check.answers and not forgiven else check.since,
        failures=failures,
        problem=problem.detail,
        next_at=now + wait,
    )


def describe_unreachable(found: UnreachableSupply) -> str:
    """Say how much is passed over because its peers do not answer; empty for nothing."""
    if not found.peers:
        return ""
    examples = ", ".join(f"peer {check.peer} ({check.problem})" for check in found.examples)
    more = ", …" if found.peers > len(found.examples) else ""
    return (
        f"{found.peers} peers with {found.units} free units are passed over because their"
        f" endpoints do not answer with their keys: {examples}{more}"
    )


def describe_check(check: PeerCheck) -> str:
    """Say of a peer that does not answer since when, why, and what to do."""
    since = datetime.fromtimestamp(check.since, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return (
        f"peer {check.peer}'s endpoint {check.endpoint} does not answer with its key since {since}"
        f" ({check.problem}): its offers are passed over; run the peer there, or change the"
        " endpoint (`wasmarket peer set-endpoint`)"
    )
