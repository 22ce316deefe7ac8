"""Whole sites: any path and method reach one function, whose answer is the caller's."""

import asyncio
import shutil

import httpx
import pytest

from gateway.api.incoming import BodyLimits, Incoming
from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, refusal, route
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.errors import TooLarge

pytestmark = pytest.mark.unit

MODULE = {"name": "m", "cid": str(raw_cid(b"module"))}
SERVICE = {"name": "web", "total_memory_limit": 65536, "modules": [MODULE]}
TRIGGER = {"kind": "http", "service": "web", "function": "answer"}
TARGET = f"/v1/deals/{DEAL}/web/answer"


class SiteGateway(ScriptedGateway):
    """A gateway whose one deal is a site on peer 1 that answers as the test says."""

    def __init__(
        self, *, is_site=True, services=1, is_known=True, limits=None, app_cors=None, **settings
    ):
        names = [SERVICE | {"name": f"web{n}" if n else "web"} for n in range(services)]
        document = {"wasmarket": 1, "name": "site", "services": names}
        if is_site:
            document["triggers"] = [TRIGGER]
        if limits:
            document["limits"] = limits
        if app_cors:
            document["cors"] = app_cors
        manifest = dump_canonical(document)
        app = app_hash(raw_cid(manifest))
        aliases = {"aliases": {"shop": DEAL}}
        super().__init__(FakeDirectory(route(1, app=app)), **(aliases | settings))
        if is_known:
            BlockFolder(self.settings_folder).put(raw_cid(manifest), manifest)
        self.answers("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<h1>hi</h1>")

    def answers(self, message, status=200, **headers):
        """Make the peer's function answer this message."""
        content = message if isinstance(message, bytes) else message.encode("latin-1")
        extra = {"wasmarket-receipt": "1:0:ab", "content-type": "application/octet-stream"}
        self.peers.answer(1, httpx.Response(status, content=content, headers=extra | headers))

    @property
    def message(self):
        """The message that the function got: first line, headers, body."""
        head, _, body = self.peers.requests[-1].content.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        return first, dict(line.split(": ", 1) for line in lines), body


@pytest.fixture
def gateway():
    return SiteGateway()


def assert_problem(answer, status, slug):
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")


def test_site__page__is_what_the_function_answers(gateway):
    answer = gateway.send("GET", "/shop/a/b%20c?q=1&q=%2F")

    assert (answer.status_code, answer.text) == (200, "<h1>hi</h1>")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-length"] == "11"
    assert answer.headers["wasmarket-receipt"] == "1:0:ab"
    sent = gateway.peers.requests[-1]
    assert (sent.method, sent.url.path) == ("POST", TARGET)
    assert sent.headers["content-type"] == "application/octet-stream"
    assert gateway.message[0] == "GET /a/b%20c?q=1&q=%2F HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_site__every_method__reaches_the_function_with_its_body(gateway, method):
    gateway.send(method, "/shop/x", content=b"\x00body")

    assert gateway.message[0] == f"{method} /x HTTP/1.1"
    assert gateway.message[2] == b"\x00body"


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_site__other_method__is_refused(gateway, method):
    assert gateway.send(method, "/shop/x").status_code in (400, 405)
    assert gateway.peers.requests == []


@pytest.mark.parametrize("path", [f"/{DEAL}/", "/shop/"])
def test_site__by_number_or_alias__knows_where_it_begins(gateway, path):
    gateway.send("GET", path)

    first, headers, _ = gateway.message
    assert first == "GET / HTTP/1.1"
    assert headers["x-forwarded-prefix"] == path[:-1]


def test_site__without_the_last_slash__is_sent_there(gateway):
    answer = gateway.send("GET", "/shop?a=1")

    assert (answer.status_code, answer.headers["location"]) == (308, "/shop/?a=1")


def test_site__host_of_its_own__has_no_prefix():
    gateway = SiteGateway(hosts={"Shop.example": DEAL})
    gateway.answers("HTTP/1.1 200 OK\r\nset-cookie: a=b; Path=/x; Domain=example\r\n\r\n")

    answer = gateway.send("GET", "/v1/status", headers={"Host": "shop.example:8601"})

    first, headers, _ = gateway.message
    assert first == "GET /v1/status HTTP/1.1"
    assert "x-forwarded-prefix" not in headers
    assert headers["host"] == "shop.example:8601"
    assert answer.headers["set-cookie"] == "a=b; Path=/x; Domain=example"


