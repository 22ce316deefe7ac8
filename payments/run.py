"""Put a payment gateway together and serve it until it is told to stop."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from payments.api.app import PaymentsApiParts, create_payments_app
from payments.books.reconciling import Reconciler
from payments.checkouts.looking import Lookout
from payments.checkouts.opening import CheckoutDesk
from payments.checkouts.saved_cards import CardDesk
from payments.deliveries.delivering import DeliveryLoop
from payments.deliveries.grants import GasGrants
from payments.metrics import PaymentsMetrics
from payments.processors.choice import build_processor
from payments.processors.protocol import Processor
from payments.quoting.rates import RateSource, build_rates
from payments.settings import PaymentsSettings
from payments.treasury import Treasury
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.sending.fates import FateSource
from wasmarket.chain.sending.transactions import Submitter
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.http1.connections import ConnectionLimits
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.serving.server import bind, serve, url_of
from wasmarket.serving.service import Readiness, ServiceStatus, build_status
from wasmarket.store.database import Database
from wasmarket.store.leader import Leader
from wasmarket.store.migrate import upgrade
from wasmarket.store.payments.checkouts import count_checkouts
from wasmarket.store.payments.deliveries import count_deliveries
from wasmarket.store.watch import StoreWatch

TREASURY = "treasury"
LOOKS = "payments"
JOIN_SECONDS = 10.0
BOOKS_SECONDS = 300.0
LONGEST_PAUSE = 10.0
CALM = 2.0
"""Seconds between looks at deliveries while there are none; another process may leave one."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class PaymentsChain:
    """How the gateway reaches the chain: `sender` is the treasury's, `fates` looks for what it
    signed, `fetch_coins` reads an account's coins (wei), `now` the chain's time (seconds)."""

    reader: Reader
    sender: Submitter
    fates: FateSource
    fetch_coins: Callable[[Address], int]
    now: Callable[[], int]


@dataclass(frozen=True, slots=True)
class PaymentsGateway:
    """The parts of one gateway, not yet running."""

    app: FastAPI
    desk: CheckoutDesk
    cards: CardDesk
    lookout: Lookout
    deliveries: DeliveryLoop
    grants: GasGrants
    reconciler: Reconciler
    treasury: Treasury
    loops: Loops


def build_payments(
    settings: PaymentsSettings,
    *,
    database: Database,
    deployment: Deployment,
    chain: PaymentsChain,
    processor: Processor,
    rates: RateSource,
    version: str,
    public_url: str,
    wall: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> PaymentsGateway:
    """Wire a gateway together; nothing is started. `wall` and `clock` return seconds."""

    def now() -> int:
        return int(wall())

    def page_url(checkout: str) -> str:
        return f"{public_url.rstrip('/')}/checkouts/{checkout}"

    registry = CollectorRegistry()
    metrics = PaymentsMetrics(registry)
    treasury = Treasury(chain.reader, deployment, chain.sender, chain.fetch_coins)
    lookout = Lookout(database, processor, settings, metrics, now=now)
    leader = Leader(database, TREASURY)
    deliveries = DeliveryLoop(
        database, treasury, chain.fates, leader, rates, settings, metrics, now=now
    )
    reconciler = Reconciler(database, treasury, processor)
    looks_leader, watch = Leader(database, LOOKS), StoreWatch(database)

    def look() -> None:
        if looks_leader.acquire():
            watch.take(lookout.step, now())

    def end_looking() -> None:
        watch.close()
        looks_leader.release()

    def delivery_pause() -> float:
        # Whoever leaves something to deliver in this process wakes the loop.
        return settings.poll_seconds if deliveries.has_open else max(CALM, settings.poll_seconds)

    def check_books() -> None:
        found = reconciler.find_differences(asks_processor=True, since=now() - 2 * DAY)
        metrics.differences.set(len(found))

    looking = ThreadLoop(
        "checkouts",
        look,
        Pace(settings.poll_seconds, longest_pause=LONGEST_PAUSE),
        on_end=end_looking,
    )
    delivering = ThreadLoop(
        "deliveries",
        deliveries.step,
        Pace(delivery_pause, longest_pause=LONGEST_PAUSE),
        on_end=deliveries.close,
    )
    books = ThreadLoop("books", check_books, Pace(BOOKS_SECONDS, waits_first=True))
    lookout.on_change = delivering.wake
    grants = GasGrants(database, settings, now=now, on_change=delivering.wake)
    loops = Loops(looking, delivering, books)
    registry.register(loops)
    desk = CheckoutDesk(database, processor, rates, treasury, settings, now=now, page_url=page_url)

    cards = CardDesk(database, processor, desk, settings, now=now)

    def status() -> ServiceStatus:
        return _build_status(deployment, chain.reader, database, deliveries, settings)

    def readiness() -> Readiness:
        why = "; ".join(loops.problems())
        return Readiness(not why, why)

    parts = PaymentsApiParts(
        settings=settings,
        deployment=deployment,
        database=database,
        desk=desk,
        lookout=lookout,
        grants=grants,
        cards=cards,
        processor=processor,
        rates=rates,
        metrics=metrics,
        version=version,
        now=now,
        chain_now=chain.now,
        clock=clock,
        page_url=page_url,
        on_event=looking.wake,
        status=status,
        readiness=readiness,
    )
    app = create_payments_app(parts, registry)
    return PaymentsGateway(
        app, desk, cards, lookout, deliveries, grants, reconciler, treasury, loops
    )


def run_payments(
    settings: PaymentsSettings,
    *,
    database: Database,
    deployment: Deployment,
    chain: PaymentsChain,
    version: str,
    on_ready: Callable[[str], None],
    stop: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the URL. Raises PortInUse, ConfigError.

    `stop` ends the sender's waiting.
    """
    listener = bind(settings.host, settings.port)
    try:
        upgrade(database)
        with create_http_client(timeout=httpx.Timeout(settings.processor_timeout)) as http:
            gateway = build_payments(
                settings,
                database=database,
                deployment=deployment,
                chain=chain,
                processor=build_processor(settings, http),
                rates=build_rates(settings, http),
                version=version,
                public_url=settings.public_url or url_of(listener),
            )
            gateway.loops.start()
            try:
                limits = ConnectionLimits(trusted=frozenset(settings.proxies))
                serve(gateway.app, listener, on_ready, limits=limits)
            finally:
                stop()
                gateway.loops.stop(JOIN_SECONDS)
    finally:
        listener.close()


def _build_status(
    deployment: Deployment,
    reader: Reader,
    database: Database,
    deliveries: DeliveryLoop,
    settings: PaymentsSettings,
) -> ServiceStatus:
    head: int | None = None
    try:
        head = reader.fetch_head().number
    except MarketError:
        head = None
    with database.read() as session:
        counts: dict[str, Any] = {
            "checkouts": count_checkouts(session),
            "deliveries": count_deliveries(session),
        }
    return build_status(
        deployment,
        head=head,
        extra=counts
        | {
            "processor": settings.processor,
            "treasury": {name: str(held) for name, held in deliveries.funds.items()},
            "low": list(deliveries.low),
        },
    )
