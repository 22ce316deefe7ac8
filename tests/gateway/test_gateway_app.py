"""The whole gateway: uploads are signed and bounded, content is served, readiness tells why not."""

import asyncio
import secrets
import time

import httpx
import pytest

from gateway.run import GatewayParts, create_gateway
from gateway.settings import GatewaySettings
from gateway.upstream.probes import Prober
from tests.gateway.peers import FakeDirectory, route
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.nonce_files import NonceFiles
from wasmarket.serving.outbound import Outbound
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

NOW = 1_000_000
SIGNER = Account.from_key(b"\x05" * 32)


class WholeGateway:
    """A gateway as it is served, without a socket."""

    def __init__(self, folder, **settings):
        self.deployment = fake_deployment()
        self.chain_is_away = False
        self.folder, self.settings = folder, GatewaySettings(**settings)
        self.app = self.make()

    def make(self):
        parts = GatewayParts(
            version="1.2.3",
            deployment=self.deployment,
            directory=FakeDirectory(route(1)),
            outbound=Outbound(allow_private=True),
            folder=self.folder,
            now=lambda: NOW,
            refresh=self._refresh,
        )
        return create_gateway(self.settings, parts)

    def _refresh(self):
        if self.chain_is_away:
            raise Unreachable("the node is away")

    def sign(self, path, body, *, account=SIGNER, expires=NOW + 60, method="POST"):
        domain = market_domain(self.deployment.chain_id, self.deployment.market)
        request = Request(method, path, body, expires, to_hash(secrets.token_bytes(32)))
        return {"Authorization": sign_request(request, domain, account.key)}

    def send(self, method, path, **options):
        return self.send_all((method, path, options))[0]

    def send_all(self, *requests):
        async def run():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with (
                self.app.router.lifespan_context(self.app),
                httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
            ):
                return [await client.request(m, path, **options) for m, path, options in requests]

        return asyncio.run(run())

    def upload(self, body, **signing):
        return self.send(
            "POST", "/v1/blocks", content=body, headers=self.sign("/v1/blocks", body, **signing)
        )


@pytest.fixture
def gateway(tmp_path):
    return WholeGateway(tmp_path, quota_bytes=10_000, max_upload_bytes=9_000)


def assert_problem(answer, status, slug):
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_upload__signed__is_served_to_anybody(gateway):
    answer = gateway.upload(b"bytes")

    cid = raw_cid(b"bytes")
    assert (answer.status_code, answer.json()["cids"]) == (201, [str(cid)])
    assert gateway.send("GET", f"/ipfs/{cid}?format=raw").content == b"bytes"


def test_upload__not_signed__is_unauthorized(gateway):
    answer = gateway.send("POST", "/v1/blocks", content=b"bytes")

    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Wasmarket"


def test_upload__expired__is_refused(gateway):
    assert_problem(gateway.upload(b"bytes", expires=NOW - 1), 400, "expired")


def test_upload__signature_of_other_bytes__is_refused(gateway):
    headers = gateway.sign("/v1/blocks", b"bytes")

    answer = gateway.send("POST", "/v1/blocks", content=b"other", headers=headers)

    assert_problem(answer, 400, "invalid-signature")


def test_upload__signature_of_another_route__is_refused(gateway):
    headers = gateway.sign("/v1/blocks", b"")

    answer = gateway.send("POST", f"/v1/blocks/{raw_cid(b'x')}/pin", headers=headers)

    assert_problem(answer, 400, "invalid-signature")


def test_upload__sent_twice__counts_once(gateway):
    headers = gateway.sign("/v1/blocks", b"bytes")
    request = ("POST", "/v1/blocks", {"content": b"bytes", "headers": headers})

    first, second = gateway.send_all(request, request)

    assert first.status_code == 201
    assert_problem(second, 409, "conflict")


def test_upload__above_the_quota__is_refused_for_this_signer_only(gateway):
    assert gateway.upload(b"a" * 6_000).status_code == 201

    assert_problem(gateway.upload(b"b" * 6_000), 429, "limit-reached")
    assert gateway.upload(b"a" * 6_000).status_code == 201
    assert gateway.upload(b"b" * 6_000, account=Account.create()).status_code == 201


def test_upload__above_the_size__is_refused(gateway):
    assert_problem(gateway.upload(b"x" * 9_001), 413, "too-large")


def test_pin__content_that_is_not_here__is_not_found(gateway):
    path = f"/v1/blocks/{raw_cid(b'nowhere')}/pin"

    answer = gateway.send("POST", path, headers=gateway.sign(path, b""))

    assert_problem(answer, 404, "content-not-found")


def test_content__unknown__is_not_found(gateway):
    answer = gateway.send("GET", f"/ipfs/{raw_cid(b'nowhere')}?format=raw")

    assert_problem(answer, 404, "content-not-found")


