"""Outbound HTTP: to the hosts that the app names, to public addresses, within limits."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from peer.runtime.effectors.http_effect import (
    HttpEffect,
    HttpGate,
    HttpHeader,
    HttpLimits,
    HttpRequest,
)
from peer.runtime.effectors.mounted import run_curl

pytestmark = pytest.mark.e2e
LIMITS = HttpLimits(response_bytes=1_000, request_bytes=500, seconds=5)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Echoes what it is asked; some paths do other things."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path
        if path.startswith("/to/"):
            self._answer(302, b"", Location=path.removeprefix("/to/"))
        elif path.startswith("/keep/"):
            self._answer(307, b"", Location=path.removeprefix("/keep/"))
        elif path == "/big":
            self._answer(200, bytes(2_000))
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(100))
            except OSError:
                return
        elif path == "/silent":
            self.server.released.wait(20)  # type: ignore[attr-defined]
        elif path == "/cookie":
            self._answer(200, b"", **{"Set-Cookie": "a=b"})
        elif path == "/missing":
            self._answer(404, b"nothing here")
        else:
            size = int(self.headers.get("content-length", 0))
            heads = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items())
            body = self.rfile.read(size)
            self._answer(200, f"{self.command} {path}\n{heads}\n".encode() + body, Seen="yes")

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.released = threading.Event()  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def use(work: Any, hosts: list[str], trusted: list[str], limits: HttpLimits = LIMITS) -> Any:
    async def run() -> Any:
        gate = HttpGate(tuple(trusted), limits)
        try:
            return await work(HttpEffect(gate, tuple(hosts)))
        finally:
            await gate.close()

    return asyncio.run(run())


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    hosts: list[str] | None = None,
    trusted: list[str] | None = None,
    url: str = "",
    seconds: float = 10,
    **request: Any,
) -> dict[str, Any]:
    """Ask as a guest of an app that names the test's server, at a peer that trusts it."""
    here = f"127.0.0.1:{port}"
    wanted = HttpRequest(method, url or f"http://{here}{path}", **request)

    async def work(effect: HttpEffect) -> Any:
        return await effect.request(wanted, asyncio.get_running_loop().time() + seconds)

    answer: dict[str, Any] = use(
        work, [here] if hosts is None else hosts, [f"http://{here}"] if trusted is None else trusted
    )
    return answer


def test_request__to_a_named_host__gives_status_headers_and_body(port: int) -> None:
    answer = ask(port, "/a?b=c", "POST", headers=[HttpHeader("X-One", "1")], body=b"hello")

    assert (answer["error"], answer["status"]) == ("", 200)
    assert {"name": "seen", "value": "yes"} in answer["headers"]
    head, _, body = answer["body"].decode().partition("\n\n")
    lines = head.splitlines()
    assert lines[0] == "POST /a?b=c"
    assert {"x-one: 1", "content-length: 5", f"host: 127.0.0.1:{port}"} <= set(lines)
    assert "user-agent: wasmarket" in lines
    assert body == "hello"


def test_request__answer_404__is_an_answer(port: int) -> None:
    answer = ask(port, "/missing")

    assert (answer["error"], answer["status"], answer["body"]) == ("", 404, b"nothing here")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.1.1",
    ],
)
def test_request__private_address_in_any_spelling__is_refused(port: int, host: str) -> None:
    answer = ask(port, url=f"http://{host}:{port}/", hosts=[f"{host}:{port}"], trusted=[])

    assert answer["status"] == 0
    assert any(why in answer["error"] for why in ("not public", "Invalid IPv4", "not known"))


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://127.0.0.1/",
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}@example.org/",
        "http://example.org#@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.example.org/",
    ],
)
def test_request__host_that_the_app_does_not_name__is_refused(port: int, url: str) -> None:
    answer = ask(port, url=url.format(port=port))

    assert answer["status"] == 0
    assert answer["error"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("file:///etc/passwd", "no http or https URL"),
        ("ftp://127.0.0.1/", "no http or https URL"),
        ("gopher://127.0.0.1:6379/_", "no http or https URL"),
        ("/path", "no http or https URL"),
        ("http://me:secret@127.0.0.1:{port}/", "name and password"),
        ("http://127.0.0.1:{port}/" + "a" * 9_000, "too long"),
        ("http://\0/", ""),
    ],
)
def test_request__no_url_to_be_asked__is_an_error(port: int, url: str, error: str) -> None:
    answer = ask(port, url=url.format(port=port))

    assert answer["error"]
    assert error in answer["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "internal"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("X", "a\r\nY: b"),
        ("X\r\nY", "b"),
        ("", "b"),
        ("X", "é"),
        ("X", "y" * 20_000),
    ],
)
def test_request__header_that_is_not_the_guests__is_refused(
    port: int, name: str, value: str
) -> None:
    answer = ask(port, headers=[HttpHeader(name, value)])

    assert answer["status"] == 0
    assert answer["error"]


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GE T", "", "X" * 21])
def test_request__method__is_refused(port: int, method: str) -> None:
    assert "is not sent" in ask(port, method=method)["error"]


def test_request__body_too_large__is_not_sent(port: int) -> None:
    assert "500 are allowed" in ask(port, method="POST", body=bytes(501))["error"]


@pytest.mark.parametrize("path", ["/big", "/endless"])
def test_request__answer_too_large__is_cut_off(port: int, path: str) -> None:
    assert ask(port, path)["error"] == "the answer has more than 1000 bytes"


