"""Endpoints that others name: only public addresses, and no trick around the check."""

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from wasmarket.serving import outbound as outbound_module
from wasmarket.serving.outbound import AddressRefused, Outbound, is_public
from wasmarket.serving.outbound_http import create_async_client, create_client

pytestmark = pytest.mark.e2e  # loopback sockets


class Names:
    """A name server of the test: each look-up takes the next answer, the last for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self, host, port):
        self.asked += 1
        waiting = self.answers[host.replace(".", "_")]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.fixture
def server():
    """A server on loopback that counts who reached it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.reached += 1
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Content-Length", "2")
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.reached = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def resolve(outbound, host, port=443):
    return asyncio.run(outbound.resolve(host, port))


def get(outbound, url):
    """Fetch by the client for coroutines."""

    async def run():
        async with create_async_client(outbound, timeout=5) as http:
            return await http.get(url)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *(
            "255.255.255.255",
            "192.0.0.8",
            "192.88.99.1",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%1",
            "fec0::1",
        ),
        *("fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("::127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1"),
        # Teredo carries the client's address inverted: 127.0.0.1.
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_is_public__address_of_some_private_place__is_not(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_is_public__address_that_anybody_reaches__is(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "[::1]", "::ffff:127.0.0.1"],
)
def test_resolve__other_spellings_of_loopback__are_refused(host):
    with pytest.raises(AddressRefused, match="not public"):
        resolve(Outbound(allow_private=False), host)


@pytest.mark.parametrize("port", [0, 22, 25, 1023, 65_536])
def test_resolve__port_of_another_service__is_refused(port):
    with pytest.raises(AddressRefused, match="port"):
        resolve(Outbound(allow_private=False), "1.1.1.1", port)


@pytest.mark.parametrize("port", [80, 443, 1024, 8610])
def test_resolve__port_of_a_peer__is_allowed(port):
    assert resolve(Outbound(allow_private=False), "1.1.1.1", port) == ["1.1.1.1"]


def test_resolve__name_with_a_private_and_a_public_address__gives_the_public_one(monkeypatch):
    names = Names(both_example=[["10.0.0.1", "1.1.1.1", "::1"]])
    monkeypatch.setattr(outbound_module, "_look_up", names)

    assert resolve(Outbound(allow_private=False), "both.example") == ["1.1.1.1"]


def test_resolve__what_the_operator_named__may_be_anywhere():
    outbound = Outbound(allow_private=False, trusted=["http://127.0.0.1:8601/x", "http://[::1]"])

    assert resolve(outbound, "127.0.0.1", 8601) == ["127.0.0.1"]
    assert resolve(outbound, "::1", 80) == ["::1"]
    with pytest.raises(AddressRefused):
        resolve(outbound, "127.0.0.1", 8602)


def test_client__private_endpoint__is_not_connected_to(server):
    outbound = Outbound(allow_private=False)
    for host in ("127.0.0.1", "localhost", "2130706433"):
        url = f"http://{host}:{server.server_port}/"
        with pytest.raises(httpx.ConnectError, match="not public"):
            get(outbound, url)
        with (
            create_client(outbound) as http,
            pytest.raises(httpx.ConnectError, match="not public"),
        ):
            http.get(url)

    assert server.reached == 0


def test_client__private_endpoint_the_operator_allows__is_reached(server):
    outbound = Outbound(allow_private=True)
    url = f"http://localhost:{server.server_port}/"

    assert get(outbound, url).text == "ok"
    with create_client(outbound) as http:
        assert http.get(url).text == "ok"


def test_client__name_that_changes_its_address__is_connected_where_it_was_checked(
    monkeypatch, server
):
    """A rebinding name server answers well first, and with loopback when asked again."""
    names = Names(rebind_example=[["1.1.1.1"], ["127.0.0.1"]])
    monkeypatch.setattr(outbound_module, "_look_up", names)
    reached = []

    async def refuse(self, host, *_):
        reached.append(host)
        raise OSError("no route")

    monkeypatch.setattr("anyio.connect_tcp", lambda remote_host, **_: refuse(None, remote_host))
    with pytest.raises(httpx.ConnectError):
        get(Outbound(allow_private=False), f"http://rebind.example:{server.server_port}/")

    assert (reached, names.asked, server.reached) == (["1.1.1.1"], 1, 0)


def test_client__redirect__is_not_followed(server):
    answer = get(Outbound(allow_private=True), f"http://127.0.0.1:{server.server_port}/away")

    assert (answer.status_code, server.reached) == (302, 1)


def test_client__name_nobody_knows__is_unreachable(monkeypatch):
    def fail(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(outbound_module, "_look_up", fail)
    outbound = Outbound(allow_private=True)
    with pytest.raises(httpx.ConnectError, match="unknown"):
        get(outbound, "http://nobody.example/")
    with create_client(outbound) as http, pytest.raises(httpx.ConnectError, match="unknown"):
        http.get("http://nobody.example/")


def test_client__name_server_that_is_silent__is_a_timeout(monkeypatch):
    silence = threading.Event()
    monkeypatch.setattr(outbound_module, "_look_up", lambda host, port: silence.wait(10))
    outbound = Outbound(allow_private=True)
    try:
        with create_client(outbound, timeout=0.01) as http, pytest.raises(httpx.ConnectTimeout):
            http.get("http://slow.example/")
    finally:
        silence.set()
        outbound.close()
