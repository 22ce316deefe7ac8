"""Requests and answers of a site, as the message that a gateway sends and takes."""

from dataclasses import dataclass, field


@dataclass
class SiteRequest:
    """What a browser asks; names of headers in lower case."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def parse(cls, message: bytes) -> "SiteRequest":
        """Read a request's message."""
        head, _, body = message.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = (*first.split(" "), "", "")[:3]
        path, _, query = target.partition("?")
        return cls(method, path, query, dict(_split(line) for line in lines if line), body)


@dataclass
class SiteResponse:
    """What the browser gets; a body of text is sent as UTF-8."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def write(self) -> bytes:
        """Return the message."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(self.body, str):
            headers.setdefault("content-type", "text/html; charset=utf-8")
        lines = [f"HTTP/1.1 {self.status} ", *(f"{n}: {v}" for n, v in headers.items())]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("a header has more than one line")
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
