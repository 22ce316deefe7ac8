"""The call route as a server of HTTP/1.1: what comes in pieces, too early, too large or broken."""

import hashlib
import json
import socket

import pytest

from tests.peer.peer_runner import GREETING, publish

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def deal(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    number = world.match(app, [peer.number]).deal
    peer.wait_for_state(number, "serving")
    return number


class Wire:
    """One connection, byte by byte."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self._file = self.socket.makefile("rb")

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)

    def read(self):
        """Return status, headers and body of the next response."""
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            headers[name.lower().decode()] = value.strip().decode()
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def is_closed(self):
        return self._file.read(1) == b""

    def close(self):
        self._file.close()
        self.socket.close()


@pytest.fixture
def wire(peer):
    connection = Wire(peer.url)
    yield connection
    connection.close()


def request(deal, body, *headers, function="digest", method="POST", length=True):
    lines = [f"{method} /v1/deals/{deal}/greeting/{function} HTTP/1.1", "Host: peer", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


GREET = b'["you"]'


def test_call__in_single_bytes__is_answered(wire, deal):
    wire.send(*(bytes([byte]) for byte in request(deal, GREET, function="greeting")))

    status, headers, body = wire.read()
    assert (status, json.loads(body)) == (200, {"result": "Hi, you"})
    assert headers["content-type"] == "application/json"
    assert headers["wasmarket-receipt"].count(":") == 2


def test_calls__pipelined__are_answered_in_order(wire, deal):
    wire.send(b"".join(request(deal, b'["%d"]' % i, function="greeting") for i in range(20)))

    answers = [json.loads(wire.read()[2])["result"] for _ in range(20)]
    assert answers == [f"Hi, {i}" for i in range(20)]


def test_calls__with_one_head__have_their_own_bodies_ids_and_receipts(wire, deal):
    def greet(name):
        return request(deal, b'["%b"]' % name, function="greeting")

    seen = []
    for sent in (greet(b"a"), greet(b"b"), greet(b"c"), greet(b"longer"), greet(b"d")):
        wire.send(sent)
        seen.append(wire.read())
    wire.send(greet(b"e")[:-3])
    wire.send(greet(b"e")[-3:])
    seen.append(wire.read())
    wire.send(greet(b"f") + greet(b"g"))
    seen += [wire.read(), wire.read()]

    names = [json.loads(body)["result"].removeprefix("Hi, ") for _, _, body in seen]
    assert names == ["a", "b", "c", "longer", "d", "e", "f", "g"]
    for header in ("x-request-id", "wasmarket-receipt"):
        assert len({headers[header] for _, headers, _ in seen}) == len(seen)


def test_calls__with_one_head__are_each_asked_for_access(world, peer):
    app = publish(peer.blocks, GREETING.read_bytes())
    number = world.match(app, [peer.number]).deal
    peer.wait_for_state(number, "serving")
    path = f"/v1/deals/{number}/access"
    connection = Wire(peer.url)
    call = request(number, GREET, "Authorization: Bearer secret", function="greeting")

    def answer():
        connection.send(call)
        return connection.read()[0]

    seen = [answer(), answer()]
    for version, key in ((1, b"secret"), (2, b"other")):
        hashes = [hashlib.sha256(key).hexdigest()]
        document = {"version": version, "mode": "keys", "key_hashes": hashes}
        assert peer.signed("PUT", path, json.dumps(document).encode()).status_code == 200
        seen += [answer(), answer()]
    connection.close()

    assert seen == [200, 200, 200, 200, 403, 403]


def test_calls__pipelined_with_another_route__are_answered_in_order(wire, deal):
    other = f"GET /v1/deals/{deal} HTTP/1.1\r\nHost: peer\r\n\r\n".encode()
    call = request(deal, GREET, function="greeting")
    wire.send(call + other + call)

    kinds = [json.loads(wire.read()[2]) for _ in range(3)]
    assert kinds[0] == kinds[2] == {"result": "Hi, you"}
    assert kinds[1]["deal"] == deal


def test_body__chunked__is_put_together(wire, deal):
    head = request(deal, b"", "Transfer-Encoding: chunked", function="greeting", length=False)
    wire.send(head, b'3\r\n["y\r\n', b'4\r\nou"]\r\n', b"0\r\n\r\n")

    assert json.loads(wire.read()[2]) == {"result": "Hi, you"}


def test_body__announced_and_awaited__is_asked_for(wire, deal):
    call = request(deal, GREET, "Expect: 100-continue", function="greeting")
    wire.send(call.removesuffix(GREET))
    assert wire.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"

    wire.send(GREET)
    assert wire.read()[0] == 200


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body__too_large__is_refused_without_a_receipt(wire, deal, is_chunked):
    body = b"x" * (1024 * 1024 + 1)
    if is_chunked:
        head = request(deal, b"", "Transfer-Encoding: chunked", length=False)
        wire.send(head, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n")
    else:
        wire.send(request(deal, body))

    status, headers, answer = wire.read()
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert "wasmarket-receipt" not in headers
    assert json.loads(answer)["type"] == "urn:wasmarket:too-large"
    wire.send(request(deal, GREET, function="greeting"))
    assert wire.read()[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/deals/1/a/\xff HTTP/1.1\r\nHost: peer\r\n\r\n",
        b"\x16\x03\x01\0\0\0",
    ],
)
def test_bytes__that_are_no_http__get_a_problem_document_and_the_end(wire, sent):
    wire.send(sent)

    status, headers, body = wire.read()
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == 400
    assert wire.is_closed()


def test_errors__of_any_kind__keep_the_connection_and_say_the_request(wire, deal):
    for path, body, status, slug in (
        (f"{deal}/greeting/nothing", b"[]", 404, "function-not-found"),
        (f"{deal}/nobody/greeting", b"[]", 404, "not-found"),
        (f"{deal + 1000}/greeting/greeting", b"[]", 404, "not-found"),
        (f"{deal}/greeting/greeting", b"[1]", 400, "call-refused"),
        ("0/greeting/greeting", b"[]", 400, "invalid-input"),
    ):
        head = f"POST /v1/deals/{path} HTTP/1.1\r\nX-Request-Id: mine\r\nHost: p\r\n"
        wire.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)

        got, headers, answer = wire.read()
        problem = json.loads(answer)
        assert (got, problem["type"]) == (status, f"urn:wasmarket:{slug}")
        assert headers["x-request-id"] == problem["request_id"] == "mine"
        assert problem["remedy"]


def test_connection__asked_to_end__ends_after_the_answer(wire, deal):
    wire.send(request(deal, GREET, "Connection: close", function="greeting"))

    status, headers, _ = wire.read()
    assert (status, headers["connection"]) == (200, "close")
    assert wire.is_closed()


def test_call__by_another_method__is_not_one(wire, deal):
    wire.send(request(deal, b"", method="GET"))

    assert wire.read()[0] == 405


def test_function__named_with_escapes__is_found(wire, deal):
    wire.send(request(deal, GREET, function="gree%74ing"))

    assert json.loads(wire.read()[2]) == {"result": "Hi, you"}


def test_metrics__count_every_call_once(peer, wire, deal):
    def count(status):
        lines = peer.get("/metrics").text.splitlines()
        found = [
            line
            for line in lines
            if line.startswith("wasmarket_http_requests_total") and f'status="{status}"' in line
        ]
        return sum(float(line.split()[-1]) for line in found)

    before = count(200), count(404)
    for function in ("greeting", "greeting", "greeting", "nothing"):
        wire.send(request(deal, GREET, function=function))
        wire.read()

    # The first two questions for metrics were answered, too.
    assert (count(200), count(404)) == (before[0] + 3 + 2, before[1] + 1)
