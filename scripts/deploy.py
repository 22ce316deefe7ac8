"""Deploy the contracts and write the deployment file.

`ape run deploy` deploys to a fresh local Anvil; to a running one with
`APE_FOUNDRY_HOST=http://127.0.0.1:8545 ape run deploy --network ethereum:local:foundry`.
On a public network name the account, and the tokens unless test tokens are wanted.
"""

import json
from pathlib import Path
from typing import Any

import ape
import click
import rlp
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from ape.contracts import ContractInstance
from eth_utils import keccak, to_canonical_address, to_checksum_address

from scripts._deployment_file import LOCAL_CHAIN_ID, build_path, load_contracts, write_file
from wasmarket.kernel.deployment import (
    DeployedContract,
    Deployment,
    Parameters,
    Token,
    dump_deployment,
)

USDC_UNIT = 10**6
FLT_UNIT = 10**18

LOCAL = Parameters(
    epoch_seconds=60,
    accept_seconds=60,
    max_missed=3,
    proof_window=1,
    bond_per_unit=100 * FLT_UNIT,
    fault_fee=10 * FLT_UNIT,
    leaving_delay=180,
)
PUBLIC = Parameters(
    epoch_seconds=86_400,
    accept_seconds=3_600,
    max_missed=3,
    proof_window=1,
    bond_per_unit=100 * FLT_UNIT,
    fault_fee=10 * FLT_UNIT,
    leaving_delay=14 * 86_400,
)
TOKEN_ABI = [
    {
        "type": "function",
        "name": "decimals",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint8"}],
    }
]

DRIP_USDC = 10_000 * USDC_UNIT
DRIP_FLT = 100_000 * FLT_UNIT
DRIP_EVERY_LOCAL = 1
DRIP_EVERY_PUBLIC = 86_400


class Mismatch(click.ClickException):
    """A deployed contract does not say what it was deployed with; no file is written."""


