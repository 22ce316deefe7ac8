"""Fill a local chain with something to look at: funded accounts and a few bonded peers.

Run after `ape run deploy` on the same chain. Repeating it changes nothing that is there already.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import ape
import click
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from ape.contracts import ContractInstance

from scripts._deployment_file import build_path, load_contracts
from wasmarket.kernel.deployment import Deployment, parse_deployment

DEVELOPERS = (5, 6)
MEMORY_MIB = 1_024
FIRST_PORT = 8610


@dataclass(frozen=True, slots=True)
class Example:
    """A peer to register: indices of test accounts, index in `regions.csv`, units, traits."""

    provider: int
    wallet: int
    region: int
    units: int
    traits: int


EXAMPLES = (
    Example(provider=1, wallet=11, region=0, units=8, traits=0b111),
    Example(provider=1, wallet=12, region=1, units=4, traits=0b001),
    Example(provider=2, wallet=13, region=2, units=16, traits=0b111),
)


def load_deployment() -> Deployment:
    """Return the deployment of the connected chain. Raises UsageError if there is none."""
    path = build_path(ape.chain.chain_id)
    if not path.is_file():
        raise click.UsageError(f"{path} is missing: run `ape run deploy` first")
    return parse_deployment(json.loads(path.read_text()))


def drip(faucet: ContractInstance, token: ContractInstance, to: str, sender: AccountAPI) -> bool:
    """Fund an account from the faucet unless it has tokens; tell whether it was funded."""
    if token.balanceOf(to):
        return False
    faucet.drip(to, sender=sender)
    return True


def fetch_wallets(market: ContractInstance, lens: ContractInstance) -> set[str]:
    """Return the wallets of all registered peers."""
    return {market.wallet_of(peer) for peer in range(1, lens.peer_count() + 1)}


def register(
    contracts: dict[str, Any], deployment: Deployment, example: Example, index: int
) -> None:
    """Stake the bond of an example peer and register it."""
    accounts = ape.accounts.test_accounts
    provider = accounts[example.provider]
    bond = example.units * deployment.parameters.bond_per_unit
    staking, flt = contracts["Staking"], contracts["FLT"]
    flt.approve(staking.address, bond, sender=provider)
    staking.deposit(bond, sender=provider)
    contracts["Market"].register_peer(
        sha256(f"example peer {index}".encode()).digest(),
        example.units,
        MEMORY_MIB,
        example.region,
        example.traits,
        accounts[example.wallet].address,
        f"http://127.0.0.1:{FIRST_PORT + index}",
        sender=provider,
    )


@click.command(cls=ConnectedProviderCommand)
@click.option("--to", multiple=True, help="Address to fund too; may be repeated.")
@click.option("--no-peers", is_flag=True, help="Fund accounts only.")
def cli(to: tuple[str, ...], no_peers: bool):
    """Drip test tokens to the development accounts and register example peers."""
    deployment = load_deployment()
    if "Faucet" not in deployment.contracts:
        raise click.UsageError("this deployment has no faucet: it uses real tokens")
    load_contracts()
    project, accounts = ape.project, ape.accounts.test_accounts
    faucet = project.Faucet.at(deployment.contracts["Faucet"].address)
    contracts = {
        "Market": project.Market.at(deployment.market),
        "Staking": project.Staking.at(deployment.staking),
        "FLT": project.TestFLT.at(deployment.flt.address),
    }
    funded = [accounts[i].address for i in (*DEVELOPERS, *{e.provider for e in EXAMPLES})]
    usdc = project.TestUSDC.at(deployment.usdc.address)
    for address in (*funded, *to):
        done = drip(faucet, usdc, address, accounts[0])
        click.echo(f"{address}  {'funded' if done else 'has tokens'}")
    if no_peers:
        return
    known = fetch_wallets(contracts["Market"], project.MarketLens.at(deployment.lens))
    for index, example in enumerate(EXAMPLES):
        wallet = accounts[example.wallet].address
        if wallet in known:
            click.echo(f"peer of wallet {wallet}  is registered")
            continue
        register(contracts, deployment, example, index)
        click.echo(f"peer of wallet {wallet}  registered with {example.units} units")
