"""Run a matcher: the loop, the messenger and the HTTP service of one process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from matcher.api.app import ApiParts, create_app
from matcher.api.guards import RequestLimits
from matcher.api.readiness import AnsweringPeers, HeadWatch
from matcher.engine.warm_up import warm_up
from matcher.metrics import MatcherMetrics
from matcher.offers.app_traits import AppReader
from matcher.offers.intake import DoorLimits, Intake
from matcher.offers.latencies import LatencyReader
from matcher.offers.onchain_status import OnchainStatusReader
from matcher.offers.peer_checks import PeerChecks
from matcher.offers.replacements import Replacements
from matcher.orderbook.reader import BookReader
from matcher.settings import MatcherSettings
from matcher.settlement.gas_budget import build_budget
from matcher.settlement.loop import Contracts, SettlementLoop
from matcher.settlement.lost_races import Races
from matcher.settlement.notices import Messenger
from matcher.settlement.submissions import Submissions
from wasmarket.chain.contracts.bindings import Erc20, Market, MarketLens, Proofs
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.sending.transactions import Submitter
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.http1.connections import ConnectionLimits
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client, create_client
from wasmarket.serving.server import bind, serve
from wasmarket.store.database import Database
from wasmarket.store.leader import Leader
from wasmarket.store.migrate import upgrade
from wasmarket.store.watch import StoreWatch

SUBMITTER = "submitter"
JOIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Matcher:
    """The parts of one matcher process, not yet running."""

    app: FastAPI
    settlement_loop: SettlementLoop
    messenger: Messenger
    leader: Leader
    wishes: Replacements
    loops: Loops
    """Of a process that may submit; empty else."""
    checks: PeerChecks | None
    latencies: LatencyReader


def build_matcher(
    settings: MatcherSettings,
    *,
    database: Database,
    deployment: Deployment,
    reader: Reader,
    sender: Submitter,
    version: str,
    http: httpx.Client,
    create_peer_http: Callable[[], httpx.AsyncClient] = httpx.AsyncClient,
    apps: AppReader | None = None,
    gateways: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> Matcher:
    """Wire a matcher together; nothing is started.

    `create_peer_http` returns clients that go where strangers may send them. `apps` reads
    manifests (default: from the sources). `gateways` stands for the network to those that measure.
    `clock` and `wall` return seconds.
    """

    def now() -> int:
        return int(wall())

    market = Market(reader, deployment)
    usdc = Erc20(reader, deployment.usdc.address)
    registry = CollectorRegistry()
    loops = Loops()
    registry.register(loops)
    leader = Leader(database, SUBMITTER)
    domain = market_domain(deployment.chain_id, deployment.market)

    def on_change() -> None:
        book.forget()
        settlement_loop.wake()

    checks = None
    if settings.peer_check_seconds:
        checks = PeerChecks(
            database,
            domain,
            create_peer_http,
            every=settings.peer_check_seconds,
            seconds=settings.peer_check_timeout,
            now=now,
            on_change=on_change,
        )
    measured_by = tuple(url.rstrip("/") for url in settings.measuring_gateways)
    latencies = LatencyReader(
        database, measured_by, now=now, on_change=on_change, transport=gateways
    )
    submissions = Submissions(
        database,
        sender,
        leader,
        sources=settings.sources,
        now=now,
        budget=build_budget(settings, deployment.chain_id),
    )
    settlement_loop = SettlementLoop(
        database,
        deployment,
        Contracts(market, Proofs(reader, deployment), MarketLens(reader, deployment), usdc),
        submissions,
        leader,
        sender.address,
        MatcherMetrics(registry),
        evict=settings.evict,
        checks=checks,
    )
    book = BookReader(database, settings.book_seconds, reachable_only=checks is not None)
    by_signer = RateLimit(settings.posts_per_minute, clock, "offers and requests of one account")

    door = Intake(
        database,
        OnchainStatusReader(database, market),
        usdc,
        domain,
        sender.address,
        DoorLimits(settings.max_offers_per_signer, settings.max_offers_per_address, by_signer),
        on_change,
        (apps or AppReader(settings.sources, settings.source_timeout)).fetch_traits,
        measured_by,
    )

    races = Races(database, sender.address)
    answering = AnsweringPeers(database)

    def extra() -> dict[str, Any]:
        return {
            "account": sender.address,
            "is_submitter": leader.is_held,
            "gap_ppm": settlement_loop.gap_ppm,
            "lost": races.read(),
            "peers": None if checks is None else answering.read(),
        }

    wishes = Replacements(database, sender.address, on_change)
    parts = ApiParts(
        database=database,
        deployment=deployment,
        book=book,
        door=door,
        wishes=wishes,
        head=HeadWatch(database, reader, extra, settings.max_lag_seconds, loops.problems),
        limits=RequestLimits(
            by_signer,
            RateLimit(settings.requests_per_minute, clock, "requests from one address"),
            RateLimit(settings.writes_per_minute, clock, "changes from one address"),
        ),
        clients=Clients(settings.proxies),
        version=version,
        asks_peers=checks is not None,
        measured_by=measured_by,
        gateway=settings.explorer_gateway,
        payments=settings.explorer_payments,
    )
    messenger = Messenger(database, http, attempts=settings.notice_attempts, now=now)
    if settings.submit:
        work = _Work(database, settlement_loop, messenger, checks, leader, now)
        _add_loops(loops, settings.poll_seconds, work)

        def ask_gateways() -> None:
            if leader.is_held:
                latencies.step()

        def until_next() -> float:
            # Who has just been elected asks at once.
            return settings.measuring_seconds if leader.is_held else settings.poll_seconds

        loops.add(ThreadLoop("measurements", ask_gateways, Pace(until_next)))
    app = create_app(parts, registry)
    return Matcher(app, settlement_loop, messenger, leader, wishes, loops, checks, latencies)


def run(
    settings: MatcherSettings,
    *,
    database: Database,
    deployment: Deployment,
    reader: Reader,
    sender: Submitter,
    outbound: Outbound,
    version: str,
    on_ready: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the URL. Raises PortInUse, ConfigError.

    `stop` should also be the sender's, so that waiting for a transaction ends with the process.
    """
    listener = bind(settings.host, settings.port)
    upgrade(database)
    # Nobody's first match or quote waits for the compiler.
    warm_up()
    timeout = httpx.Timeout(settings.notice_timeout)
    with create_client(outbound, timeout=timeout) as http:
        matcher = build_matcher(
            settings,
            database=database,
            deployment=deployment,
            reader=reader,
            sender=sender,
            version=version,
            http=http,
            create_peer_http=lambda: create_async_client(outbound),
        )
        matcher.loops.start()
        try:
            limits = ConnectionLimits(trusted=frozenset(settings.proxies))
            serve(matcher.app, listener, on_ready, limits=limits)
        finally:
            stop.set()
            matcher.loops.stop(JOIN_SECONDS)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the loops of a process that may submit do; `now` is the clock of all that is due."""

    database: Database
    settlement_loop: SettlementLoop
    messenger: Messenger
    checks: PeerChecks | None
    leader: Leader
    now: Callable[[], int]


def _add_loops(loops: Loops, seconds: float, work: _Work) -> None:
    """Add the loops of a process that may submit.

    They look often, but ask only where the answer may be another: after a write, a wake, a second.
    """
    settlement_loop, leader = work.settlement_loop, work.leader
    matched, noticed, checked = (StoreWatch(work.database) for _ in range(3))

    def match() -> None:
        def take_turn() -> None:
            if settlement_loop.take_turn() or not leader.is_held:
                matched.forget()

        matched.take(take_turn, settlement_loop.generation)

    def end() -> None:
        matched.close()
        settlement_loop.close()

    def send_notices() -> None:
        if leader.is_held:
            noticed.take(work.messenger.send_due, work.now())

    def ask_peers() -> None:
        if work.checks is not None and leader.is_held:
            checked.take(work.checks.step, work.now())

    matching = ThreadLoop("matching", match, Pace(seconds), on_end=end)
    settlement_loop.on_change = matching.wake
    loops.add(matching)
    loops.add(ThreadLoop("notices", send_notices, Pace(seconds), on_end=noticed.close))
    if work.checks is not None:
        loops.add(ThreadLoop("peer checks", ask_peers, Pace(seconds), on_end=checked.close))
