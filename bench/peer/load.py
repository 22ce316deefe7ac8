"""Load an HTTP server from one process: `python -m bench.peer.load '<json of Plan>'`.

Each connection sends its next request once the answer to the last one is whole. The process uses
one core and prints what it saw as JSON.
"""

import itertools
import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
SLACK_SECONDS = 30.0
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
OK = b"HTTP/1.1 200"
_ids = itertools.count()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, how often at once, for how long; `rate` limits requests/s, 0 = no limit."""

    url: str
    connections: int
    seconds: float
    body_bytes: int = 1024
    warmup_seconds: float = 0.5
    rate: float = 0.0
    json: str = ""
    """Sent as JSON in place of random bytes."""
    new_heads: bool = False
    """Whether each request has a head of its own: an id that no other has."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back: requests/s, latency in milliseconds, answers that were not 200."""

    rate: float
    p50: float
    p99: float
    answers: int
    failed: int


def measure_load(plan: Plan, core: int | None) -> Seen:
    """Run a plan in a process of its own, on `core` if there is one to choose."""
    done = start_load(plan, core)
    out, _ = done.communicate(timeout=plan.seconds + plan.warmup_seconds + SLACK_SECONDS)
    return read_load(done, out)


def start_load(plan: Plan, core: int | None) -> subprocess.Popen[str]:
    """Start a plan in a process of its own."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    command = [*pin, sys.executable, "-m", "bench.peer.load", json.dumps(asdict(plan))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def read_load(process: subprocess.Popen[str], out: str) -> Seen:
    """Return what a finished load saw; raise RuntimeError when it broke off."""
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return Seen(**json.loads(out))


class Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, host: str, port: int, request: bytes, *, new_heads: bool) -> None:
        self.socket = socket.create_connection((host, port), timeout=SLACK_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._line_end = request.index(b"\r\n") if new_heads else 0
        self._received = b""
        self.sent_at = 0.0
        self.is_busy = False

    def send(self) -> None:
        """Send the request."""
        self.sent_at = time.perf_counter()
        self.is_busy = True
        request = self._request
        if self._line_end:
            line, rest = request[: self._line_end], request[self._line_end :]
            request = b"%b\r\nX-Request-Id: %012d%b" % (line, next(_ids), rest)
        self.socket.sendall(request)

    def receive(self) -> bool | None:
        """Read; return None while the answer is not whole, else whether it was a 200."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        data = self._received + chunk
        end = data.find(HEAD_END)
        if end < 0 or len(data) < end + 4 + _read_length(data[: end + 2]):
            self._received = data
            return None
        self._received = b""
        self.is_busy = False
        return data.startswith(OK)


def _read_length(head: bytes) -> int:
    at = head.lower().find(LENGTH) + len(LENGTH)
    if at < len(LENGTH):
        raise ValueError("the answer has no length")
    return int(head[at : head.index(b"\r\n", at)])


def drive(plan: Plan) -> Seen:
    """Run a plan in this process."""
    url = urlsplit(plan.url)
    body = plan.json.encode() or os.urandom(plan.body_bytes)
    kind = "application/json" if plan.json else "application/octet-stream"
    request = (
        f"POST {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    connections = [
        Connection(url.hostname or "", url.port or 80, request, new_heads=plan.new_heads)
        for _ in range(plan.connections)
    ]
    _run(connections, plan.warmup_seconds, 0.0)
    return _run(connections, plan.seconds, plan.rate)


def _run(connections: list[Connection], seconds: float, rate: float) -> Seen:
    poll = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    waits: list[float] = []
    failed = sent = 0
    began = time.perf_counter()
    end = began + seconds
    idle = list(connections)
    while True:
        now = time.perf_counter()
        allowed = int((now - began) * rate) + 1 if rate else sent + len(idle)
        while idle and now < end and sent < allowed:
            idle.pop().send()
            sent += 1
        if now >= end and len(idle) == len(connections):
            break
        for number, _ in poll.poll(0.001 if rate else 1.0):
            connection = by_number[number]
            is_ok = connection.receive()
            if is_ok is None:
                continue
            waits.append(time.perf_counter() - connection.sent_at)
            failed += not is_ok
            idle.append(connection)
    taken = time.perf_counter() - began
    waits.sort()
    return Seen(
        rate=len(waits) / taken,
        p50=_at(waits, 0.5) * 1_000,
        p99=_at(waits, 0.99) * 1_000,
        answers=len(waits),
        failed=failed,
    )


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    print(json.dumps(asdict(drive(Plan(**json.loads(sys.argv[1]))))))
