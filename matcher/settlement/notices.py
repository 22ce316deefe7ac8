"""Tell peers of new assignments: hints from an outbox; peers find their work without them too."""

import logging
from collections.abc import Callable

import httpx

from wasmarket.kernel.units import AssignmentId, Hash
from wasmarket.store.database import Database
from wasmarket.store.enums import NoticeState
from wasmarket.store.matching.notices import fetch_due_notices, mark_notice
from wasmarket.store.matching.views import NoticeView

logger = logging.getLogger(__name__)

FIRST_WAIT = 2
"""Seconds until the second attempt; doubled after each."""


class Messenger:
    """Posts due notices to the peers' endpoints."""

    def __init__(
        self,
        database: Database,
        http: httpx.Client,
        *,
        attempts: int,
        now: Callable[[], int],
    ) -> None:
        """`http` has its own timeout and follows no redirects; `now` is our clock in seconds."""
        self._database = database
        self._http = http
        self._attempts = attempts
        self._now = now

    def send_due(self) -> int:
        """Try every notice whose time has come; return how many arrived."""
        with self._database.read() as session:
            due = fetch_due_notices(session, self._now())
        return sum(self._send(notice) for notice in due)

    def _send(self, notice: NoticeView) -> bool:
        problem = self._post(notice)
        attempts = notice.attempts + 1
        if problem is None:
            state, next_at = NoticeState.SENT, 0
        elif attempts >= self._attempts:
            state, next_at = NoticeState.GIVEN_UP, 0
        else:
            state = NoticeState.WAITING
            next_at = self._now() + FIRST_WAIT * 2 ** (attempts - 1)
        with self._database.write() as session:
            mark_notice(
                session,
                AssignmentId(notice.assignment),
                Hash(notice.tx),
                state,
                error=problem,
                next_at=next_at,
            )
        logger.info(
            "peer notified" if problem is None else "peer not reached",
            extra={"assignment": notice.assignment, "detail": problem},
        )
        return problem is None

    def _post(self, notice: NoticeView) -> str | None:
        """Post one notice; return what went wrong."""
        url = notice.endpoint.rstrip("/")
        if not url.startswith(("http://", "https://")):
            return "the peer's endpoint is not an HTTP URL"
        body = {
            "deal": notice.deal,
            "assignment": notice.assignment,
            "block": notice.block,
            "tx": notice.tx,
            "sources": list(notice.sources),
        }
        try:
            with self._http.stream("POST", f"{url}/v1/notices", json=body) as answer:
                return None if answer.is_success else f"answered {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:200]
