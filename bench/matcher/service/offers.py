"""What offers cost a whole matcher process: posting one, many at once, listing, opportunities."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil

from bench.matcher.markets import NOW
from bench.matcher.rows import Row
from bench.matcher.service.quotes import OFFERS, ROOT
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.signing.offers import DeveloperOffer, dump_offer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, market_domain
from wasmarket.testing.fake_chain import fake_deployment

DEVELOPER = Account.from_key(b"\x07" * 32)
ONE_BY_ONE = 100
AT_ONCE = 500
BIDS = "/v1/developer-offers"


def measure() -> Iterator[Row]:
    """Yield processor time per post, seconds for many at once, and seconds of two questions."""
    cores = sorted(os.sched_getaffinity(0))
    command = [
        sys.executable,
        "-m",
        "bench.matcher.service.server",
        str(OFFERS // 10),
        str(cores[0]),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            yield from asyncio.run(_measure(url, psutil.Process(server.pid)))
        finally:
            server.terminate()


async def _measure(url: str, server: psutil.Process) -> list[Row]:
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120, trust_env=False) as http:
        bodies = [_write(salt) for salt in range(1 + ONE_BY_ONE + AT_ONCE)]
        await _post(http, bodies[0])
        before = _cpu(server)
        for body in bodies[1 : 1 + ONE_BY_ONE]:
            await _post(http, body)
        each = (_cpu(server) - before) / ONE_BY_ONE
        began = time.perf_counter()
        await asyncio.gather(*(_post(http, body) for body in bodies[1 + ONE_BY_ONE :]))
        together = time.perf_counter() - began
        listing = await _time(http, server, f"{BIDS}?limit=500")
        lost = await _time(http, server, f"/v1/providers/{DEVELOPER.address}/opportunities")
    return [
        Row("POST of a developer offer, processor time", round(each * 1e3, 1), "ms", bar=15),
        Row(f"{AT_ONCE} developer offers posted at once", round(together, 1), "s", bar=10),
        Row("listing 500 developer offers, processor time", round(listing * 1e3), "ms"),
        Row("a provider's opportunities, processor time", round(lost * 1e3), "ms"),
    ]


async def _post(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await http.post(BIDS, json=body)
    if answer.status_code != httpx.codes.CREATED:
        raise RuntimeError(answer.text)


async def _time(http: httpx.AsyncClient, server: psutil.Process, path: str) -> float:
    """Return the server's processor seconds for a question, asked for the second time."""
    for _ in range(2):
        before = _cpu(server)
        (await http.get(path)).raise_for_status()
    return _cpu(server) - before


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _write(salt: int) -> dict[str, Any]:
    offer = DeveloperOffer(
        developer=DEVELOPER.address,
        app=to_hash(b"\xab" * 32),
        min_units=1,
        units=2,
        max_units_per_provider=0,
        min_regions=0,
        meter=ZERO_ADDRESS,
        max_price=1,
        epochs=0,
        deposit=1_000,
        min_memory_mib=0,
        regions=0,
        traits=0,
        providers=(),
        providers_mode=0,
        matcher=ZERO_ADDRESS,
        tip=0,
        valid_until=NOW + 86_400,
        counter=0,
        salt=salt,
    )
    deployment = fake_deployment()
    domain = market_domain(deployment.chain_id, deployment.market)
    signature = sign(digest(domain, hash_offer(offer)), DEVELOPER.key).to_hex()
    return {"offer": dump_offer(offer), "signature": signature}
