"""Build the matcher's HTTP service from what it needs; tests pass their own."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from matcher.api.audit_routes import audit_routes
from matcher.api.book_routes import book_routes
from matcher.api.guards import (
    Guards,
    RequestLimits,
    SignersWithin,
    refuse_unknown_parameters,
)
from matcher.api.market_reads import MarketReads
from matcher.api.market_routes import market_routes
from matcher.api.measured.latency_routes import latency_routes
from matcher.api.money_routes import money_routes
from matcher.api.offer_reads import OfferReads
from matcher.api.offer_routes import offer_routes
from matcher.api.quick_quotes import QuickQuotes
from matcher.api.readiness import HeadWatch
from matcher.api.replacement_routes import replacement_routes
from matcher.api.reputation.reads import ReputationReads
from matcher.api.reputation.routes import reputation_routes
from matcher.offers.intake import Intake
from matcher.offers.replacements import Replacements
from matcher.orderbook.reader import BookReader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.examples import add_examples, load_examples
from wasmarket.serving.explorer.files import load_site
from wasmarket.serving.explorer.routes import ExplorerSettings, explorer_routes
from wasmarket.serving.service import (
    Readiness,
    ServiceInfo,
    ServiceStatus,
    build_status,
    create_service,
)
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.chain.writer import DEPTH
from wasmarket.store.database import Database
from wasmarket.store.stored_nonces import StoredNonces

NAME = "matcher"
EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the service is made of."""

    database: Database
    deployment: Deployment
    book: BookReader
    door: Intake
    wishes: Replacements
    head: HeadWatch
    limits: RequestLimits
    clients: Clients
    version: str
    asks_peers: bool
    """Whether peers are asked for their keys."""
    measured_by: tuple[str, ...] = ()
    """URLs of the gateways whose measurements are taken."""
    gateway: str = ""
    """URL of a gateway as browsers reach it."""
    payments: str = ""
    """URL of a payment gateway as browsers reach it."""


def create_app(parts: ApiParts, registry: CollectorRegistry) -> FastAPI:
    """Return the service with every route of DESIGN 8.6."""
    database, deployment = parts.database, parts.deployment

    def now() -> int:
        with database.read() as session:
            return fetch_indexed(session).timestamp

    def status() -> ServiceStatus:
        indexed, head = parts.head.indexed(), parts.head.number()
        return build_status(
            deployment,
            head=head,
            indexed=indexed.block if indexed else None,
            finality=None if head is None else max(0, head - DEPTH),
            extra=parts.head.extra(),
        )

    def readiness() -> Readiness:
        try:
            return parts.head.readiness()
        except MarketError as error:
            return Readiness(False, error.detail)

    app = create_service(
        ServiceInfo(NAME, parts.version), status=status, readiness=readiness, registry=registry
    )
    domain = market_domain(deployment.chain_id, deployment.market)
    authenticator = SignersWithin(
        Authenticator(domain, now, nonces=StoredNonces(database)), parts.limits.by_signer
    )
    reads = OfferReads(database, parts.book, asks_peers=parts.asks_peers)
    for router in (
        offer_routes(parts.door, reads, authenticator),
        replacement_routes(parts.wishes, reads, authenticator),
        book_routes(parts.book, database, parts.measured_by),
        latency_routes(database, parts.measured_by),
        market_routes(MarketReads(database, parts.book, asks_peers=parts.asks_peers)),
        audit_routes(database),
        reputation_routes(ReputationReads(database, deployment)),
        money_routes(database),
    ):
        app.include_router(router, dependencies=[Depends(refuse_unknown_parameters)])
    explorer = ExplorerSettings(NAME, deployment, gateway=parts.gateway, payments=parts.payments)
    app.include_router(explorer_routes(load_site(), explorer))
    add_examples(app, load_examples(EXAMPLES))
    # Innermost, so that what it refuses has a request id and is counted like any answer.
    app.user_middleware.append(Middleware(Guards, limits=parts.limits, clients=parts.clients))
    app.user_middleware.append(Middleware(QuickQuotes, book=parts.book))
    # The market is public: pages of any origin may read it, and send what is signed anyhow.
    app.user_middleware.insert(
        0,
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
        ),
    )
    return app