def test_service__six_routes__answer(gateway):
    paths = ("/v1/status", "/v1/health/live", "/metrics", "/docs", "/openapi.json")

    answers = gateway.send_all(*[("GET", path, {}) for path in paths])

    assert [answer.status_code for answer in answers] == [200] * 5
    status = answers[0].json()
    assert (status["service"], status["version"], status["chain_id"]) == (
        "gateway",
        "1.2.3",
        31337,
    )
    assert status["contracts"]["Market"] == gateway.deployment.market


def test_ready__chain_away_and_back__says_why_and_recovers(gateway):
    gateway.chain_is_away = True

    async def wait_for(client, status, words):
        until = time.monotonic() + 10
        while True:
            answer = await client.get("/v1/health/ready")
            if answer.status_code == status and words in answer.json()["reason"]:
                return answer.json()
            assert time.monotonic() < until, answer.text
            await asyncio.sleep(0.01)

    async def watch():
        transport = httpx.ASGITransport(gateway.app)
        async with (
            gateway.app.router.lifespan_context(gateway.app),
            httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
        ):
            away = await wait_for(client, 503, "the node is away")
            gateway.chain_is_away = False
            return away, await wait_for(client, 200, "")

    away, back = asyncio.run(watch())

    assert away == {"ok": False, "reason": "chain: the node is away"}
    assert back == {"ok": True, "reason": ""}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/deals/1/s/f", "OPTIONS, POST"),
        ("PUT", "/v1/deals/1/s/f", "OPTIONS, POST"),
        ("DELETE", "/v1/deals/1", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/deals/1/access", "GET, HEAD, OPTIONS, PUT"),
        ("POST", "/v1/status", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/blocks", "OPTIONS, POST"),
    ],
)
def test_route__other_method__is_not_allowed_and_says_which_are(gateway, method, path, allowed):
    answer = gateway.send(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["type"] == "urn:wasmarket:method-not-allowed"
    taken = [name for name in allowed.split(", ") if name not in ("HEAD", "OPTIONS")]
    assert ", ".join(taken) in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/status", "/v1/health/live", "/metrics"])
def test_head__of_the_gateways_own_pages__is_answered(gateway, path):
    answer = gateway.send("HEAD", path)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/deals", "/v1/deals/1/s/f/g", "/docs/x"])
def test_route__that_is_none__says_so_and_speaks_of_no_alias(gateway, path):
    answer = gateway.send("GET", path)

    assert answer.status_code == 404
    assert "alias" not in answer.text
    assert answer.json()["remedy"]


@pytest.mark.parametrize("header", [None, "Bearer x", "Wasmarket 0x1:1:1:1"])
def test_upload__by_nobody__is_refused_before_it_is_read(gateway, header):
    read = 0

    async def body():
        nonlocal read
        while True:
            read += 1024
            yield bytes(1024)

    headers = {} if header is None else {"Authorization": header}
    answer = gateway.send("POST", "/v1/blocks", content=body(), headers=headers)

    assert answer.status_code in (400, 401)
    assert read <= 64 * 1024


def test_upload__signed_long_ago__is_refused_before_it_is_read(gateway):
    async def body():
        while True:
            yield bytes(1024)

    headers = gateway.sign("/v1/blocks", b"", expires=NOW - 1)
    answer = gateway.send("POST", "/v1/blocks", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:wasmarket:expired")


def test_loops__unforeseen_error_in_each__go_on_and_readiness_says_which(tmp_path, monkeypatch):
    gateway = WholeGateway(tmp_path)
    failing = [True]

    def fail(*_):
        if failing:
            raise ValueError("a bug")

    async def fail_later(*_):
        fail()

    monkeypatch.setattr(gateway, "_refresh", fail)
    monkeypatch.setattr(Prober, "probe_due", fail_later)
    monkeypatch.setattr(NonceFiles, "keep", fail_later)
    gateway.app = gateway.make()

    async def run():
        transport = httpx.ASGITransport(gateway.app, raise_app_exceptions=False)
        async with (
            gateway.app.router.lifespan_context(gateway.app),
            httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
        ):
            answer = await ready(client)
            while answer.text.count(": failed unexpectedly (ValueError") < 3:
                await asyncio.sleep(0)
                answer = await ready(client)
            failing.clear()
            while (await ready(client)).status_code != 200:
                await asyncio.sleep(0.01)
            return answer, (await client.get("/metrics")).text

    def ready(client):
        return client.get("/v1/health/ready")

    answer, metrics = asyncio.run(asyncio.wait_for(run(), 10))

    assert answer.status_code == 503
    for name in ("chain", "probes", "nonces"):
        assert f'wasmarket_loop_turns_total{{loop="{name}",outcome="bug"}}' in metrics
