"""Requests to the hosts that the app lists in `[effectors.http]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wasmarket_guest.reach import ask, find


@dataclass
class WebAnswer:
    """What a host answered; names of headers in lower case."""

    status: int
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """Return the body as UTF-8, with marks in place of what is not."""
        return self.body.decode("utf-8", "replace")


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_ms: int = 0,
    redirects: int = 0,
) -> WebAnswer:
    """Send a request and return the answer, whatever its status.

    Raises `EffectorError` when there is no answer, or the host may not be asked.
    """
    bound = find("http")
    lines = [bound.Header(name, value) for name, value in (headers or {}).items()]
    answer = ask(bound.send, bound.Request(method, url, lines, body, timeout_ms, redirects))
    return WebAnswer(
        answer.status,
        answer.url,
        {header.name: header.value for header in answer.headers},
        answer.body,
    )


def get(url: str, *, headers: Mapping[str, str] | None = None, redirects: int = 5) -> WebAnswer:
    """Send a GET; raises as `send`."""
    return send("GET", url, headers=headers, redirects=redirects)


def post(url: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> WebAnswer:
    """Send a POST; raises as `send`."""
    return send("POST", url, headers=headers, body=body)
