"""Put a gateway together and serve it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from content.folder import BlockFolder
from content.gateway_routes import create_gateway_router
from content.ledger import Quota, UploadLedger
from content.upload_routes import create_upload_router
from gateway.calls import Calls, build_alias_routes, build_call_routes
from gateway.directory import Directory, RememberingDirectory
from gateway.forward import Forwarder, Health
from gateway.settings import GatewaySettings
from kernel.deployment import Deployment
from kernel.errors import MarketError
from kernel.typed_data import market_domain
from kernel.units import Timestamp
from serving.auth import Authenticator
from serving.outbound import Outbound
from serving.outbound_http import create_async_client
from serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

logger = logging.getLogger(__name__)

POOL = httpx.Limits(max_connections=1_000, max_keepalive_connections=200)


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


def create_gateway(settings: GatewaySettings, parts: GatewayParts) -> FastAPI:
    """Return the gateway's app."""
    registry = CollectorRegistry()
    directory = RememberingDirectory(parts.directory, settings.directory_seconds)
    http = create_async_client(
        parts.outbound,
        timeout=httpx.Timeout(settings.call_seconds, connect=settings.connect_seconds),
        limits=POOL,
    )
    forwarder = Forwarder(http, Health(settings.rest_seconds))
    blocks = BlockFolder(parts.folder)
    ledger = UploadLedger(blocks, Quota(signer_bytes=settings.quota_bytes))
    silence: dict[str, str] = {"chain": "its time is not known yet"}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_keep_time(parts, silence)),
            asyncio.create_task(_collect(settings, parts, ledger)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await http.aclose()

    deployment = parts.deployment
    app = create_service(
        ServiceInfo("gateway", parts.version),
        status=lambda: ServiceStatus(
            chain_id=deployment.chain_id,
            contracts={name: entry.address for name, entry in deployment.contracts.items()},
            head=None,
            indexed=None,
            finality=None,
            extra={"aliases": dict(settings.aliases)},
        ),
        readiness=lambda: _readiness(silence),
        registry=registry,
        lifespan=lifespan,
    )
    authenticator = Authenticator(market_domain(deployment.chain_id, deployment.market), parts.now)
    calls = Calls(
        directory,
        forwarder,
        settings.aliases,
        max_body=settings.max_body_bytes,
        patience=settings.patience_seconds,
    )
    app.include_router(create_gateway_router(blocks))
    app.include_router(
        create_upload_router(
            blocks, ledger, authenticator.check, parts.now, settings.max_upload_bytes
        )
    )
    app.include_router(build_call_routes(calls))
    app.include_router(build_alias_routes(calls))
    return app


def _readiness(silence: Mapping[str, str]) -> Readiness:
    why = "; ".join(f"{part}: {reason}" for part, reason in silence.items())
    return Readiness(not why, why)


async def _keep_time(parts: GatewayParts, silence: dict[str, str]) -> None:
    """Follow the chain's time, by which signed requests expire and uploads age."""
    while True:
        try:
            await asyncio.to_thread(parts.refresh)
            silence.pop("chain", None)
        except MarketError as error:
            silence["chain"] = error.detail
        await asyncio.sleep(1.0)


async def _collect(settings: GatewaySettings, parts: GatewayParts, ledger: UploadLedger) -> None:
    """Remove content that nobody keeps, every so often."""
    while True:
        await asyncio.sleep(settings.collect_seconds)
        try:
            apps = await parts.directory.find_apps()
            removed = await asyncio.to_thread(ledger.collect_garbage, apps, parts.now())
        except MarketError as error:
            logger.warning("content not collected", extra={"why": error.detail})
        else:
            logger.info("content collected", extra={"blocks": len(removed)})