def test_request__no_answer_in_the_time_asked__is_an_error(port: int) -> None:
    assert ask(port, "/silent", timeout_ms=100)["error"] == "no answer in time"


def test_request__no_answer_in_the_calls_time__ends_the_call(port: int) -> None:
    with pytest.raises(TimeoutError):
        ask(port, "/silent", seconds=0.1)


def test_request__redirects__are_followed_as_often_as_asked(port: int) -> None:
    path = "/to//to//end"

    assert ask(port, path)["status"] == 302
    assert ask(port, path, redirects=1)["status"] == 302
    answer = ask(port, path, "POST", redirects=2, body=b"x")
    assert answer["body"].startswith(b"GET /end")
    assert answer["url"] == f"http://127.0.0.1:{port}/end"
    kept = ask(port, "/keep//end", "POST", redirects=9, body=b"x")
    assert kept["body"].startswith(b"POST /end")


def test_request__redirect_in_a_circle__ends(port: int) -> None:
    assert ask(port, f"/to/http://127.0.0.1:{port}/to/", redirects=2**31)["status"] in (200, 302)


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/", "http://169.254.169.254/", "file:///etc/passwd"]
)
def test_request__redirect_to_a_host_that_is_not_named__is_refused(port: int, target: str) -> None:
    answer = ask(port, "/to/" + target.format(port=port), redirects=5)

    assert answer["status"] == 0
    assert answer["error"]


def test_request__redirect_to_another_host__does_not_take_secrets_along(port: int) -> None:
    secrets = [
        HttpHeader("Authorization", "Bearer x"),
        HttpHeader("Cookie", "c=1"),
        HttpHeader("X-A", "1"),
    ]
    both = [f"127.0.0.1:{port}", f"localhost:{port}"]
    trusted = [f"http://{host}" for host in both]
    path = f"/to/http://localhost:{port}/end"

    answer = ask(port, path, headers=secrets, redirects=1, hosts=both, trusted=trusted)

    text = answer["body"].decode()
    assert "x-a: 1" in text
    assert "authorization" not in text
    assert "cookie" not in text


def test_request__redirect_to_a_private_address__is_refused(port: int) -> None:
    named = [f"127.0.0.1:{port}", f"localhost:{port}"]
    answer = ask(port, f"/to/http://localhost:{port}/", redirects=1, hosts=named)

    assert "not public" in answer["error"]


def test_request__cookies__are_not_kept_for_the_next_one(port: int) -> None:
    here = f"127.0.0.1:{port}"

    async def work(effect: HttpEffect) -> str:
        end = asyncio.get_running_loop().time() + 10
        await effect.request(HttpRequest("GET", f"http://{here}/cookie"), end)
        answer = await effect.request(HttpRequest("GET", f"http://{here}/"), end)
        return str(answer["body"].decode())

    assert "cookie" not in use(work, [here], [f"http://{here}"])


def test_request__many_at_once__wait_for_one_another(port: int) -> None:
    here = f"127.0.0.1:{port}"
    limits = HttpLimits(parallel_of_service=2)

    async def work(effect: HttpEffect) -> list[str]:
        end = asyncio.get_running_loop().time() + 10
        silent = HttpRequest("GET", f"http://{here}/silent", timeout_ms=200)
        answers = await asyncio.gather(
            *(effect.request(silent, end) for _ in range(2)),
            effect.request(HttpRequest("GET", f"http://{here}/", timeout_ms=50), end),
        )
        return [answer["error"] for answer in answers]

    assert use(work, [here], [f"http://{here}"], limits) == ["no answer in time"] * 3


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (["-s", "http://{here}/a"], 0, b"GET /a"),
        (["--request", "PUT", "-d", "x=1", "--data=y=2", "{here}/a"], 0, b"x=1&y=2"),
        (["-H", "X-One: 1", "--url", "{here}"], 0, b"x-one: 1"),
        (["-sSXPUT", "{here}/a"], 0, b"PUT /a"),
        (["-sSd", "-x", "{here}/a"], 0, b"-x"),
        (["-sSq", "{here}/a"], 2, b"-q is not supported"),
        (["-G", "-d", "q=1", "http://{here}/a"], 0, b"GET /a?q=1"),
        (["-I", "http://{here}/a"], 0, b"HTTP/1.1 200"),
        (["-L", "http://{here}/to//end"], 0, b"GET /end"),
        (["-f", "http://{here}/missing"], 22, b"404"),
        (["http://elsewhere/"], 7, b"elsewhere"),
        (["-o", "/etc/passwd", "http://{here}/"], 2, b"not supported"),
        (["-d", "@/etc/passwd", "http://{here}/"], 2, b"files are not sent"),
        (["--config", "x", "http://{here}/"], 2, b"not supported"),
        (["-m", "9e9", "http://{here}/"], 2, b"seconds"),
        (["-X"], 2, b"needs a value"),
        ([], 2, b"one URL"),
    ],
)
def test_curl__mounted__does_what_curl_does(
    port: int, command: list[str], code: int, text: bytes
) -> None:
    here = f"127.0.0.1:{port}"
    filled = [part.format(here=here) for part in command]

    async def work(effect: HttpEffect) -> Any:
        return await run_curl(effect, filled, asyncio.get_running_loop().time() + 10)

    answer = use(work, [here], [f"http://{here}"])

    assert answer["ret_code"] == code
    assert text in answer["stderr" if code else "stdout"]
