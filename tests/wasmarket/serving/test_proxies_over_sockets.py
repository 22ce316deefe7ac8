"""What really goes through a proxy of the environment, and what never does."""

import http.server
import threading

import pytest

from wasmarket.chain.reading.rpc import Rpc
from wasmarket.serving.outgoing.http import create_http_client

pytestmark = pytest.mark.e2e

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
SOCKS = "socks5://user:secret@proxy.example:1080"
WEB = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def local_server():
    """A server on loopback that answers every POST as a node would, and keeps its paths."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            body = b'{"jsonrpc":"2.0","id":0,"result":"0x7"}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", [SOCKS, "http://127.0.0.1:1"])
def test_rpc__node_on_loopback_and_a_proxy_set__is_asked_directly(
    monkeypatch, local_server, variable, value
):
    monkeypatch.setenv(variable, value)
    address, asked = local_server

    with Rpc(f"http://{address}", retries=0) as rpc:
        assert rpc.fetch_chain_id() == 7
    with create_http_client() as client:
        assert client.post(f"http://{address}/x", content=b"").status_code == 200

    assert asked == ["/", "/x"]


def test_client__host_elsewhere__is_asked_through_the_proxy(monkeypatch, local_server):
    address, asked = local_server
    monkeypatch.setenv("HTTP_PROXY", f"http://{address}")

    with create_http_client() as client:
        client.post("http://node.example/y", content=b"")

    assert asked == ["http://node.example/y"]
