"""JSON-RPC over HTTP: batches, retries, and errors in our own words.

Written over httpx and msgspec instead of web3's provider: following a chain is bound by parsing,
and typed decoding is several times faster; web3 also costs a second of import in every process.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from wasmarket.chain.errors import RpcError
from wasmarket.kernel.errors import ConfigError, MarketError, TimedOut, TooLarge, Unreachable

BATCH = 100
"""Requests per HTTP request; common providers refuse more."""

LARGEST_ANSWER = 32 << 20
"""Bytes of an answer that are read; what a node answers to a question of ours can be made huge."""

LONGEST_PAUSE = 5.0
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
RATE_LIMIT_WORDS = ("rate limit", "too many requests", "throttl", "capacity exceeded")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Request = tuple[str, Sequence[Any]]


class _Problem(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""
    data: Any = None


class _Answer(msgspec.Struct, frozen=True):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Problem | None = None


_ANSWER = msgspec.json.Decoder(_Answer | list[_Answer])


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
        self._client = httpx.Client(
            timeout=timeout,
            verify=parts.scheme == "https",
            trust_env=parts.hostname not in LOOPBACK,
            headers={"content-type": "application/json"},
            transport=transport,
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
        body = msgspec.json.encode(_to_request(0, method, params))
        answers = self._post(body)
        if isinstance(answers, list):
            raise RpcError(f"{self.origin} answered one request with a list", code=0)
        if answers.error is not None:
            raise _to_error(answers.error)
        return self._read(answers.result, kind)

    def batch(self, requests: Sequence[Request], kind: Any = Any) -> list[Any]:
        """Return each request's result, or its RpcError, in order; sent in chunks.

        Raises Unreachable, TimedOut, and RpcError when the node refuses the batch as a whole.
        """
        results: list[Any] = []
        for start in range(0, len(requests), BATCH):
            results += self._batch(requests[start : start + BATCH], kind)
        return results

    def _batch(self, requests: Sequence[Request], kind: Any) -> list[Any]:
        body = msgspec.json.encode(
            [_to_request(i, method, params) for i, (method, params) in enumerate(requests)]
        )
        answers = self._post(body)
        if isinstance(answers, _Answer):
            if answers.error is not None:
                raise _to_error(answers.error)
            raise RpcError(f"{self.origin} answered a batch with one result", code=0)
        by_id = {answer.id: answer for answer in answers}
        results: list[Any] = []
        for i in range(len(requests)):
            answer = by_id.get(i)
            if answer is None:
                results.append(RpcError(f"{self.origin} left a request unanswered", code=0))
            elif answer.error is not None:
                results.append(_to_error(answer.error))
            else:
                results.append(self._read(answer.result, kind))
        return results

    def _read(self, result: msgspec.Raw, kind: Any) -> Any:
        try:
            return msgspec.json.decode(result, type=kind)
        except msgspec.DecodeError as error:
            raise RpcError(f"{self.origin} gave an unexpected answer: {error}", code=0) from error

    def _post(self, body: bytes) -> _Answer | list[_Answer]:
        pause = self._pause
        for attempt in range(self._retries + 1):
            try:
                return self._post_once(body)
            except _Retry as failure:
                if attempt == self._retries:
                    raise failure.error from failure.__cause__
                self._sleep(min(max(failure.after, pause), LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _post_once(self, body: bytes) -> _Answer | list[_Answer]:
        try:
            with self._client.stream("POST", self.url, content=body) as response:
                content = self._read_bounded(response)
        except httpx.ConnectTimeout as error:
            raise _Retry(self._unreachable("does not answer")) from error
        except httpx.TimeoutException as error:
            raise TimedOut(
                f"{self.origin} did not answer in time", remedy="try again, or ask for less"
            ) from error
        except httpx.TransportError as error:
            raise _Retry(self._unreachable("cannot be reached")) from error
        if response.status_code in RETRIED_STATUS:
            after = _seconds(response.headers.get("retry-after"))
            raise _Retry(self._unreachable(f"answered HTTP {response.status_code}"), after)
        if response.status_code == 413:
            raise TooLarge(f"{self.origin} refused a request as too large")
        try:
            answers: _Answer | list[_Answer] = _ANSWER.decode(content)
        except msgspec.DecodeError as error:
            raise self._unreachable(
                f"answered HTTP {response.status_code}, which is not JSON-RPC"
            ) from error
        for answer in answers if isinstance(answers, list) else [answers]:
            if answer.error is not None and _is_rate(answer.error):
                raise _Retry(_to_error(answer.error))
        return answers

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


def _to_request(number: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _to_error(problem: _Problem) -> RpcError:
    return RpcError(problem.message or "no message", code=problem.code, data=problem.data)


def _is_rate(problem: _Problem) -> bool:
    message = problem.message.lower()
    return problem.code == 429 or any(words in message for words in RATE_LIMIT_WORDS)


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdigit() else 0.0
