"""Measure purchases: `python -m bench.payments [--checkouts N]`.

One purchase by card with blocks of a second, then many while the gateway is killed, blocks are
undone and a tenth of the cards are odd. Prints the table and writes bench/results/payments.json.
"""

import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click
import httpx
from rich.console import Console

from bench.group_command import WIDTH, build_table, describe_machine, dump_row
from bench.payments.buyers import Buyers
from bench.payments.town import PaymentsTown
from bench.peer.measures import SECONDS, Measure, build_rows
from bench.result_files import Run, describe_tree, save_rows
from wasmarket.chain.sending.wallet import Account
from wasmarket.store.enums import CheckoutState

PATH = Path(__file__).resolve().parents[1] / "results" / "payments.json"
CHECKOUTS, ODD_PERCENT, SEED = 2_000, 10, 1
PERIOD = (1.5, 2.5)
"""Seconds from one kill to the next: two on average, where a process starts in less."""
SINGLE = 7
QUOTE_SECONDS = 30
CARD = "4242424242424242"


def build_measures(count: int) -> tuple[Measure, ...]:
    """Return what is measured with so many purchases under faults."""
    of_all = f"of {count:,} purchases under faults"
    return (
        Measure(
            "purchase",
            "card page answered → USDC on chain, blocks of 1 s, p50",
            SECONDS,
            "lower",
            4,
        ),
        Measure("lost", f"lost {of_all}", "purchases", "lower", 0),
        Measure("doubled", f"doubled {of_all}", "purchases", "lower", 0),
        Measure(
            "differences", "differences of ledger, chain, processor", "differences", "lower", 0
        ),
        Measure("delivered", "purchases that were delivered", "purchases", "higher"),
        Measure("kills", "processes killed meanwhile (kill -9)", "kills", "higher"),
        Measure("period", "from one kill to the next, on average", SECONDS, "lower"),
        Measure("reorgs", "times that blocks were undone meanwhile", "reorgs", "higher"),
        Measure("whole", f"time of all {count:,}", SECONDS, "lower"),
    )


def measure_purchase(town: PaymentsTown) -> float:
    """Return the median time from the card page's answer to the delivery on chain, seconds."""
    times = []
    base = f"http://127.0.0.1:{town.ports.payments}"
    with httpx.Client(timeout=30, trust_env=False) as http:
        for _ in range(SINGLE):
            account = Account.from_key(secrets.token_bytes(32)).address
            body = {"amount": 200, "currency": "usd", "purpose": {"account": account}}
            found = http.post(f"{base}/v1/checkouts", json=body).json()
            http.post(found["pay"], data={"number": CARD})
            began = time.monotonic()
            while not town.held_by(account):
                time.sleep(0.02)
            times.append(time.monotonic() - began)
    return statistics.median(times)


@click.command()
@click.option("--checkouts", type=click.IntRange(1), default=CHECKOUTS, show_default=True)
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(checkouts: int, dry: bool) -> None:
    """Measure purchases by card, alone and under faults."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="wasmarket-payments-") as folder:
        town = PaymentsTown(
            Path(folder) / "home", block_time=1.0, quote_seconds=QUOTE_SECONDS, seed=SEED
        )
        try:
            purchase = measure_purchase(town)
            buyers = Buyers(town, checkouts, ODD_PERCENT, SEED)
            report = buyers.buy_all(PERIOD)
        finally:
            town.close()
    values = {
        "purchase": purchase,
        "lost": float(len(report.lost)),
        "doubled": float(len(report.doubled)),
        "differences": float(len(report.differences)),
        "delivered": float(report.states[CheckoutState.DELIVERED]),
        "kills": float(report.kills),
        "period": report.period,
        "reorgs": float(report.reorgs),
        "whole": report.seconds,
    }
    rows = build_rows(values, build_measures(checkouts))
    console.print(build_table(rows, f"{checkouts:,} purchases"))
    console.print(", ".join(f"{number} {state}" for state, number in report.states.items()))
    for line in (*report.lost, *report.doubled, *report.differences):
        console.print(line)
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in rows], keep_others=False)
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")
    sys.exit(0 if report.is_right else 1)


if __name__ == "__main__":
    cli()
