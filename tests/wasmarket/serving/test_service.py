"""What every service answers: problems with remedies, request ids, one-time signed requests."""

import asyncio
import base64

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi import Request as HttpRequest
from prometheus_client import CollectorRegistry

from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.errors import InvalidInput, PortInUse, RunwayOver
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.signatures import address_of
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.bodies import MAX_BODY, read_body
from wasmarket.serving.pages import decode_cursor, encode_cursor
from wasmarket.serving.server import bind
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

pytestmark = pytest.mark.unit

KEY = b"\x07" * 32
NOW = 1_000
READY = Readiness(True)
DOMAIN = market_domain(31337, ZERO_ADDRESS)


def build_app(now: int = NOW, readiness: Readiness = READY) -> FastAPI:
    app = create_service(
        ServiceInfo("test", "1.2.3"),
        status=lambda: ServiceStatus(31337, {}, 7, 6, 0),
        readiness=lambda: readiness,
        registry=CollectorRegistry(),
    )
    authenticator = Authenticator(DOMAIN, lambda: now, max_body=100)

    @app.get("/over")
    def over() -> None:
        raise RunwayOver("deal 3 has no money", field="deal", remedy="top it up")

    @app.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    @app.get("/number/{n}")
    def number(n: int) -> int:
        return n

    @app.post("/list")
    def add(numbers: list[int]) -> int:
        return len(numbers)

    @app.put("/much")
    async def much(request: HttpRequest) -> int:
        return len(await read_body(request, 2 * MAX_BODY))

    @app.put("/who")
    async def who(signer: str = Depends(authenticator)) -> str:
        return signer

    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def fetch(app: FastAPI, method: str, path: str, **kwargs) -> httpx.Response:
    async def run() -> httpx.Response:
        async with client(app) as http:
            return await http.request(method, path, **kwargs)

    return asyncio.run(run())


def signed(method: str = "PUT", target: str = "/who?a=1", body: bytes = b"x", **changes) -> str:
    fields = {"expires": NOW + 60, "nonce": to_hash(b"\x01" * 32)} | changes
    return sign_request(Request(method, target, body, **fields), DOMAIN, KEY)


def test_error__from_the_tree__is_a_problem_with_field_and_remedy():
    answer = fetch(build_app(), "GET", "/over", headers={"X-Request-Id": "abc"})

    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:wasmarket:runway-over",
        "title": "Payment required",
        "status": 402,
        "detail": "deal 3 has no money",
        "field": "deal",
        "remedy": "top it up",
        "request_id": "abc",
    }


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [("/nowhere", 404, "not-found"), ("/number/x", 400, "invalid-input"), ("/bug", 500, "error")],
)
def test_error__of_any_other_kind__is_a_problem_too(path, status, slug):
    answer = fetch(build_app(), "GET", path)

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:wasmarket:{slug}"
    assert "ZeroDivision" not in answer.text


def test_request_id__hostile__is_replaced():
    answer = fetch(build_app(), "GET", "/v1/health/live", headers={"X-Request-Id": "a b{}"})

    assert answer.headers["x-request-id"] != "a b{}"


def test_ready__not_ready__says_why():
    answer = fetch(
        build_app(readiness=Readiness(False, "the chain is silent")), "GET", "/v1/health/ready"
    )

    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "reason": "the chain is silent"}


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/health/live", "/metrics", "/docs", "/openapi.json"]
)
def test_common_routes__answer(path):
    assert fetch(build_app(), "GET", path).status_code == 200


def test_authenticator__signed_request__names_the_signer():
    answer = fetch(
        build_app(), "PUT", "/who?a=1", content=b"x", headers={"Authorization": signed()}
    )

    assert answer.json() == address_of(KEY)


def test_authenticator__sent_twice__conflict():
    app = build_app()
    send = {"content": b"x", "headers": {"Authorization": signed()}}
    fetch(app, "PUT", "/who?a=1", **send)

    assert fetch(app, "PUT", "/who?a=1", **send).status_code == 409


