"""Messages for functions: whatever comes in reads back the same, and nothing can forge a line."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.messages import (
    HOP_BY_HOP,
    BadAnswer,
    RequestOrigin,
    confine_cookie,
    find_head,
    read_response,
    write_request,
)

pytestmark = pytest.mark.unit

ORIGIN = RequestOrigin("1.2.3.4", "https", "shop.example", "/shop", "id")
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(
    lambda name: not name.startswith("wasmarket") and name.strip("-")
)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=8)


class Read:
    """A request as a library reads it."""

    def __init__(self, message):
        self.headers = []
        self.url = b""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(message)
        self.method = parser.get_method()

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.headers.append((name, value))


def encode(headers):
    return [(name.encode(), value.encode()) for name, value in headers]


@given(HEADERS, st.sampled_from(["/", "/a/b", "/a?b=c", "/%2F?x=%20"]))
def test_write_request__whatever_was_sent__a_library_reads_the_same(headers, target):
    message = write_request("GET", target, encode(headers), ORIGIN)

    read = Read(message)
    assert (read.method, read.url.decode()) == (b"GET", target)
    named = {
        part.strip() for name, value in headers if name == "connection" for part in value.split(",")
    }
    ours = [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-host", b"shop.example")]
    kept = [
        (name, value)
        for name, value in encode(headers)
        if name not in HOP_BY_HOP and name.decode() not in named | {"expect", "forwarded"}
    ]
    assert read.headers[: len(kept)] == kept
    assert read.headers[len(kept) : len(kept) + 2] == ours


@given(st.binary(max_size=200))
def test_read_response__any_bytes__gives_clean_lines_or_refuses(data):
    head = b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"
    try:
        read = read_response(head[: find_head(head)])
    except BadAnswer:
        return
    for name, value in read.headers:
        assert name
        assert not set(name) & set(b"\r\n\0: ")
        assert not set(value) & set(b"\r\n\0")
        assert name not in HOP_BY_HOP | {b"content-length"}


@given(HEADERS, st.integers(200, 599), st.binary(max_size=50))
def test_read_response__what_a_function_wrote__is_what_the_caller_gets(headers, status, body):
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in encode(headers))
    message = b"HTTP/1.1 %d -\r\n" % status + lines + b"\r\n" + body

    read = read_response(message[: find_head(message)])

    assert read.status == status
    assert message[read.size :] == body
    assert set(read.headers) <= {(name, value.strip()) for name, value in encode(headers)}


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60))
def test_confine_cookie__whatever_it_says__stays_below_the_site(cookie):
    parts = [part.strip() for part in confine_cookie(cookie.encode(), "/shop").split(b";")]

    paths = [part for part in parts[1:] if part.lower().partition(b"=")[0].strip() == b"path"]
    assert len(paths) == 1
    assert paths[0].startswith(b"Path=/shop/")
    assert not any(part.lower().partition(b"=")[0].strip() == b"domain" for part in parts[1:])
