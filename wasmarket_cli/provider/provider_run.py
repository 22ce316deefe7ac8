"""`wasmarket provider run`: keep offers by a policy, and get paid, until told to stop."""

import threading
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGTERM, signal

import click

from peer.offers.selling import Seller, build_reconciler, create_matcher_client
from peer.offers.situation import SituationReader
from peer.policy.file import PolicyFile
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.earnings import Earnings, Payouts
from wasmarket.client.provider import ProviderClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import key_option
from wasmarket_cli.output import print_line
from wasmarket_cli.provider.policies import FILE, PEERS
from wasmarket_cli.wiring import wire

SECONDS = 1.0
"""Pause between looks at file and chain."""

CLAIM_EVERY = 7


@click.command()
@click.option("--policy", "file", type=FILE, help="Keep offers by this file [make none]")
@click.option(
    "--claim-every",
    type=click.IntRange(0),
    default=CLAIM_EVERY,
    show_default=True,
    help="Epochs between claims, paid out to the wallet; 0: never",
)
@PEERS
@key_option
@click.pass_context
def run(
    ctx: click.Context,
    file: Path | None,
    claim_every: int,
    peers: tuple[int, ...],
    key: str | None,
) -> None:
    """Get paid, and with --policy keep your offers as it says, until told to stop.

    Claims what is final and sends it to the wallet; signs, posts, renews and withdraws offers.
    """
    if file is None and not claim_every:
        raise InvalidInput("nothing to do", remedy="give --policy or --claim-every")
    configure_logging()
    wiring = wire(ctx)
    account = wiring.account(key)
    stop = threading.Event()
    # First: a peer of somebody else is a mistake of the command, not of the loop.
    SituationReader(wiring.rpc, wiring.deployment, account.address).read(peers)
    with create_matcher_client() as http:
        loops = Loops()
        if claim_every:
            payouts = _payouts(wiring, account, key, claim_every)
            loops.add(ThreadLoop("claims", payouts.step, Pace(SECONDS)))
        if file is not None:
            seller = Seller(account, wiring.sender(account, stop), (wiring.client.matcher,))
            book = wiring.home.offers / f"{account.address}.json"
            deployment, source = wiring.deployment, PolicyFile(file)
            reconciler = build_reconciler(
                seller, wiring.rpc, deployment, source, book, lambda: peers, http
            )
            pace = Pace(SECONDS, longest_pause=SECONDS)
            loops.add(ThreadLoop("offers", reconciler.take_turn, pace))
        for number in (SIGINT, SIGTERM):
            signal(number, lambda *_: stop.set())
        print_line(ready=True, url="")
        _run_all(loops, stop)


def _payouts(wiring: Wiring, account: Account, key: str | None, every: int) -> Payouts:
    def read_epoch() -> int:
        return int(wiring.deployment.epoch_of(wiring.clock.refresh()))

    earnings = Earnings(wiring, account.address)
    claim = partial(ProviderClient(wiring, key).claim, withdraw=True)
    return Payouts(earnings.find_due, claim, read_epoch, every)


def _run_all(loops: Loops, stop: threading.Event) -> None:
    """Run each loop in a thread of its own until `stop`; signals come to this one."""
    loops.start()
    try:
        stop.wait()
    finally:
        stop.set()
        loops.stop()
