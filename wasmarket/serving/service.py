"""Build a service with what all share (DESIGN 8.6): six routes, problems, request ids, metrics."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wasmarket.kernel.deployment import Deployment
from wasmarket.serving.auth import SCHEME
from wasmarket.serving.bodies import BoundedBodies
from wasmarket.serving.daemon import Loop, Loops
from wasmarket.serving.http1.methods import ImpliedMethods
from wasmarket.serving.problems import MEDIA_TYPE, Problem, add_problem_handlers

logger = logging.getLogger("wasmarket.access")

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = REQUEST_ID.lower().encode()
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What a service calls itself."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What a service knows of the chain: block numbers, None when it knows none."""

    chain_id: int
    contracts: dict[str, str]
    head: int | None
    indexed: int | None
    finality: int | None
    extra: dict[str, Any] = field(default_factory=dict)


def build_status(
    deployment: Deployment,
    *,
    head: int | None = None,
    indexed: int | None = None,
    finality: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> ServiceStatus:
    """Return what a service of a deployment tells of the chain, with more of its own."""
    contracts: dict[str, str] = {
        name: entry.address for name, entry in deployment.contracts.items()
    }
    told = dict(extra or {})
    return ServiceStatus(deployment.chain_id, contracts, head, indexed, finality, told)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can do its work now, and if not, why."""

    ready: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HostedPart:
    """What one service runs for another in its own process.

    Services of one floor do not import one another; the command line composes them by this. The
    host starts and ends the loops and tells of them with its own.
    """

    name: str
    loops: tuple[Loop, ...]
    router: APIRouter
    """Routes that anybody may use who may use the host's."""
    status: Callable[[], Mapping[str, Any]]
    """What the host's status says under the part's name."""
    obstacles: Callable[[], list[str]]
    """Why the part does not do all its work, beside what its loops say."""
    close: Callable[[], None]
    """Let go of files and connections once the loops have ended; may block."""


class StatusView(BaseModel):
    """`GET /v1/status`."""

    service: str
    version: str
    chain_id: int
    contracts: dict[str, str]
    head: int | None
    indexed: int | None
    finality: int | None
    extra: dict[str, Any] = {}


class HealthView(BaseModel):
    """`GET /v1/health/…`."""

    ok: bool
    reason: str = ""


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_service(
    info: ServiceInfo,
    *,
    status: Callable[[], ServiceStatus],
    readiness: Callable[[], Readiness],
    registry: CollectorRegistry,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return an app with `/v1/status`, `/v1/health/{live,ready}`, `/metrics`, `/docs`,
    `/openapi.json`.

    Every response carries a request id (the caller's, if sane), every error is a problem document.
    """
    app = FastAPI(
        title=f"Wasmarket {info.name}",
        version=info.version,
        lifespan=lifespan,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    add_problem_handlers(app)
    _complete_page(app)
    requests = Counter(
        "wasmarket_http_requests", "HTTP answers", ["service", "status"], registry=registry
    )
    app.add_middleware(ImpliedMethods)
    app.add_middleware(BoundedBodies)
    app.add_middleware(RequestIds, service=info.name, requests=requests)
    # For what answers in front of the framework.
    app.state.requests = requests

    @app.get("/v1/status", tags=["service"])
    def read_status() -> StatusView:
        """Version, chain and how far it is known."""
        now = status()
        return StatusView(
            service=info.name,
            version=info.version,
            chain_id=now.chain_id,
            contracts=now.contracts,
            head=now.head,
            indexed=now.indexed,
            finality=now.finality,
            extra=now.extra,
        )

    @app.get("/v1/health/live", tags=["service"])
    def read_live() -> HealthView:
        """Whether the process answers."""
        return HealthView(ok=True)

    @app.get("/v1/health/ready", tags=["service"], responses={503: {"model": HealthView}})
    def read_ready() -> Response:
        """Whether it can do its work, and if not, why."""
        now = readiness()
        view = HealthView(ok=now.ready, reason=now.reason)
        return JSONResponse(view.model_dump(), 200 if now.ready else 503)

    @app.get(
        "/metrics",
        tags=["service"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def create_looped_service(
    info: ServiceInfo,
    loops: Loops,
    *,
    status: Callable[[], ServiceStatus],
    obstacles: Callable[[], list[str]],
    close: Callable[[], None],
) -> FastAPI:
    """Return a service that is its loops: they run while it serves, and are in its metrics.

    It is ready while they do their work and there are no `obstacles`; `close` is called at the end,
    in a thread.
    """
    registry = CollectorRegistry()
    registry.register(loops)

    def readiness() -> Readiness:
        reasons = loops.problems() + obstacles()
        return Readiness(not reasons, "; ".join(reasons))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops.start()
        try:
            yield
        finally:
            await loops.close()
            await asyncio.to_thread(close)

    return create_service(
        info, status=status, readiness=readiness, registry=registry, lifespan=lifespan
    )


def _complete_page(app: FastAPI) -> None:
    """Make the page say how problems are typed, and what signed requests carry."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        page = build()
        for path in page["paths"].values():
            for operation in path.values():
                if "security" in operation:
                    page["components"]["securitySchemes"] = SCHEME
                for answer in operation["responses"].values():
                    content = answer.get("content", {})
                    if content.get("application/json", {}).get("schema") == _PROBLEM:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return page

    app.openapi = openapi  # type: ignore[method-assign]


class RequestIds:
    """Give each request an id, send it back, log and count the answer. Streams pass through."""

    def __init__(self, app: ASGIApp, service: str, requests: Counter) -> None:
        self._app = app
        self._service = service
        self._requests = requests
        self._counters: dict[int, Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((v.decode("latin-1") for k, v in scope["headers"] if k == _REQUEST_ID), "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.monotonic()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (_REQUEST_ID, request_id.encode()),
                ]
                self._count(message["status"])
                logger.info(
                    "answered",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": message["status"],
                        "ms": round((time.monotonic() - began) * 1000, 1),
                        "request_id": request_id,
                        **scope["state"].get("facts", {}),
                    },
                )
            await send(message)

        await self._app(scope, receive, send_with_id)

    def _count(self, status: int) -> None:
        counter = self._counters.get(status)
        if counter is None:
            counter = self._requests.labels(self._service, str(status))
            self._counters[status] = counter
        counter.inc()
