"""The meter's parts without its server, on the tests' market; one step after the other."""

from pathlib import Path
from typing import Any

from eth_abi import encode

from meter.process import Metering
from meter.rerun import Execute
from meter.run import MeterParts, MeterProcess
from meter.settings import MeterSettings
from tests.peer.market_world import MarketWorld
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import FLT
from wasmarket.serving.outbound import Outbound


def build_meter(
    world: MarketWorld,
    folder: Path,
    account: Account,
    *,
    watches_all: bool = False,
    execute: Execute | None = None,
    rpc: Rpc | None = None,
    **settings: Any,
) -> MeterProcess:
    """Return a meter of an account that keeps its journal in a folder; `rpc`: a node of its own."""
    node = rpc or world.rpc
    return MeterProcess(
        MeterParts(
            settings=MeterSettings(request_seconds=5.0, **settings),
            deployment=world.deployment,
            account=account,
            sender=Sender(
                node,
                account,
                chain_id=world.deployment.chain_id,
                decoder=world.decoder,
                poll=0.02,
            ),
            folder=folder,
            outbound=Outbound(True),
            version="test",
            watches_all=watches_all,
            execute=execute,
        ),
        node,
    )


def fund(world: MarketWorld, account: Account, flt: int = 1_000) -> None:
    """Give an account FLT for asks."""
    data = keccak(b"mint(address,uint256)")[:4] + encode(
        ["address", "uint256"], [account.address, flt * FLT]
    )
    call = ContractCall(world.deployment.flt.address, data, "mint")
    world.send(world.deployer, call)


def pass_epochs(world: MarketWorld, metering: Metering, count: int) -> None:
    """Let epochs begin, one after the other, with a step of the meter in each."""
    for _ in range(count):
        world.start_epoch()
        metering.step()
