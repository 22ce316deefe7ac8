"""Put a gateway together and serve it."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.calls import CallRelay, CallWatch
from gateway.api.cors import Cors
from gateway.api.edge import RESERVED, Edge, EdgeLimits
from gateway.api.incoming import BodyLimits
from gateway.api.measured import build_measured_route
from gateway.api.routes import build_call_routes, build_site_routes
from gateway.api.sites import Sites
from gateway.directory.apps import Apps
from gateway.directory.deals import Directory, RememberingDirectory
from gateway.directory.payers import PAYER_SECONDS, Payers
from gateway.metrics import GatewayMetrics
from gateway.settings import GatewaySettings
from gateway.upstream.access_documents import AccessDocuments
from gateway.upstream.choice import Choice, ChoiceRules
from gateway.upstream.forward import Forwarder, Usual
from gateway.upstream.measurements import Measurements
from gateway.upstream.probes import Prober
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import Quota, UploadLedger
from wasmarket.content.trustless.routes import create_gateway_router
from wasmarket.content.upload_routes import create_upload_router
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import ConfigError, NotFound
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Timestamp
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.bodies import BoundedBodies
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.serving.daemon import Loops, Pace, TaskLoop
from wasmarket.serving.explorer.files import load_site
from wasmarket.serving.explorer.routes import ExplorerSettings, explorer_routes
from wasmarket.serving.http1.methods import ImpliedMethods
from wasmarket.serving.nonce_files import SYNC_SECONDS, NonceFiles
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client
from wasmarket.serving.peer_wire.wire import PooledWire, Wire
from wasmarket.serving.service import (
    HostedPart,
    Readiness,
    RequestIds,
    ServiceInfo,
    build_status,
    create_service,
)

logger = logging.getLogger(__name__)

MANIFEST_LIMITS = FetchLimits(source_seconds=2.0)
COLLECT_PAUSE = 300.0
"""Most seconds until removing content is tried again."""
ACCESS_SECONDS = 1.0
"""Pause between two looks at whether deals have new peers to be told who may call."""
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the composition root gives a gateway."""

    version: str
    deployment: Deployment
    directory: Directory
    outbound: Outbound
    """Where peers may be."""
    folder: Path
    """Where the content blocks are kept."""
    now: Callable[[], Timestamp]
    """The chain's time, as last seen; must not block."""
    refresh: Callable[[], object]
    """Ask the chain for its time; may block and raise MarketError."""
    clock: Callable[[], float] = time.monotonic
    """Seconds, never running backwards."""
    wire: Wire | None = None
    """The way to peers; None: connections of its own."""
    hosted: tuple[HostedPart, ...] = ()
    """What runs here besides."""
    watch: CallWatch | None = None
    """Hears of each call that was answered with a receipt."""


