"""Publishing: everything below the roots arrives at a gateway, in signed pieces of bounded size."""

import httpx
import pytest
from fastapi import FastAPI, Response

from wasmarket.content.exporter import read_file
from wasmarket.content.folder import BlockFolder
from wasmarket.content.importer import import_bytes
from wasmarket.content.ledger import Quota
from wasmarket.content.uploader import upload
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.errors import (
    ContentNotFound,
    LimitReached,
    MarketError,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)

pytestmark = pytest.mark.unit

DEVELOPER = to_address(b"\x01" * 20)
URL = "http://gateway"


@pytest.fixture
def own(tmp_path):
    return BlockFolder(tmp_path / "own")


def test_upload__large_file_and_block__all_there_in_several_requests(
    own, gateway, open_client, sign
):
    data = bytes(range(256)) * 4_096 * 18
    large = import_bytes(data + b"end", own.put).cid
    small = import_bytes(b"small", own.put).cid
    signed = []

    def count(method, target, body):
        signed.append((method, target, len(body)))
        return sign(DEVELOPER)(method, target, body)

    sent = upload(open_client(gateway.app), URL + "/", [large, small, large], own.get, count)

    assert sent == len(set(own.cids())) == 4
    assert read_file(large, gateway.folder.get) == data + b"end"
    assert gateway.folder.get(small) == b"small"
    assert all(entry[:2] == ("POST", "/v1/blocks") for entry in signed)


def test_upload__more_than_a_batch__split(own, gateway, open_client, sign):
    cids = [import_bytes(bytes([i]) * 1024 * 1024, own.put).cid for i in range(9)]
    sizes = []

    def count(method, target, body):
        sizes.append(len(body))
        return sign(DEVELOPER)(method, target, body)

    assert upload(open_client(gateway.app), URL, cids, own.get, count) == 9
    assert len(sizes) == 5
    assert max(sizes) < 3 * 1024 * 1024
    assert set(gateway.folder.cids()) == set(cids)


def test_upload__again__sends_what_is_lacking_and_renews_the_rest(own, gateway, open_client, sign):
    cids = [import_bytes(bytes([i]) * 1024, own.put).cid for i in range(4)]
    upload(open_client(gateway.app), URL, cids[:3], own.get, sign(DEVELOPER))
    targets, told = [], []

    def count(method, target, body):
        targets.append(target)
        return sign(DEVELOPER)(method, target, body)

    client = open_client(gateway.app)
    sent = upload(client, URL, cids, own.get, count, lambda *facts: told.append(facts))

    assert sent == 1
    assert told == [(3 * 1024, 4 * 1024), (4 * 1024, 4 * 1024)]
    assert targets == ["/v1/blocks", *(f"/v1/blocks/{cid}/pin" for cid in cids)]


def test_upload__nothing__sends_nothing(own, gateway, open_client, sign):
    assert upload(open_client(gateway.app), URL, [], own.get, sign(DEVELOPER)) == 0


def test_upload__block_missing_here__not_found(own, gateway, open_client, sign):
    with pytest.raises(ContentNotFound):
        upload(open_client(gateway.app), URL, [raw_cid(b"x")], own.get, sign(DEVELOPER))


def test_upload__over_quota__the_gateway_s_refusal_with_its_remedy(
    own, make_gateway, open_client, sign
):
    gateway = make_gateway("small", Quota(signer_bytes=1))
    cid = import_bytes(b"x", own.put).cid

    with pytest.raises(LimitReached, match=r"http://gateway: .* keeps 0 of 1 bytes") as caught:
        upload(open_client(gateway.app), URL, [cid], own.get, sign(DEVELOPER))

    assert caught.value.remedy


def test_upload__not_signed__unauthorized(own, gateway, open_client):
    cid = import_bytes(b"x", own.put).cid

    with pytest.raises(Unauthorized):
        upload(open_client(gateway.app), URL, [cid], own.get, lambda *_: {})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(b"<html>", 502), Unreachable),
        (Response(b"[]", 200, media_type="application/json"), Unreachable),
        (Response(b'{"type":"about:blank","detail":"no"}', 418), Refused),
    ],
)
def test_upload__answer_is_not_ours__says_so(own, open_client, sign, answer, error):
    app = FastAPI()
    app.post("/v1/blocks")(lambda: answer)
    cid = import_bytes(b"x", own.put).cid

    with pytest.raises(error, match="http://gateway") as caught:
        upload(open_client(app), URL, [cid], own.get, sign(DEVELOPER))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.ConnectError("refused"), Unreachable), (httpx.ReadTimeout("slow"), TimedOut)],
)
def test_upload__gateway_away__unreachable_with_remedy(own, sign, failure, error):
    class Away(httpx.BaseTransport):
        def handle_request(self, request):
            raise failure

    cid = import_bytes(b"x", own.put).cid
    with httpx.Client(transport=Away()) as client, pytest.raises(MarketError) as caught:
        upload(client, URL, [cid], own.get, sign(DEVELOPER))

    assert type(caught.value) is error
    assert caught.value.remedy
