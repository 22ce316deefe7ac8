"""Talk to a service over HTTP; its problem documents become errors of the kernel's tree."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx

from wasmarket.kernel import errors
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import MarketError, TimedOut, Unreachable, find_error, revive_error

if TYPE_CHECKING:
    from wasmarket.kernel.signing.typed_data import Domain

LIFETIME = 300
"""Seconds of chain time for which a signed request counts."""

BY_STATUS: dict[int, type[MarketError]] = {
    400: errors.InvalidInput,
    401: errors.Unauthorized,
    402: errors.RunwayOver,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.Refused,
    429: errors.LimitReached,
    503: errors.Unreachable,
    504: errors.TimedOut,
}
"""What an answer means whose problem is of a kind that only its service knows."""

Sign = Callable[[str, str, bytes], str]
"""(method, target, body) → value of the Authorization header."""


def request_signer(domain: "Domain", key: bytes, now: Callable[[], int]) -> Sign:
    """Return a signer of requests for an account; `now` returns the chain's time."""

    from wasmarket.kernel.signing.requests import Request, sign_request  # noqa: PLC0415 - curves

    def sign(method: str, target: str, body: bytes) -> str:
        nonce = to_hash(secrets.token_bytes(32))
        return sign_request(Request(method, target, body, now() + LIFETIME, nonce), domain, key)

    return sign


class ServiceClient:
    """One service at one URL."""

    def __init__(self, name: str, url: str, http: httpx.Client, sign: Sign | None = None) -> None:
        """`name` is what errors call it; `http` brings the time limits and is the caller's to
        close; `sign` is for routes that need a signed request."""
        self.name = name
        self.url = url.rstrip("/")
        self._sign = sign
        self._http = http

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, signed: bool = False
    ) -> Any:
        """Return the JSON answer to a GET."""
        return self.send("GET", path, params=params, signed=signed).json()

    def post(self, path: str, value: Any) -> Any:
        """Send a JSON body; return the JSON answer."""
        return self.send("POST", path, value=value).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        value: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        signed: bool = False,
    ) -> httpx.Response:
        """Send one request; return a successful answer.

        `value` is sent as JSON, `body` as it is. Raises Unreachable, TimedOut, or what the
        service's problem document says.
        """
        request = self._build(method, path, params, value, body, headers)
        if signed and self._sign is not None:
            target = request.url.raw_path.decode("ascii")
            request.headers["Authorization"] = self._sign(method, target, request.content)
        try:
            answer = self._http.send(request)
        except httpx.TimeoutException as error:
            raise TimedOut(
                f"the {self.name} at {self.url} did not answer in time", remedy="try again"
            ) from error
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        raise_problem(answer)
        return answer

    def lines(self, path: str, params: Mapping[str, Any], *, signed: bool) -> Iterator[str]:
        """Yield the lines of an answer that keeps coming."""
        request = self._build("GET", path, params, None, None, None)
        if signed and self._sign is not None:
            target = request.url.raw_path.decode("ascii")
            request.headers["Authorization"] = self._sign("GET", target, b"")
        request.extensions["timeout"] = httpx.Timeout(10, read=None).as_dict()
        try:
            answer = self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        try:
            if answer.is_error:
                answer.read()
                raise_problem(answer)
            yield from answer.iter_lines()
        finally:
            answer.close()

    def items(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield all items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, {**(params or {}), **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _build(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        value: Any,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
        url = self.url + path
        wanted = {k: v for k, v in (params or {}).items() if v is not None} or None
        if value is not None:
            return self._http.build_request(method, url, params=wanted, json=value, headers=headers)
        return self._http.build_request(
            method, url, params=wanted, content=body or b"", headers=headers
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"the {self.name} at {self.url} cannot be reached: {error}",
            remedy=f"is it running? `wasmarket local up` starts all, [client] {self.name} names it",
        )


def raise_problem(answer: httpx.Response) -> None:
    """Raise the error that an unsuccessful answer stands for."""
    if not answer.is_error:
        return
    try:
        problem = answer.json()
        kind = str(problem["type"]).removeprefix("urn:wasmarket:")
        detail, field, remedy = problem["detail"], problem.get("field"), problem.get("remedy")
    except (ValueError, KeyError, TypeError):
        kind, field, remedy = "", None, None
        detail = f"{answer.request.url} answered {answer.status_code}"
    if not _is_ours(kind):
        kind = BY_STATUS.get(answer.status_code, MarketError).slug
    raise revive_error(kind, str(detail), field=field, remedy=remedy)


def _is_ours(slug: str) -> bool:
    """Say whether the kernel knows this kind, so that nothing depends on what is imported."""
    found = find_error(slug)
    return found is not None and found.__module__ == errors.__name__
