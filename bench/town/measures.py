"""Run a town and say what it cost: gas by kind, matches and gaps, lag, memory, money."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from bench.matcher.rows import Row
from bench.town.money import count_money
from bench.town.simulation import Simulation, Size
from indexer.verify.run import verify_store
from wasmarket.chain.development.anvil import Anvil
from wasmarket.client.home import Home
from wasmarket.kernel.errors import Conflict
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import DealRow, EventRow, SubmissionRow
from wasmarket_cli.local.network import deploy_contracts

SIZES = {
    "small": Size(peers=12, providers=4, deals=24, epochs=6),
    "medium": Size(peers=500, providers=100, deals=1_000, epochs=12),
    "large": Size(peers=2_000, providers=400, deals=4_000, epochs=30),
    "full": Size(peers=10_000, providers=2_000, deals=20_000, epochs=30),
}
MIB = 10


def measure(size: Size, say: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Return the rows of one town. Raises Conflict where store, chain or money disagree."""
    since = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Anvil.start() as anvil:
        home = Home(Path(folder))
        database = open_database(sqlite_url(home.store))
        upgrade(database)
        town = Simulation(
            size, anvil, deploy_contracts(home, anvil.rpc, size.epoch_seconds), database
        )
        town.run(say)
        verdict = verify_store(database, anvil.rpc, town.deployment)
        if verdict.found:
            raise Conflict(f"the store differs from the chain: {verdict.differences[:3]}")
        money = count_money(database, town.usdc.balance(town.market.address))
        money.check()
        deals, events = _count(database, DealRow), _count(database, EventRow)
        count_matches(database, town)
        town.close()
        database.close()
    what = f"{size.peers:,} peers, {size.deals:,} deals, {size.epochs} epochs"
    spent = town.spent
    rows = [
        Row(f"{what}: deals made", deals, "deals", "higher"),
        Row(f"{what}: events", events, "events", "higher"),
        Row(f"{what}: gap of a round, median", statistics.median(spent.gaps), "ppm"),
        Row(f"{what}: gap of a round, most", max(spent.gaps), "ppm"),
        Row(f"{what}: indexer", round(spent.cpu["indexer"], 1), "CPU s"),
        Row(f"{what}: matcher", round(spent.cpu["matcher"], 1), "CPU s"),
        Row(f"{what}: matcher, a deal", round(spent.cpu["matcher"] / deals * 1e3, 1), "CPU ms"),
        Row(f"{what}: longest turn of the indexer", round(spent.longest_index_turn, 2), "s"),
        Row(f"{what}: longest turn of the matcher", round(spent.longest_matcher_turn, 2), "s"),
        Row(f"{what}: memory of people, indexer and matcher", _peak(), "MiB at most"),
        Row(f"{what}: paid to providers", money.paid, "base units of USDC", "higher"),
        Row(f"{what}: given back for unproven epochs", money.refunded, "base units of USDC"),
        Row(f"{what}: whole run", round(time.monotonic() - since), "s"),
    ]
    for kind, count in sorted(town.crowd.sent.items()):
        gas = round(town.crowd.gas[kind] / count)
        rows.append(Row(f"{what}: {kind} ({count:,} sent)", gas, "gas each"))
    return rows


def count_matches(database: Database, town: Simulation) -> None:
    """Count the gas of the matcher's own transactions."""
    with database.read() as session:
        sent = session.execute(select(SubmissionRow.purpose, SubmissionRow.tx_hash)).all()
    for purpose, tx in sent:
        receipt = town.crowd.rpc.request("eth_getTransactionReceipt", [tx])
        if receipt is not None:
            town.crowd.count(f"{purpose} (matcher)", int(receipt["gasUsed"], 16))


def _count(database: Database, kind: type[DealRow] | type[EventRow]) -> int:
    with database.read() as session:
        return int(session.scalar(select(func.count()).select_from(kind)) or 0)


def _peak() -> int:
    """Return the most MiB that this process ever had (Linux); 0 elsewhere."""
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) >> MIB