def create_gateway(settings: GatewaySettings, parts: GatewayParts) -> FastAPI:
    """Return the gateway's app."""
    registry = CollectorRegistry()
    clock = parts.clock
    wire = parts.wire or PooledWire(
        parts.outbound,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.call_seconds,
    )
    http = create_async_client(parts.outbound, timeout=settings.connect_seconds)
    blocks = BlockFolder(parts.folder)
    nonces = NonceFiles(parts.folder / "nonces")
    payers = Payers(parts.directory)
    ledger = UploadLedger(blocks, Quota(signer_bytes=settings.quota_bytes), payers.has)
    choice = Choice(ChoiceRules(settings.rest_seconds, settings.failures), clock)
    metrics = GatewayMetrics(registry)
    measurements = Measurements(time.time)
    directory = RememberingDirectory(parts.directory, settings.directory_seconds, clock)
    domain = market_domain(parts.deployment.chain_id, parts.deployment.market)
    documents = AccessDocuments(parts.folder / "access", wire, domain, clock)
    calls = CallRelay(
        directory,
        Forwarder(wire, choice, Usual(settings.hedge_percentile), metrics, measurements),
        check_names(settings.aliases),
        BodyLimits(settings.max_body_bytes, settings.held_body_bytes, settings.body_seconds),
        documents,
        patience=settings.patience_seconds,
        clock=clock,
        watch=parts.watch,
    )
    clients = Clients(settings.proxies)
    sites = Sites(calls, Apps(Fetcher(blocks, http, MANIFEST_LIMITS), clock), clients)
    prober = Prober(wire, choice, settings.probe_seconds, clock)
    probing = TaskLoop("probes", prober.probe_due, Pace(prober.pause))
    choice.on_open = probing.wake
    loops = Loops(
        TaskLoop("chain", lambda: asyncio.to_thread(parts.refresh), Pace(1.0, longest_pause=1.0)),
        TaskLoop(
            "collect",
            lambda: _collect(parts, ledger),
            Pace(settings.collect_seconds, waits_first=True, longest_pause=COLLECT_PAUSE),
        ),
        probing,
        TaskLoop("access", lambda: documents.look_after(directory.find), Pace(ACCESS_SECONDS)),
        TaskLoop("payers", payers.refresh, Pace(PAYER_SECONDS, longest_pause=PAYER_SECONDS)),
        TaskLoop("nonces", nonces.keep, Pace(SYNC_SECONDS)),
        *(loop for part in parts.hosted for loop in part.loops),
    )
    registry.register(loops)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops.start()
        try:
            yield
        finally:
            await loops.close()
            for part in parts.hosted:
                await asyncio.to_thread(part.close)
            nonces.close()
            wire.close()
            await http.aclose()

    def readiness() -> Readiness:
        reasons = loops.problems()
        for part in parts.hosted:
            reasons += part.obstacles()
        return Readiness(not reasons, "; ".join(reasons))

    deployment = parts.deployment
    app = create_service(
        ServiceInfo("gateway", parts.version),
        status=lambda: build_status(
            deployment,
            extra={"aliases": dict(settings.aliases)}
            | {part.name: dict(part.status()) for part in parts.hosted},
        ),
        readiness=readiness,
        registry=registry,
        lifespan=lifespan,
    )
    authenticator = Authenticator(domain, parts.now, nonces=nonces)
    for router in (
        create_gateway_router(blocks),
        create_upload_router(
            blocks,
            ledger,
            authenticator.check_hash,
            parts.now,
            settings.max_upload_bytes,
            authenticator.check_head,
        ),
        *(part.router for part in parts.hosted),
        build_call_routes(calls),
        build_measured_route(measurements, settings),
        _build_explorer(settings, deployment),
        build_site_routes(calls, sites),
    ):
        app.include_router(router)

    def build_limit(per_second: float, what: str) -> RateLimit:
        return RateLimit(per_second, clock, what, seconds=1.0, burst=settings.burst)

    # Request ids are further out here: see below.
    app.user_middleware[:] = [Middleware(BoundedBodies), Middleware(ImpliedMethods, fallbacks=1)]
    edge = Edge(
        app.build_middleware_stack(),
        calls=calls,
        sites=sites,
        clients=clients,
        cors=Cors(settings.cors_origins, read_deals(settings.cors, calls.deal_of)),
        limits=EdgeLimits(
            build_limit(settings.rate_per_address, "requests from one address"),
            build_limit(settings.rate_per_key, "requests with one key"),
        ),
        hosts={host.lower(): deal for host, deal in settings.hosts.items()},
        metrics=metrics,
    )
    # Request ids, the access log and the counters are around it, the framework behind it.
    app.middleware_stack = ServerErrorMiddleware(
        RequestIds(edge, "gateway", app.state.requests),
        handler=app.exception_handlers[Exception],
    )
    return app


def _build_explorer(settings: GatewaySettings, deployment: Deployment) -> APIRouter:
    """Return the explorer's routes, without its pages where no matcher is known to read from."""
    matcher = settings.explorer_matcher or settings.matcher
    explorer = ExplorerSettings(
        "gateway", deployment, matcher=matcher, payments=settings.explorer_payments
    )
    return explorer_routes(load_site() if matcher else {}, explorer)


def create_front(app: FastAPI) -> ASGIApp:
    """Return what a server serves: the app without what the framework does first to each call."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        stack = app.middleware_stack
        if scope["type"] != "http" or stack is None:
            await app(scope, receive, send)
            return
        scope["app"] = app
        await stack(scope, receive, send)

    return front


def check_names(aliases: Mapping[str, int]) -> Mapping[str, int]:
    """Return the aliases. Raises ConfigError for one that could never be reached."""
    for name in aliases:
        if name in RESERVED or name.isdigit() or not _ALIAS.fullmatch(name):
            raise ConfigError(
                f"the alias {name!r} cannot be used",
                field="gateway.aliases",
                remedy="take letters, digits, `-`, `_` and `.`, not only digits, and none of "
                + ", ".join(sorted(RESERVED - {""})),
            )
    return aliases


def read_deals(by_name: Mapping[str, str], deal_of: Callable[[str], int]) -> dict[int, str]:
    """Return what is set for single deals, by number. Raises ConfigError."""
    try:
        return {deal_of(name): value for name, value in by_name.items()}
    except NotFound as error:
        raise ConfigError(error.detail, field="gateway.cors") from error


async def _collect(parts: GatewayParts, ledger: UploadLedger) -> None:
    """Remove content that nobody keeps."""
    apps = await parts.directory.find_apps()
    removed = await asyncio.to_thread(ledger.collect_garbage, apps, parts.now())
    logger.info("content collected", extra={"blocks": len(removed)})
