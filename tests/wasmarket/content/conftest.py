"""A gateway in one process: a folder, its ledger, and the routes over both."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request

from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import Quota, UploadLedger
from wasmarket.content.trustless.routes import create_gateway_router
from wasmarket.content.upload_routes import create_upload_router
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import Unauthorized
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.content_digest import write_content_digest
from wasmarket.kernel.units import Address, Timestamp
from wasmarket.serving.problems import add_problem_handlers

START = Timestamp(1_000_000)
QUOTA = Quota(signer_bytes=40 * 1024 * 1024)


def signer_of(request: Request, body_sha256: bytes) -> Address:
    """Take the named signer at their word, if they name the body's hash too."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    address, _, hashed = rest.partition(":")
    if scheme != "Test" or hashed != body_sha256.hex():
        raise Unauthorized("the request is not signed")
    return parse_address(address)


def sign_as(address: Address) -> Callable[[str, str, bytes], dict[str, str]]:
    """Return what `signer_of` accepts."""

    def sign(method: str, target: str, body: bytes) -> dict[str, str]:
        hashed = sha256(body)
        return {
            "Authorization": f"Test {address}:{hashed.hex()}",
            "Content-Digest": write_content_digest(hashed),
        }

    return sign


class InProcess(httpx.BaseTransport):
    """Let a blocking client call an application without a socket."""

    def __init__(self, app: FastAPI):
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._call(request))

    async def _call(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        declared = "content-length" in request.headers
        content = b"".join(request.stream) if declared else pieces_of(request.stream)
        async with httpx.AsyncClient(transport=self._transport) as client:
            # Only what the test's own client has sent.
            del client.headers["accept"]
            answer = await client.request(
                request.method, request.url, headers=request.headers, content=content
            )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


async def pieces_of(stream: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in stream:
        yield piece


@dataclass
class Gateway:
    """What a test needs of a gateway: its store, its application, and its chain time."""

    folder: BlockFolder
    ledger: UploadLedger
    now: Timestamp = START
    app: FastAPI = field(init=False)

    def __post_init__(self):
        self.app = FastAPI()
        add_problem_handlers(self.app)
        self.app.include_router(create_gateway_router(self.folder))
        self.app.include_router(
            create_upload_router(
                self.folder, self.ledger, signer_of, lambda: self.now, max_bytes=9 * 1024 * 1024
            )
        )


@pytest.fixture
def sign():
    return sign_as


@pytest.fixture
def open_client():
    """Open a blocking client of an application."""
    clients = []

    def open_one(app: FastAPI) -> httpx.Client:
        clients.append(httpx.Client(transport=InProcess(app), base_url="http://gateway"))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def make_gateway(tmp_path):
    def make(name: str, quota: Quota = QUOTA) -> Gateway:
        folder = BlockFolder(tmp_path / name)
        return Gateway(folder, UploadLedger(folder, quota))

    return make


@pytest.fixture
def gateway(make_gateway):
    return make_gateway("gateway")
