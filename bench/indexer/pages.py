"""What each page of the API costs over a large store: every route, the dearest first."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from bench.indexer.large_rows import (
    EPOCH,
    EVENTS_PER_OFFER,
    OFFERS,
    Sizes,
    address,
    ask_of,
    hash_of,
)
from bench.indexer.large_store import fill_large_store
from bench.matcher.markets import NOW
from bench.matcher.rows import Row
from matcher.engine.warm_up import warm_up
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from wasmarket.chain.sending.wallet import Account
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.serving.pages import encode_cursor
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender

ROUNDS = 3
BAR = 50
SLOWEST = 8
"""So many pages have a row of their own."""

UNMEASURED = {
    "/v1/events": "never ends",
    "/v1/health/live": "reads nothing",
    "/v1/health/ready": "reads one row",
    "/v1/books/{digest}": "is sent in parts, of any size",
    "/v1/peers/{peer}/document": "no peer of the store says anything of itself",
    "/v1/replacements/{assignment}": "no assignment of the store is to be replaced",
}


def measure_pages() -> list[Row]:
    """Fill a store of `BENCH_PAGES` offers [1,000,000] and ask for every page."""
    offers = int(os.environ.get("BENCH_PAGES", OFFERS))
    sizes = Sizes(offers, offers * EVENTS_PER_OFFER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        fill_large_store(path, sizes)
        spent = measure_store(path, sizes)
    ranked = sorted(spent.items(), key=lambda entry: -entry[1])
    what = f"pages over {offers:,} offers, {sizes.events:,} events"
    late = sum(milliseconds > BAR for _, milliseconds in ranked)
    return [
        Row(f"{what}: of {len(ranked)}, over {BAR} ms", late, "pages", bar=0),
        *(Row(f"{what}: {page}", cost, "CPU ms", bar=BAR) for page, cost in ranked[:SLOWEST]),
    ]


def measure_store(path: Path, sizes: Sizes) -> dict[str, float]:
    """Return the processor milliseconds of every page, each asked for after a new block."""
    deployment = fake_deployment()
    chain = FakeChain(deployment)
    chain.mine(timestamp=NOW)
    database = open_database(sqlite_url(path))
    warm_up()
    with create_http_client() as http:
        matcher = build_matcher(
            MatcherSettings(submit=False, requests_per_minute=0),
            database=database,
            deployment=deployment,
            reader=chain,
            sender=FakeSender(chain, Account.from_key(b"\x01" * 32).address),
            version="bench",
            http=http,
        )
        pages = _pages(sizes)
        _check_all_are_there(matcher.app, pages)
        spent = {page: asyncio.run(_time(matcher.app, database, page)) for page in pages}
    database.close()
    return spent


async def _time(app: FastAPI, database: Database, page: str) -> float:
    """Return what a page costs at least after a new block; the first is not counted."""
    costs = []
    for number in range(1 + ROUNDS):
        _come_to_a_block(database, number)
        began = time.process_time()
        status = await _get(app, page)
        costs.append(time.process_time() - began)
        if status != 200:
            raise RuntimeError(f"{page}: HTTP {status}")
    return round(min(costs[1:]) * 1e3, 1)


def _come_to_a_block(database: Database, number: int) -> None:
    """Let the store be of another block: what is kept for a block is of no use."""
    with database.connect() as connection:
        connection.exec_driver_sql("UPDATE cursor SET block_hash = ?", (f"0x{number:064x}",))


async def _get(app: FastAPI, page: str) -> int:
    """Ask the service itself, without a server in front of it."""
    path, _, query = page.partition("?")
    status = 0
    body = {"type": "http.request", "body": b"", "more_body": False}

    async def receive() -> dict[str, Any]:
        return body

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return status


def _check_all_are_there(app: FastAPI, pages: Iterable[str]) -> None:
    """Raise for a route that reads the market and is neither measured nor named as unmeasured."""
    routes = [r for r in app.routes if isinstance(r, APIRoute) and "GET" in (r.methods or ())]
    paths = [page.partition("?")[0] for page in pages]
    missing = {
        route.path
        for route in routes
        if route.path.startswith("/v1/") and not any(map(route.path_regex.match, paths))
    }
    if missing - UNMEASURED.keys():
        raise RuntimeError(f"routes without a page: {', '.join(sorted(missing))}")


def _pages(sizes: Sizes) -> list[str]:
    """Return pages of every route: with each filter, of the largest account, and far behind."""
    large, small = address(0), address(sizes.providers // 2 + 1)
    developer = address(sizes.providers)
    other = address(sizes.providers + sizes.developers // 2 + 1)
    deal, assignment, peer = sizes.deals // 2, sizes.assignments // 2, sizes.peers // 2
    middle = encode_cursor(sizes.blocks // 2, 0)
    since = NOW - sizes.blocks // 100
    bid, ask = hash_of(deal), ask_of(sizes.asks // 2)
    app = hash_of(7)
    owners = (large, small)
    developers = (developer, other)
    return [
        "/v1/status",
        f"/v1/deals?cursor={encode_cursor(deal)}",
        "/v1/deals?live=true",
        f"/v1/deals?app={app}",
        *(f"/v1/deals?developer={who}" for who in developers),
        f"/v1/deals?developer={developer}&live=true&cursor={encode_cursor(deal)}",
        f"/v1/deals/{deal}",
        f"/v1/deals/{deal}/assignments",
        f"/v1/deals/{deal}/matches",
        f"/v1/deals/{deal}/versions",
        f"/v1/deals/{deal}/redemptions",
        f"/v1/deals/{deal}/replacements",
        f"/v1/assignments?cursor={encode_cursor(assignment)}",
        f"/v1/assignments?alive=true&cursor={encode_cursor(assignment)}",
        *(f"/v1/assignments?provider={who}" for who in owners),
        *(f"/v1/assignments?alive=true&provider={who}" for who in owners),
        f"/v1/assignments?peer={peer}",
        f"/v1/assignments/{assignment}",
        "/v1/matches",
        f"/v1/matches/{deal}",
        f"/v1/peers?cursor={encode_cursor(peer)}",
        *(f"/v1/peers?provider={who}" for who in owners),
        "/v1/peers?region=7&min_memory_mib=16384",
        f"/v1/peers?region=200&cursor={encode_cursor(peer)}",
        "/v1/peers?site=fra1&min_speed=10",
        "/v1/sites",
        f"/v1/peers/{peer}",
        f"/v1/accounts/{large}",
        "/v1/providers",
        f"/v1/providers?cursor={encode_cursor(small)}",
        *(f"/v1/providers/{who}" for who in owners),
        *(f"/v1/providers/{who}/opportunities" for who in owners),
        "/v1/epochs?limit=10",
        "/v1/epochs?limit=100",
        f"/v1/epochs/{EPOCH}",
        "/v1/statistics",
        "/v1/claims",
        f"/v1/claims?cursor={middle}",
        f"/v1/claims?deal={deal}",
        *(f"/v1/claims?developer={who}" for who in developers),
        *(f"/v1/claims?provider={who}" for who in owners),
        f"/v1/claims?since={since}",
        f"/v1/claims?provider={large}&since={since}",
        f"/v1/claims?developer={developer}&since={since}",
        "/v1/redemptions",
        f"/v1/redemptions?deal={deal}",
        *(f"/v1/redemptions?developer={who}" for who in developers),
        *(f"/v1/redemptions?provider={who}" for who in owners),
        f"/v1/redemptions?since={since}",
        f"/v1/deal-changes?deal={deal}",
        *(f"/v1/deal-changes?developer={who}" for who in developers),
        f"/v1/deal-changes?since={since}",
        "/v1/book/depth",
        "/v1/book/depth?region=3",
        "/v1/history",
        f"/v1/history?cursor={middle}",
        "/v1/history?names=Claimed,Ended,Redeemed",
        *(f"/v1/history?account={who}" for who in owners),
        f"/v1/history?account={large}&names=Ended",
        f"/v1/history?account={small}&names=Opened",
        f"/v1/history?deal={deal}",
        f"/v1/history?peer={peer}&names=Ended",
        f"/v1/history?tx={hash_of(sizes.blocks // 2)}",
        "/v1/cases",
        "/v1/cases?state=open",
        f"/v1/cases?by={small}",
        f"/v1/cases/{max(1, sizes.events // 1_000)}",
        "/v1/contradictions",
        "/v1/seats",
        f"/v1/peers/{peer}/reputation",
        f"/v1/peers/{peer}/reputation/events",
        f"/v1/peers/{peer}/reputation/events?figure=proven",
        *(f"/v1/providers/{who}/reputation" for who in owners),
        *(f"/v1/providers/{who}/reputation/events" for who in owners),
        *(
            f"/v1/reputations?of={of}&sort={sort}"
            for of in ("providers", "peers")
            for sort in ("uptime", "evictions")
        ),
        "/v1/reputations?of=peers&worst=true&epochs=90",
        f"/v1/developer-offers?cursor={encode_cursor(deal)}",
        *(f"/v1/developer-offers?developer={who}" for who in developers),
        f"/v1/developer-offers/{bid}",
        f"/v1/developer-offers/{bid}/explain",
        f"/v1/developer-offers/{hash_of(sizes.deals)}/explain",
        f"/v1/provider-offers?cursor={encode_cursor(sizes.asks // 2)}",
        *(f"/v1/provider-offers?provider={who}" for who in owners),
        f"/v1/provider-offers?peer={peer}",
        f"/v1/provider-offers/{ask}",
    ]
