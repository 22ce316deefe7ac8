"""The demo's chapter of keepers: a process keeps a deal above its floor by a policy file."""

import os
import time

from keeper.book import read_book
from keeper.run import JOURNAL_FILE
from scripts.story.teller import Teller
from wasmarket.kernel.errors import TimedOut
from wasmarket_cli.local.network import LocalMarket
from wasmarket_cli.local.processes import Process

KEY = "developer"
NAME = "keeper"
MORE_EPOCHS = 100
MOST_USDC = 50
START_SECONDS, WAIT_SECONDS = 60.0, 120.0
POLL = {"WASMARKET_KEEPER__POLL_SECONDS": "0.5"}
POLICY = """[[runway]]
key = "{key}"
deals = [{deal}]
floor_epochs = {floor}
target_epochs = {target}
most_usdc_per_month = "{most}"
"""


def keep_a_runway(market: LocalMarket, teller: Teller, deal: int) -> None:
    """Let a keeper lead a deal from below its floor to its target. Raises TimedOut."""
    runway = _runway(market, deal)
    floor, target = runway + 1, runway + MORE_EPOCHS
    policy = market.home.root / f"{NAME}.toml"
    policy.write_text(
        POLICY.format(key=KEY, deal=deal, floor=floor, target=target, most=MOST_USDC),
        encoding="utf-8",
    )
    teller.fact(
        f"deal {deal} has {runway} epochs left; {policy.name} says: at least {floor}, filled up to"
        f" {target}, at most {MOST_USDC} USDC a month"
    )
    arguments = [NAME, "run", "--policy", str(policy), "--port", "0"]
    process = Process(NAME, arguments, market.home, os.environ | POLL)
    process.start()
    try:
        process.wait_ready(START_SECONDS)
        with teller.waiting("the keeper looks at the deal"):
            said = _wait_until_told(market, deal)
    finally:
        process.stop()
    teller.fact(f"{said}; it lasts {_runway(market, deal)} epochs now")


def _runway(market: LocalMarket, deal: int) -> int:
    [state] = market.wiring.lens.deals([deal])
    return state.runway


def _wait_until_told(market: LocalMarket, deal: int) -> str:
    """Return what the keeper says of it once it has topped up a deal."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        for line in read_book(market.home.root / NAME / JOURNAL_FILE):
            if line["what"] == "told" and line["about"] == f"funded:{deal}":
                return str(line["notice"]["text"])
        time.sleep(0.05)
    raise TimedOut(f"no keeper topped up deal {deal} within {WAIT_SECONDS:.0f} s")
