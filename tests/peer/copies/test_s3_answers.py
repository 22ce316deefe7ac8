"""What a store answers is read page by page, and never believed further than it can be."""

import httpx
import pytest

from peer.copies.s3 import S3Copies
from peer.copies.signature_v4 import S3Credentials
from wasmarket.kernel.errors import BadContent, Refused, Unreachable

pytestmark = pytest.mark.unit

PAGE = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
{entries}{next}</ListBucketResult>"""
ENTRY = "<Contents><Key>at/peer/{name}</Key><Size>{size}</Size></Contents>"


def page(*names, then="", size=416):
    token = f"<NextContinuationToken>{then}</NextContinuationToken>" if then else ""
    entries = "".join(ENTRY.format(name=name, size=size) for name in names)
    return httpx.Response(200, text=PAGE.format(entries=entries, next=token))


def open_store(answer):
    client = httpx.Client(transport=httpx.MockTransport(answer))
    credentials = S3Credentials("key", "secret")
    return S3Copies("s3+https://store.example/copies/at", "peer", credentials, client)


def test_sizes__several_pages__are_read_to_the_end():
    asked = []

    def answer(request):
        asked.append(request.url.params.get("continuation-token"))
        return page("a", "b", then="t+/=") if len(asked) == 1 else page("c")

    assert open_store(answer).sizes() == {"a": 416, "b": 416, "c": 416}
    assert asked == [None, "t+/="]


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (httpx.Response(200, text="no list"), BadContent, "no list of files"),
        (page("a", size="many"), BadContent, "no size"),
        (httpx.Response(200, content=b" " * (9 << 20)), BadContent, "more than"),
        (httpx.Response(503), Unreachable, "answers 503"),
        (httpx.Response(429), Unreachable, "answers 429"),
        (httpx.Response(403, text="<Error><Code>No</Code></Error>"), Refused, "403 No"),
        (httpx.Response(403, content=b"<" * 100_000), Refused, "refuses: 403$"),
    ],
)
def test_sizes__answer_that_is_none__is_told(answer, error, why):
    with pytest.raises(error, match=why):
        open_store(lambda request: answer).sizes()


def test_get__answer_breaks_off__leaves_no_file(tmp_path):
    def broken():
        yield b"r" * 416
        raise httpx.ReadError("gone")

    store = open_store(lambda request: httpx.Response(200, content=broken()))

    with pytest.raises(Unreachable, match="gone"):
        store.get("receipts/9/0000000001.receipts", tmp_path / "room" / "file")
    assert list((tmp_path / "room").iterdir()) == []
