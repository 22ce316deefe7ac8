"""Requests that are valid but odd: every service answers them as HTTP says."""

import asyncio
import base64
import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from tests.wasmarket.serving.raw_server import RawAnswer, serve_raw
from wasmarket.kernel import errors
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.pages import Cursor, decode_cursor
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

pytestmark = pytest.mark.unit


class Thing(BaseModel):
    number: int
    more: Any = None


def make_service() -> FastAPI:
    app = create_service(
        ServiceInfo("test", "1"),
        status=lambda: ServiceStatus(1, {}, None, None, None),
        readiness=lambda: Readiness(True),
        registry=CollectorRegistry(),
    )

    @app.post("/things")
    def make_thing(thing: Thing) -> dict[str, str]:
        return {"number": str(thing.number)}

    @app.get("/things/{number}")
    def read_thing(number: int, cursor: Cursor = None) -> dict[str, Any]:
        return {"number": number, "at": decode_cursor(cursor, int)}

    @app.put("/things/{number}")
    def replace_thing(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/endless")
    async def read_endless() -> StreamingResponse:
        async def lines() -> Any:
            yield "first\n"
            await asyncio.Event().wait()

        return StreamingResponse(lines())

    return app


def ask(method: str, path: str, body: bytes = b"") -> RawAnswer:
    head = f"{method} {path} HTTP/1.1\r\nHost: p\r\nContent-Type: application/json\r\n"
    message = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def run() -> RawAnswer:
        async with serve_raw(make_service()) as server:
            client = await server.connect()
            await client.send(message)
            return await client.read_answer(has_body=method != "HEAD")

    return asyncio.run(run())


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/health/live", "/v1/health/ready", "/metrics", "/things/7", "/docs"]
)
def test_head__of_what_can_be_read__has_the_head_of_its_answer(path: str) -> None:
    read, head = ask("GET", path), ask("HEAD", path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == read.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == read.headers["content-length"]
    assert head.headers["date"]


def test_head__of_an_endless_answer__ends() -> None:
    async def run() -> tuple[int, int]:
        async with serve_raw(make_service()) as server:
            client = await server.connect()
            await client.send(b"HEAD /endless HTTP/1.1\r\nHost: p\r\n\r\n")
            first = await client.read_answer(has_body=False)
            await client.send(b"GET /v1/health/live HTTP/1.1\r\nHost: p\r\n\r\n")
            return first.status, (await client.read_answer()).status

    assert asyncio.run(run()) == (200, 200)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/things/7", "get, head, options, put"),
        ("GET", "/things", "options, post"),
        ("HEAD", "/things", "options, post"),
        ("POST", "/metrics", "get, head, options"),
        ("TRACE", "/v1/status", "get, head, options"),
    ],
)
def test_method__that_a_path_does_not_take__is_told_which_it_takes(
    method: str, path: str, allowed: str
) -> None:
    answer = ask(method, path)

    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("path", "status", "allowed"),
    [
        ("/things/7", 204, "get, head, options, put"),
        ("/v1/status", 204, "get, head, options"),
        ("*", 204, "get, head, options, post, put"),
        ("/nothing", 404, None),
    ],
)
def test_options__of_a_path__name_its_methods(path: str, status: int, allowed: str | None) -> None:
    answer = ask("OPTIONS", path)

    assert (answer.status, answer.headers.get("allow")) == (status, allowed)


DIGITS = b"9" * 5_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"number":' + DIGITS + b"}",
        b'{"number":-' + DIGITS + b"}",
        b'{"number":"' + DIGITS + b'"}',
        b'{"number":1e999}',
        b'{"number":NaN}',
        b'{"number":1,"more":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"number":1,"more":' + b'{"a":' * 10_000,
        b"[" * 60_000,
        b"\xff\xfe",
        b'{"number":1',
        b"",
    ],
)
def test_body__that_no_document_of_ours_is__is_the_senders_fault(body: bytes) -> None:
    answer = ask("POST", "/things", body)

    assert answer.status == 400
    problem = json.loads(answer.body)
    assert (problem["type"], problem["title"]) == ("urn:wasmarket:invalid-input", "Invalid input")
    assert problem["remedy"]


@pytest.mark.parametrize(
    "key",
    [b"[" * 300, b"[" * 2_000, b"[" + DIGITS + b"]", b"[1.5]", b"{}", b"[9223372036854775808]"],
)
def test_cursor__that_is_not_ours__is_refused(key: bytes) -> None:
    cursor = base64.urlsafe_b64encode(key).decode().rstrip("=")

    answer = ask("GET", f"/things/7?cursor={cursor}")

    assert (answer.status, json.loads(answer.body)["field"]) == (400, "cursor")


@pytest.mark.parametrize("path", [f"/things/{DIGITS.decode()}", "/things/%00", "/things/1e3"])
def test_number__in_a_path__out_of_all_range__is_refused(path: str) -> None:
    assert ask("GET", path).status == 400


@pytest.mark.parametrize("data", [b"[" * 5_000, DIGITS, b"\xff", b"", b"1 2", b'{"a":1,}'])
def test_read_json__of_no_json__says_so(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="the body is"):
        read_json(data)


def test_read_json__of_another_type__says_where() -> None:
    with pytest.raises(InvalidInput, match=r"the answer is not as it should be.*\$\[1\]"):
        read_json(b'[1, "a"]', list[int], what="the answer")


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        (errors.Unauthorized, "Unauthorized"),
        (errors.Forbidden, "Forbidden"),
        (errors.NotFound, "Not found"),
        (errors.Conflict, "Conflict"),
        (errors.RunwayOver, "Payment required"),
        (errors.TooLarge, "Content too large"),
        (errors.Unreachable, "Service unavailable"),
        (errors.BrokenOff, "Bad gateway"),
    ],
)
def test_title__of_an_error__is_the_word_that_people_search_for(
    kind: type[errors.MarketError], title: str
) -> None:
    assert kind.title() == title
