"""A peer of another provider that has all the seats there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peer.market_world import MarketWorld
from tests.peer.peer_runner import PeerRunner
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.wallet import Account

SEATS = 7


def fund_other_provider(world: MarketWorld) -> Account:
    """Return a provider that is neither the accused's nor the accuser, with stake."""
    account = dev_accounts()[4]
    world.stake(account)
    return account


@contextmanager
def run_juror(world: MarketWorld, provider: Account, folder: Path) -> Iterator[PeerRunner]:
    """Give a peer of a provider with all seats, running."""
    runner = PeerRunner(world, folder, world.next_wallet())
    runner.register(provider=provider)
    for seat in range(SEATS):
        world.send(provider, world.audits.call("take_seat", seat, runner.number))
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()
        print(runner.log())