def test_site__headers__reach_the_function_but_those_of_the_connection(gateway):
    gateway.send(
        "GET",
        "/shop/",
        headers={
            "Cookie": "a=b",
            "Accept-Language": "de",
            "Authorization": "Basic xyz",
            "Connection": "keep-alive, X-Secret",
            "X-Secret": "1",
            "TE": "trailers",
            "Upgrade": "websocket",
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Prefix": "/evil",
            "Forwarded": "for=6.6.6.6",
            "Wasmarket-Peer": "1",
        },
    )

    headers = gateway.message[1]
    assert headers["cookie"] == "a=b"
    assert headers["accept-language"] == "de"
    assert headers["authorization"] == "Basic xyz"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-host"] == headers["host"] == "gateway"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-prefix"] == "/shop"
    assert not {"connection", "x-secret", "te", "upgrade", "forwarded", "wasmarket-peer"} & set(
        headers
    )
    assert gateway.peers.requests[-1].headers["authorization"] == "Basic xyz"


def test_site__proxy_the_operator_named__is_believed():
    gateway = SiteGateway(proxies=("127.0.0.1", "10.0.0.1"))
    forwarded = {"X-Forwarded-For": "6.6.6.6, 5.5.5.5, 10.0.0.1", "X-Forwarded-Proto": "https"}

    gateway.send("GET", "/shop/", headers=forwarded)

    headers = gateway.message[1]
    assert headers["x-forwarded-for"] == "5.5.5.5"
    assert headers["x-forwarded-proto"] == "https"


def test_site__answer__keeps_status_and_headers_but_those_of_the_connection(gateway):
    gateway.answers(
        "HTTP/1.1 404 Not here\r\nContent-Type: text/plain\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
        "Transfer-Encoding: chunked\r\nContent-Length: 7\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
        "Wasmarket-Receipt: forged\r\nX-Request-Id: forged\r\nServer: x\r\n\r\nnothing"
    )

    answer = gateway.send("GET", "/shop/")

    assert (answer.status_code, answer.text) == (404, "nothing")
    assert answer.headers.get_list("x-twice") == ["1", "2"]
    assert answer.headers["wasmarket-receipt"] == "1:0:ab"
    assert answer.headers["x-request-id"] != "forged"
    assert not {"transfer-encoding", "connection", "x-hop", "server"} & set(answer.headers)
    assert answer.headers["content-length"] == "7"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 199 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + "a: b\r\n" * 300 + "\r\n",
        "HTTP/1.1 200 OK\r\na: " + "b" * 70_000,
        "HTTP/1.1 200 OK\n\nbody",
    ],
)
def test_site__answer_that_is_no_response__is_the_functions_fault(gateway, message):
    gateway.answers(message)

    assert_problem(gateway.send("GET", "/shop/"), 502, "bad-answer")


def test_site__head__is_answered_without_the_body(gateway):
    answer = gateway.send("HEAD", "/shop/")

    assert gateway.message[0] == "HEAD / HTTP/1.1"
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "11"


@pytest.mark.parametrize("status", [204, 304])
def test_site__status_without_body__has_none(gateway, status):
    gateway.answers(f"HTTP/1.1 {status} -\r\netag: x\r\n\r\nleft over")

    answer = gateway.send("GET", "/shop/")

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (status, b"", "x")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a=b", "a=b; Path=/shop/"),
        ("a=b; Path=/", "a=b; Path=/shop/"),
        (
            "a=b; HttpOnly; path=/cart; Domain=gateway; Secure",
            "a=b; HttpOnly; Secure; Path=/shop/cart",
        ),
        ("a=b; Path=cart", "a=b; Path=/shop/"),
    ],
)
def test_site__cookie__never_reaches_other_sites_of_the_gateway(gateway, given, kept):
    gateway.answers(f"HTTP/1.1 200 OK\r\nset-cookie: {given}\r\n\r\n")

    assert gateway.send("GET", "/shop/").headers["set-cookie"] == kept


@pytest.mark.parametrize("status", [400, 401, 402, 403, 413, 502, 504])
def test_site__peers_own_refusal__comes_back_as_it_is(gateway, status):
    gateway.peers.answer(1, refusal(status))

    answer = gateway.send("GET", "/shop/")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_site__page_of_another_origin__is_for_the_function_to_allow():
    gateway = SiteGateway(cors_origins=("*",))
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}

    answer = gateway.send("OPTIONS", "/shop/", headers=asked)

    assert gateway.message[0] == "OPTIONS / HTTP/1.1"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("method", "path"), [("OPTIONS", "/shop/f"), ("OPTIONS", f"/{DEAL}/f")])