@pytest.mark.parametrize(
    ("header", "body", "status", "slug"),
    [
        (None, b"x", 401, "unauthorized"),
        ("Bearer abc", b"x", 401, "unauthorized"),
        (signed(expires=NOW - 1), b"x", 400, "expired"),
        (signed(expires=NOW + 4_000), b"x", 401, "unauthorized"),
        (signed(), b"y", 400, "invalid-signature"),
        (signed(target="/who?a=2"), b"x", 400, "invalid-signature"),
        (signed(method="POST"), b"x", 400, "invalid-signature"),
        (signed(), b"x" * 101, 413, "too-large"),
    ],
)
def test_authenticator__wrong_request__is_refused(header, body, status, slug):
    headers = {} if header is None else {"Authorization": header}
    answer = fetch(build_app(), "PUT", "/who?a=1", content=body, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")


async def in_pieces(size: int):
    for _ in range(0, size, 1024):
        yield b" " * 1024


LONG = f"[{' ' * MAX_BODY}]".encode()


@pytest.mark.parametrize("is_declared", [True, False])
def test_body__longer_than_any_route_asked_for__is_too_large(is_declared):
    content = LONG if is_declared else in_pieces(2 * MAX_BODY)
    answer = fetch(
        build_app(),
        "POST",
        "/list",
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wasmarket:too-large")
    assert str(MAX_BODY) in answer.json()["detail"]
    assert answer.json()["remedy"]


def test_body__without_an_end__is_read_no_further_than_the_limit():
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1024
            yield b" " * 1024

    headers = {"Content-Type": "application/json"}
    answer = fetch(build_app(), "POST", "/list", content=endless(), headers=headers)

    assert answer.status_code == 413
    assert read <= 2 * MAX_BODY


@pytest.mark.parametrize("path", ["/much", "/list", "/who"])
def test_body__whose_client_goes_away__is_no_fault_of_the_service(path, caplog):
    scope = {
        "type": "http",
        "method": "POST" if path == "/list" else "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"99")],
        "state": {},
    }
    parts = iter([
        {"type": "http.request", "body": b"[1,", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive():
        return next(parts)

    async def send(message):
        sent.append(message)

    sent: list[dict] = []
    asyncio.run(build_app()(scope, receive, send))

    assert sent[0]["status"] < 500
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_body__of_a_route_that_takes_more__has_that_routes_limit():
    sizes = (2 * MAX_BODY, 2 * MAX_BODY + 1024)
    answers = [fetch(build_app(), "PUT", "/much", content=in_pieces(size)) for size in sizes]

    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[0].json() == 2 * MAX_BODY


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_500,
        "[" * 10**6,
        '{"a":' * 1_500,
        "[" + "9" * 5_000 + "]",
        "[1e999]",
        "[[1]]",
        "[null]",
        "[true]",
        "1",
        "",
    ],
    ids=lambda text: text[:8],
)
@pytest.mark.parametrize("kind", [int, str])
def test_decode_cursor__any_json__is_bad_input(text, kind):
    cursor = base64.urlsafe_b64encode(text.encode()).decode()

    with pytest.raises(InvalidInput, match="not one of ours"):
        decode_cursor(cursor, kind)


def test_decode_cursor__text_with_nul__is_bad_input():
    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor("0x\0"), str)


def test_cursor__round_trip_and_forged():
    assert decode_cursor(encode_cursor(5, "a"), int, str) == (5, "a")
    assert decode_cursor(None, int) is None
    forged = ("!", "e30", encode_cursor(5), "W3RydWUsMV0", encode_cursor("a", 5))
    for cursor in (*forged, encode_cursor(5, 2**63), encode_cursor(5, -(2**63))):
        with pytest.raises(InvalidInput):
            decode_cursor(cursor, int, int)


@pytest.mark.enable_socket
def test_bind__port_taken__says_so():
    taken = bind("127.0.0.1", 0)
    taken.listen()
    try:
        with pytest.raises(PortInUse, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])
    finally:
        taken.close()
