"""A peer of another provider that has all the seats there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_abi import encode

from tests.peer.market_world import MarketWorld
from tests.peer.peer_runner import PeerRunner
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import FLT

SEATS = 7


def fund_other_provider(world: MarketWorld) -> Account:
    """Return a provider that is neither the accused's nor the accuser, with stake."""
    account, amount = dev_accounts()[4], 10_000 * FLT
    flt, staking = world.deployment.flt.address, world.deployment.staking
    for who, to, signature, arguments in (
        (world.deployer, flt, "mint(address,uint256)", [account.address, 2 * amount]),
        (account, flt, "approve(address,uint256)", [staking, amount]),
        (account, staking, "deposit(uint256)", [amount]),
        (account, flt, "approve(address,uint256)", [world.deployment.audits, amount]),
    ):
        kinds = signature.partition("(")[2].rstrip(")").split(",")
        data = keccak(signature.encode())[:4] + encode(kinds, arguments)
        world.send(who, ContractCall(to, data, signature))
    return account


@contextmanager
def run_juror(world: MarketWorld, provider: Account, folder: Path) -> Iterator[PeerRunner]:
    """Give a peer of a provider with all seats, running."""
    runner = PeerRunner(world, folder, world.next_wallet())
    runner.register(provider=provider)
    for seat in range(SEATS):
        world.send(provider, world.audits.call("take_seat", seat, runner.number))
    runner.start()
    yield runner
    runner.stop()
    print(runner.log())