def test_site__that_is_none__calls_by_name_have_the_gateways_cors(method, path):
    gateway = SiteGateway(is_site=False, cors_origins=("https://x.example",))
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}

    preflight = gateway.send(method, path, headers=asked)
    called = gateway.send("POST", path, content=b"[]", headers={"Origin": "https://x.example"})
    refused = gateway.send("GET", path, headers={"Origin": "https://x.example"})
    other = gateway.send("POST", path, content=b"[]", headers={"Origin": "https://y.example"})

    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert len(gateway.peers.requests) == 2
    for answer in (preflight, called, refused):
        assert answer.headers["access-control-allow-origin"] == "https://x.example"
    assert "wasmarket-receipt" in called.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


def test_site__preflight_where_the_app_names_origins__is_answered_without_a_key_or_the_peer():
    gateway = SiteGateway(app_cors={"origins": ["https://x.example"], "headers": ["x-mine"]})
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "PATCH"}

    preflight = gateway.send("OPTIONS", "/shop/notes", headers=asked)
    other = gateway.send("OPTIONS", "/shop/", headers=asked | {"Origin": "https://y.example"})

    assert gateway.peers.requests == []
    assert (preflight.status_code, other.status_code) == (204, 204)
    assert preflight.headers["access-control-allow-origin"] == "https://x.example"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"].endswith(", x-mine")
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in other.headers


def test_site__whose_app_names_origins__its_answers_and_refusals_can_be_read_by_them():
    gateway = SiteGateway(app_cors={"origins": ["https://x.example"]})
    gateway.answers("HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\n\r\nhi")
    origin = {"Origin": "https://x.example"}

    page = gateway.send("GET", "/shop/", headers=origin)
    stranger = gateway.send("GET", "/shop/", headers={"Origin": "https://y.example"})
    gateway.peers.answer(1, refusal(401))
    refused = gateway.send("GET", "/shop/", headers=origin)

    for answer in (page, refused):
        assert answer.headers.get_list("access-control-allow-origin") == ["https://x.example"]
    assert refused.status_code == 401
    assert "access-control-allow-origin" not in stranger.headers


def test_site__preflight_that_needs_a_key_and_has_no_rules__says_who_sets_them(gateway):
    gateway.peers.answer(1, refusal(401))
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}

    answer = gateway.send("OPTIONS", "/shop/", headers=asked)

    assert_problem(answer, 403, "forbidden")
    assert "[cors]" in answer.json()["remedy"]


def test_cors__of_an_app__holds_for_its_calls_unless_the_operator_named_the_deal():
    rules = {"origins": ["https://x.example"]}
    ours = SiteGateway(is_site=False, app_cors=rules, cors_origins=("https://z.example",))
    named = SiteGateway(is_site=False, app_cors=rules, cors={"shop": "https://z.example"})
    origin = {"Origin": "https://x.example"}

    mine = ours.send("POST", TARGET, content=b"[]", headers=origin)
    theirs = named.send("POST", TARGET, content=b"[]", headers=origin)

    assert mine.headers["access-control-allow-origin"] == "https://x.example"
    assert "access-control-allow-origin" not in theirs.headers


def test_site__request_with_authorization__is_marked_as_a_message_that_may_be_signed(gateway):
    gateway.send("GET", "/shop/", headers={"Authorization": "Wasmarket x", "Wasmarket-Site": "0"})

    passed = gateway.peers.requests[-1].headers
    assert passed.get_list("wasmarket-site") == ["1"]
    assert passed["authorization"] == "Wasmarket x"


def test_call__callers_own_mark_of_a_site__is_dropped():
    gateway = SiteGateway(is_site=False)

    gateway.send("POST", "/shop/f", content=b"[]", headers={"Wasmarket-Site": "1"})

    assert "wasmarket-site" not in gateway.peers.requests[-1].headers


def test_site__body_above_the_apps_limit__reaches_no_peer():
    gateway = SiteGateway(limits={"input_bytes": 500})

    assert_problem(gateway.send("POST", "/shop/", content=b"x" * 400), 413, "too-large")
    assert_problem(gateway.send("GET", "/shop/", headers={"X": "y" * 500}), 413, "too-large")
    assert gateway.peers.requests == []
    assert gateway.send("POST", "/shop/", content=b"x" * 100).status_code == 200


