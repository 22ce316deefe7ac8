"""JSON-RPC over HTTP: batches, retries, and errors in our own words.

What only reads is asked again after trouble; what does something is sent once, and whoever sent it
looks for the effect. Batches shrink to what the node takes, and that is remembered.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.answers import (
    NodeAnswer,
    NodeProblem,
    Request,
    is_read,
    parse_answers,
    write_request,
)
from wasmarket.kernel.errors import ConfigError, MarketError, TimedOut, TooLarge, Unreachable
from wasmarket.serving.outgoing.http import create_http_client

BATCH = 100
"""Requests per HTTP request to begin with; a node that refuses gets fewer."""

SMALL_BATCH = 10
"""Requests that are not too many for one answer: one of them is what takes too long."""

LARGEST_ANSWER = 32 << 20
"""Bytes of an answer that are read; what a node answers to a question of ours can be made huge."""

LONGEST_PAUSE = 5.0
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
OVERLOADED_STATUS = RETRIED_STATUS - {500}
"""Of these a smaller batch has no better chance."""


class Transport:
    """Ask a node. Safe to share between threads.

    `timeout` is seconds per HTTP request. Lost connections, 429 and 5xx are retried `retries`
    times with doubling pauses; a request that ran out of time is not, since it may be too big.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 10.0,
        *,
        retries: int = 3,
        pause: float = 0.1,
        sleep: Callable[[float], object] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "the RPC URL is not an http or https URL",
                field="chain.rpc",
                remedy="give a URL such as http://127.0.0.1:8545",
            )
        self.url = url
        # Paths and queries of hosted nodes hold API keys: messages name the host only.
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._retries, self._pause, self._sleep = retries, pause, sleep
        self._most = BATCH
        given = {} if transport is None else {"transport": transport}
        self._client = create_http_client(
            timeout=timeout, headers={"content-type": "application/json"}, **given
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def request(self, method: str, params: Sequence[Any] = (), kind: Any = Any) -> Any:
        """Return one method's result, read as `kind`. Raises RpcError, Unreachable, TimedOut."""
        answer = self.ask((method, params))
        if answer.problem is not None:
            raise answer.problem.to_error()
        return self._read(answer.result, kind)

    def batch(self, requests: Sequence[Request], kind: Any = Any) -> list[Any]:
        """Return each request's result, or its RpcError, in order; sent in chunks.

        Raises Unreachable, TimedOut.
        """
        return [self._to_result(answer, kind) for answer in self.ask_many(requests)]

    def ask(self, request: Request) -> NodeAnswer:
        """Return the answer to one request, result or error. Raises Unreachable, TimedOut."""
        answers = self._post(write_request(0, request), is_repeatable=is_read(request[0]))
        if isinstance(answers, NodeAnswer):
            return answers
        if len(answers) == 1:
            return answers[0]
        raise RpcError(f"{self.origin} answered one request with a list", code=0)

    def ask_many(self, requests: Sequence[Request]) -> list[NodeAnswer]:
        """Return the answer to each request, results or errors, in order.

        A batch that the node refuses, or of which it answers a part, goes on in smaller ones.
        Raises Unreachable, TimedOut.
        """
        found: dict[int, NodeAnswer] = {}
        left = list(range(len(requests)))
        most, pause = self._most, self._pause
        while left:
            part = left[: min(most, self._most)]
            answered, request_wanted = self._ask_some([requests[place] for place in part])
            found |= {part[place]: answer for place, answer in answered.items()}
            left = [place for place in left if place not in found]
            if request_wanted is not None:
                self._sleep(min(max(pause, request_wanted), LONGEST_PAUSE))
                # It counts every request of a batch: fewer of them, for now.
                most, pause = max(1, len(part) // 2), pause * 2
        return [found[place] for place in range(len(requests))]

    def _ask_some(self, requests: Sequence[Request]) -> tuple[dict[int, NodeAnswer], float | None]:
        """Ask once; return what was answered by place, and the pause if the node wants one.

        What a batch leaves in doubt is asked alone: if that works, the batch was too large.
        """
        if len(requests) == 1 or not all(is_read(method) for method, _ in requests):
            return {0: self.ask(requests[0])}, None
        answers = self._post_batch(requests)
        found, doubtful, request_wanted = _sort(answers, len(requests))
        if request_wanted is not None:
            return found, request_wanted
        missing = set(range(len(requests))) - found.keys() - doubtful.keys()
        if missing or doubtful:
            place = min(missing or doubtful)
            alone = self.ask(requests[place])
            if alone.problem is not None and not missing:
                return found | doubtful, None
            self._shrink(len(requests))
            found[place] = alone
        return found, None

    def _post_batch(self, requests: Sequence[Request]) -> Sequence[NodeAnswer]:
        """Return what a batch is answered, nothing if the node refuses it as a whole."""
        body = [write_request(place, request) for place, request in enumerate(requests)]
        try:
            answers = self._post(body, is_repeatable=True)
        except (_BatchRefused, TooLarge):
            return ()
        except TimedOut:
            if len(requests) > SMALL_BATCH:
                self._shrink(len(requests))
            raise
        return answers if isinstance(answers, list) else ()

    def _shrink(self, refused: int) -> None:
        self._most = max(1, min(self._most, refused // 2))

    def _to_result(self, answer: NodeAnswer, kind: Any) -> Any:
        if answer.problem is not None:
            return answer.problem.to_error()
        try:
            return self._read(answer.result, kind)
        except RpcError as error:
            return error

    def _read(self, result: msgspec.Raw, kind: Any) -> Any:
        try:
            return msgspec.json.decode(result, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RpcError(f"{self.origin} gave an unexpected answer: {error}", code=0) from error

    def _post(self, document: Any, *, is_repeatable: bool) -> NodeAnswer | list[NodeAnswer]:
        body = msgspec.json.encode(document)
        attempts = self._retries + 1 if is_repeatable else 1
        pause = self._pause
        for attempt in range(attempts):
            try:
                return self._post_once(body, is_batch=isinstance(document, list))
            except _Retry as failure:
                if attempt == attempts - 1:
                    raise failure.error from failure.__cause__
                self._sleep(min(max(failure.after, pause), LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _post_once(self, body: bytes, *, is_batch: bool) -> NodeAnswer | list[NodeAnswer]:
        try:
            with self._client.stream("POST", self.url, content=body) as response:
                content = self._read_bounded(response)
        except httpx.ConnectTimeout as error:
            raise _Retry(self._unreachable("does not answer")) from error
        except httpx.TimeoutException as error:
            raise TimedOut(
                f"{self.origin} did not answer in time", remedy="try again, or ask for less"
            ) from error
        except httpx.HTTPError as error:
            raise _Retry(self._unreachable("cannot be reached")) from error
        status = response.status_code
        if status in RETRIED_STATUS:
            failure: MarketError = self._unreachable(f"answered HTTP {status}")
            if is_batch and status not in OVERLOADED_STATUS:
                failure = _BatchRefused(failure.detail)
            raise _Retry(failure, _seconds(response.headers.get("retry-after")))
        answers = parse_answers(content)
        if is_batch and (answers is None or isinstance(answers, NodeAnswer)):
            self._raise_if_slowed(answers)
            raise _BatchRefused(f"answered HTTP {status}")
        if answers is None and status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise TooLarge(f"{self.origin} refused a request as too large")
        if answers is None:
            raise self._unreachable(f"answered HTTP {status}, which is not JSON-RPC")
        self._raise_if_slowed(answers)
        return answers

    def _raise_if_slowed(self, answers: NodeAnswer | list[NodeAnswer] | None) -> None:
        """Raise _Retry if the answer to a whole request is that there are too many."""
        problem = answers.problem if isinstance(answers, NodeAnswer) else None
        if problem is not None and problem.asks_to_slow_down:
            failure = self._unreachable(f"asks for fewer requests: {problem.message}")
            raise _Retry(failure, problem.pause)

    def _read_bounded(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > LARGEST_ANSWER:
                raise TooLarge(
                    f"{self.origin} answered more than {LARGEST_ANSWER >> 20} MiB",
                    remedy="ask for less at once",
                )
            parts.append(part)
        return b"".join(parts)

    def _unreachable(self, what: str) -> Unreachable:
        return Unreachable(
            f"the chain's node at {self.origin} {what}",
            field="chain.rpc",
            remedy="start a node there (`wasmarket local up`), or set another RPC URL",
        )


class _Retry(Exception):
    """Carries the error to raise when no attempt is left, and the node's wish for a pause."""

    def __init__(self, error: MarketError, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class _BatchRefused(MarketError):
    """The node refused a batch as a whole"""


def _sort(
    answers: Sequence[NodeAnswer], count: int
) -> tuple[dict[int, NodeAnswer], dict[int, NodeAnswer], float | None]:
    """Return answers by place, those that the batch's size may be the reason for, and the pause
    in seconds if the node wants one."""
    found: dict[int, NodeAnswer] = {}
    doubtful: dict[int, NodeAnswer] = {}
    request_wanted: float | None = None
    for answer in answers:
        place = answer.number
        if place is None or not 0 <= place < count:
            continue
        problem: NodeProblem | None = answer.problem
        if problem is None or problem.is_of_the_call:
            found[place] = answer
        elif problem.asks_to_slow_down:
            request_wanted = max(request_wanted or 0.0, problem.pause)
        else:
            doubtful[place] = answer
    return found, doubtful, request_wanted


def _seconds(header: str | None) -> float:
    if header is None or not (header.isascii() and header.isdigit()):
        return 0.0
    return float(header[:9])