def build_address(deployer: str, nonce: int) -> str:
    """Return the address of the contract that an account creates with a nonce."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])


def fetch_code_hash(address: str) -> str:
    """Return keccak-256 of the code at an address, as lower-case hex."""
    return "0x" + keccak(ape.chain.provider.get_code(address)).hex()


def is_live(path: Path) -> bool:
    """Tell whether the chain has the contracts that a deployment file names."""
    if not path.is_file():
        return False
    known = json.loads(path.read_text())["contracts"]
    return all(fetch_code_hash(entry["address"]) == entry["code_hash"] for entry in known.values())


def deploy_all(
    deployer: AccountAPI, parameters: Parameters, usdc: str | None, flt: str | None, every: int
) -> dict[str, ContractInstance]:
    """Deploy in the order of CONTRACTS section 10 and return the contracts by name.

    Staking and Proofs name Market, and the test tokens name the faucet, before these exist: the
    addresses follow from the deployer's nonce.
    """
    project = ape.project
    done: dict[str, ContractInstance] = {}
    with_tokens = usdc is None
    if with_tokens:
        faucet = build_address(deployer.address, deployer.nonce + 6)
        done["TestUSDC"] = deployer.deploy(project.TestUSDC, faucet)
        done["TestFLT"] = deployer.deploy(project.TestFLT, faucet)
        usdc, flt = done["TestUSDC"].address, done["TestFLT"].address
    p = parameters
    market = build_address(deployer.address, deployer.nonce + 2)
    done["Staking"] = deployer.deploy(project.Staking, flt, market, p.leaving_delay)
    done["Proofs"] = deployer.deploy(project.Proofs, market, p.epoch_seconds, p.proof_window)
    done["Market"] = deployer.deploy(
        project.Market,
        usdc,
        done["Staking"].address,
        done["Proofs"].address,
        p.epoch_seconds,
        p.accept_seconds,
        p.max_missed,
        p.proof_window,
        p.bond_per_unit,
        p.fault_fee,
    )
    done["MarketLens"] = deployer.deploy(project.MarketLens, done["Market"].address)
    if with_tokens:
        done["Faucet"] = deployer.deploy(project.Faucet, usdc, flt, DRIP_USDC, DRIP_FLT, every)
    return done


def check_all(
    done: dict[str, ContractInstance], deployer: str, p: Parameters, usdc: str, flt: str
) -> None:
    """Read everything back. Raises Mismatch at the first difference."""
    market, staking, proofs = done["Market"], done["Staking"], done["Proofs"]
    expected: list[tuple[str, Any, Any]] = [
        ("Staking.MARKET", staking.MARKET(), market.address),
        ("Staking.TOKEN", staking.TOKEN(), flt),
        ("Staking.DELAY", staking.DELAY(), p.leaving_delay),
        ("Proofs.MARKET", proofs.MARKET(), market.address),
        ("Proofs.EPOCH_SECONDS", proofs.EPOCH_SECONDS(), p.epoch_seconds),
        ("Proofs.WINDOW", proofs.WINDOW(), p.proof_window),
        ("Market.TOKEN", market.TOKEN(), usdc),
        ("Market.BONDS", market.BONDS(), staking.address),
        ("Market.PROOFS", market.PROOFS(), proofs.address),
        ("Market.EPOCH_SECONDS", market.EPOCH_SECONDS(), p.epoch_seconds),
        ("Market.ACCEPT_SECONDS", market.ACCEPT_SECONDS(), p.accept_seconds),
        ("Market.MAX_MISSED", market.MAX_MISSED(), p.max_missed),
        ("Market.PROOF_WINDOW", market.PROOF_WINDOW(), p.proof_window),
        ("Market.BOND_PER_UNIT", market.BOND_PER_UNIT(), p.bond_per_unit),
        ("Market.FAULT_FEE", market.FAULT_FEE(), p.fault_fee),
        ("Market.owner", market.owner(), deployer),
        ("MarketLens.MARKET", done["MarketLens"].MARKET(), market.address),
    ]
    if "Faucet" in done:
        faucet = done["Faucet"]
        expected += [
            ("Faucet.USDC", faucet.USDC(), usdc),
            ("Faucet.FLT", faucet.FLT(), flt),
            ("TestUSDC.minter", done["TestUSDC"].minter(), faucet.address),
            ("TestFLT.minter", done["TestFLT"].minter(), faucet.address),
        ]
    for name, found, wanted in expected:
        if found != wanted:
            raise Mismatch(f"{name} is {found}, not {wanted}; nothing was written")


def build_parameters(chain_id: int, given: dict[str, int | None]) -> Parameters:
    """Return the defaults of the chain with what was given instead."""
    defaults = LOCAL if chain_id == LOCAL_CHAIN_ID else PUBLIC
    fields = Parameters.__dataclass_fields__
    return Parameters(**{k: getattr(defaults, k) if given[k] is None else given[k] for k in fields})


def load_deployer(name: str | None, chain_id: int) -> AccountAPI:
    """Return the named account, or the first test account of a local chain."""
    if name is not None:
        return ape.accounts.load(name)
    if chain_id != LOCAL_CHAIN_ID:
        raise click.UsageError("name the deploying account with --account")
    return ape.accounts.test_accounts[0]


@click.command(
    cls=ConnectedProviderCommand, context_settings={"auto_envvar_prefix": "WASMARKET_DEPLOY"}
)
@click.option("--account", help="Alias of the deploying account; a test account on a local chain.")
@click.option("--usdc", help="Address of USDC; test tokens and a faucet are deployed without it.")
@click.option("--flt", help="Address of FLT; goes with --usdc.")
@click.option("--epoch-seconds", type=int, help="Length of a billing period.")
@click.option("--accept-seconds", type=int, help="Time a peer has to answer.")
@click.option("--max-missed", type=int, help="Unproven epochs that make a fault.")
@click.option("--proof-window", type=int, help="Epochs in which a past epoch can be proven.")
@click.option("--bond-per-unit", type=int, help="FLT base units locked for each unit.")
@click.option("--fault-fee", type=int, help="FLT base units that a fault costs for each unit.")
@click.option("--leaving-delay", type=int, help="Seconds until stake can leave.")
@click.option("--force", is_flag=True, help="Deploy anew although the contracts are there.")
def cli(account: str | None, usdc: str | None, flt: str | None, force: bool, **given: int | None):
    """Deploy the contracts, check them and write deployments/<chain id>.json."""
    if (usdc is None) != (flt is None):
        raise click.UsageError("give both --usdc and --flt, or neither")
    chain_id = ape.chain.chain_id
    path = build_path(chain_id)
    if is_live(path) and not force:
        click.echo(
            f"{path} names contracts that are live on chain {chain_id}; --force deploys anew"
        )
        return
    load_contracts()
    deployer = load_deployer(account, chain_id)
    parameters = build_parameters(chain_id, given)
    is_local = chain_id == LOCAL_CHAIN_ID
    block = ape.chain.blocks.height + 1
    every = DRIP_EVERY_LOCAL if is_local else DRIP_EVERY_PUBLIC
    done = deploy_all(deployer, parameters, usdc, flt, every)
    usdc = usdc or done["TestUSDC"].address
    flt = flt or done["TestFLT"].address
    check_all(done, deployer.address, parameters, usdc, flt)

    network = ape.chain.provider.network
    decimals = {t: ape.Contract(t, abi=TOKEN_ABI).decimals() for t in (usdc, flt)}
    deployment = Deployment(
        chain_id=chain_id,
        name="local" if is_local else f"{network.ecosystem.name}-{network.name}",
        block=block,
        contracts={
            n: DeployedContract(c.address, fetch_code_hash(c.address)) for n, c in done.items()
        },
        usdc=Token(usdc, decimals[usdc]),
        flt=Token(flt, decimals[flt]),
        parameters=parameters,
    )
    write_file(path, dump_deployment(deployment))
    for name, contract in done.items():
        click.echo(f"{name:<12}{contract.address}")
    for name in Parameters.__dataclass_fields__:
        click.echo(f"{name:<16}{getattr(parameters, name)}")
    click.echo(f"chain {chain_id}, block {block}, written to {path}")
