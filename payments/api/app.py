"""Build the gateway's HTTP service from what it needs; tests pass their own."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from payments.api.account_routes import account_routes
from payments.api.buy_routes import buy_routes
from payments.api.card_routes import card_routes
from payments.api.checkout_routes import CheckoutReads, checkout_routes
from payments.api.clients import KnownClients
from payments.api.webhook_routes import webhook_routes
from payments.checkouts.looking import Lookout
from payments.checkouts.opening import CheckoutDesk
from payments.checkouts.saved_cards import CardDesk
from payments.deliveries.grants import GasGrants
from payments.metrics import PaymentsMetrics
from payments.processors.protocol import Processor
from payments.quoting.rates import RateSource
from payments.settings import PaymentsSettings
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service
from wasmarket.store.database import Database
from wasmarket.store.stored_nonces import StoredNonces

NAME = "payments"


@dataclass(frozen=True, slots=True)
class PaymentsApiParts:
    """What the service is made of; `chain_now` is the chain's time, `now` the wall clock's."""

    settings: PaymentsSettings
    deployment: Deployment
    database: Database
    desk: CheckoutDesk
    lookout: Lookout
    grants: GasGrants
    cards: CardDesk
    processor: Processor
    rates: RateSource
    metrics: PaymentsMetrics
    version: str
    now: Callable[[], int]
    chain_now: Callable[[], int]
    clock: Callable[[], float]
    page_url: Callable[[str], str]
    on_event: Callable[[], None]
    status: Callable[[], ServiceStatus]
    readiness: Callable[[], Readiness]


def create_payments_app(parts: PaymentsApiParts, registry: CollectorRegistry) -> FastAPI:
    """Return the service."""
    app = create_service(
        ServiceInfo(NAME, parts.version),
        status=parts.status,
        readiness=parts.readiness,
        registry=registry,
    )
    domain = market_domain(parts.deployment.chain_id, parts.deployment.market)
    authenticator = Authenticator(domain, parts.chain_now, nonces=StoredNonces(parts.database))
    reads = CheckoutReads(parts.database, parts.page_url)
    for router in (
        checkout_routes(parts.desk, reads, parts.rates, parts.settings, parts.now),
        buy_routes(parts.desk, parts.settings, parts.page_url),
        account_routes(parts.database, reads, parts.grants, authenticator, parts.version),
        card_routes(parts.cards, reads, authenticator, parts.on_event),
        webhook_routes(parts.processor, parts.lookout, parts.metrics, parts.now, parts.on_event),
    ):
        app.include_router(router)
    limit = RateLimit(parts.settings.requests_per_minute, parts.clock, "changes from one address")
    clients = Clients(parts.settings.proxies)
    # Innermost, so that what it refuses has a request id and is counted like any answer.
    app.user_middleware.append(Middleware(KnownClients, limit=limit, clients=clients))
    return app