@pytest.mark.parametrize("is_declared", [True, False])
def test_site__long_body__streams_to_one_peer(is_declared):
    gateway = SiteGateway(max_body_bytes=1_000_000, held_body_bytes=1_000)
    parts = [bytes([n]) * 400 for n in range(20)]

    async def chunks():
        for part in parts:
            yield part

    headers = {"Content-Length": str(400 * 20)} if is_declared else {}
    answer = gateway.send("POST", "/shop/", content=chunks(), headers=headers)

    assert answer.status_code == 200
    assert gateway.message[2] == b"".join(parts)


def test_site__long_body_that_never_ends__is_cut_at_the_limit():
    gateway = SiteGateway(max_body_bytes=10_000, held_body_bytes=1_000)
    sent = []

    async def chunks():
        for part in range(1_000):
            sent.append(part)
            yield b"x" * 1_000

    assert_problem(gateway.send("POST", "/shop/", content=chunks()), 413, "too-large")
    assert len(sent) < 20


def test_site__last_part_of_a_body_above_the_limit__is_refused():
    parts = [(b"x" * 6_000, True), (b"x" * 6_000, False)]

    async def receive():
        body, more = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    async def read():
        limits = BodyLimits(10_000, 1_000, 5.0)
        scope = {"method": "PUT", "raw_path": b"/", "query_string": b"", "headers": []}
        body = await Incoming(scope, receive).read_body(limits)
        return [part async for part in body.more]

    with pytest.raises(TooLarge):
        asyncio.run(read())
    assert parts == []


def test_site__that_is_none__takes_calls_by_service_and_function():
    gateway = SiteGateway(is_site=False, services=2)

    assert gateway.send("POST", "/shop/web1/f?x=1", content=b"[]").status_code == 200
    assert gateway.peers.requests[-1].url.raw_path.decode() == f"/v1/deals/{DEAL}/web1/f?x=1"
    for method, path in (("GET", "/shop/web/f"), ("POST", "/shop/f"), ("POST", "/shop/a/b/c")):
        assert_problem(gateway.send(method, path), 404, "not-found")


def test_site__that_is_none_with_one_service__takes_calls_by_function_alone():
    gateway = SiteGateway(is_site=False)

    assert gateway.send("POST", f"/{DEAL}/f", content=b"[]").status_code == 200
    assert gateway.peers.requests[-1].url.path == f"/v1/deals/{DEAL}/web/f"


@pytest.mark.enable_socket  # it looks for the app where nobody answers
def test_site__app_that_nobody_has__only_calls_go_through():
    gateway = SiteGateway(is_known=False)

    assert_problem(gateway.send("GET", "/shop/"), 503, "unreachable")
    assert gateway.send("POST", "/shop/web/f", content=b"[]").status_code == 200


@pytest.mark.parametrize("name", ["nobody", "0", "99999999999", "-1", "shöp"])
def test_site__unknown_name__is_not_found(gateway, name):
    assert_problem(gateway.send("GET", f"/{name}/x"), 404, "not-found")


def test_site__unknown_deal__is_not_found(gateway):
    assert_problem(gateway.send("GET", "/99/x"), 404, "not-found")


def test_site__unpaid__is_payment_required(gateway):
    gateway.directory.routes[DEAL] = route(1, status=DealStatus.LAPSED)

    assert_problem(gateway.send("GET", "/shop/"), 402, "runway-over")


def test_site__read__may_be_asked_twice_and_a_form_may_not(gateway):
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"):
        gateway.send(method, "/shop/")

    idempotent = [request.extensions["idempotent"] for request in gateway.peers.requests]
    assert idempotent == [True] * 5 + [False] * 2


def test_site__gateways_own_paths__stay_its_own(gateway):
    answers = gateway.send_all(
        *[("GET", path, {}) for path in ("/v1/status", "/metrics", "/docs", "/openapi.json")]
    )

    assert [answer.status_code for answer in answers] == [200] * 4
    assert gateway.peers.requests == []


def test_site__app_is_looked_up_once_for_many_visitors(gateway):
    async def visit():
        async with gateway.open() as client:
            return await asyncio.gather(*(client.get("/shop/") for _ in range(20)))

    assert {answer.status_code for answer in asyncio.run(visit())} == {200}
    assert gateway.directory.asked == 1
    shutil.rmtree(gateway.settings_folder)
    assert gateway.send("GET", "/shop/").status_code == 200
