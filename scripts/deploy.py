"""Deploy the contracts and write the deployment file.

`ape run deploy` deploys to a fresh local Anvil; to a running one with
`APE_FOUNDRY_HOST=http://127.0.0.1:8545 ape run deploy --network ethereum:local:foundry`.
On a public network name the account, and the tokens unless test tokens are wanted.
"""

import os
from pathlib import Path

import ape
import click
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from web3 import Web3
from web3.types import TxParams

from scripts._deployment_file import LOCAL_CHAIN_ID, build_path, load_contracts
from wasmarket.chain.deploying.deployer import AccountSigner, Deployer, TransactionSigner, is_live
from wasmarket.chain.deploying.plan import (
    DRIP_EVERY_LOCAL,
    DRIP_EVERY_PUBLIC,
    Creation,
    choose_parameters,
)
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.reading.web3_provider import open_web3
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.deployment_files import read_deployment
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.deployment import Deployment, Parameters
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address
from wasmarket.serving.outgoing.proxies import without_loopback_proxies

KEY = "WASMARKET_DEPLOY_KEY"

# Ape connects before the command runs: its own requests to a local node stay direct too.
os.environ.update(without_loopback_proxies(os.environ))


class ApeSigner:
    """Signs with an account that Ape keeps; asks about each transaction unless told not to."""

    def __init__(self, account: AccountAPI, *, ask: bool) -> None:
        self._account = account
        if not ask:
            account.set_autosign(True)

    @property
    def address(self) -> Address:
        """The account."""
        return parse_address(str(self._account.address))

    def sign(self, transaction: TxParams) -> bytes:
        """Return the signed transaction's bytes. Raises Abort when its owner says no."""
        fields = dict(transaction) | {"type": 2}
        signed = self._account.sign_transaction(ape.networks.ethereum.create_transaction(**fields))
        if signed is None:
            raise click.Abort
        return bytes(signed.serialize_transaction())


def load_creation_code(contract: str) -> bytes:
    """Return what Ape compiled from the sources here."""
    code = getattr(ape.project, contract).contract_type.get_deployment_bytecode()
    return bytes(code)


def load_signer(
    alias: str | None, key: str | None, chain_id: int, *, ask: bool
) -> TransactionSigner:
    """Return the deployer: a private key, a named account, or a local chain's first account."""
    if key is not None:
        return AccountSigner(Account.from_key(key))
    if alias is None:
        if chain_id != LOCAL_CHAIN_ID:
            raise click.UsageError(f"name the deploying account with --account, or set {KEY}")
        return AccountSigner(dev_accounts()[0])
    if alias not in ape.accounts.aliases:
        known = ", ".join(sorted(ape.accounts.aliases)) or "none"
        raise click.UsageError(f"Ape has no account {alias!r} (it has: {known})")
    return ApeSigner(ape.accounts.load(alias), ask=ask)


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
@click.option("--accept-blocks", type=int, help="Blocks that a missing answer takes too.")
@click.option("--phase-blocks", type=int, help="Blocks that each epoch of a case takes too.")
@click.option("--ask-fee", type=int, help="FLT base units that an ask costs.")
@click.option("--stake", type=int, help="FLT base units that an accuser risks.")
@click.option("--juror-fee", type=int, help="FLT base units that a juror earns.")
@click.option("--seat", type=int, help="FLT base units that a juror's seat costs.")
@click.option("--min-seats", type=int, help="Seats without which nobody can be accused.")
@click.option("--share-cap", type=int, help="FLT base units that a finder earns at most.")
@click.option("--force", is_flag=True, help="Deploy again although the contracts are there.")
@click.option("--yes", is_flag=True, help="Sign every transaction without asking.")
@click.option("--key", envvar=KEY, hidden=True)
def cli(
    account: str | None,
    usdc: str | None,
    flt: str | None,
    force: bool,
    yes: bool,
    key: str | None,
    **given: int | None,
):
    """Deploy the contracts, check them and write deployments/<chain id>.json.

    The private key in $WASMARKET_DEPLOY_KEY signs, if it is set. After an interruption the same
    command goes on where it stopped.
    """
    if (usdc is None) != (flt is None):
        raise click.UsageError("give both --usdc and --flt, or neither")
    web3, chain_id = open_connection(), ape.chain.chain_id
    path = build_path(chain_id)
    if path.is_file() and not force and is_live(web3, read_deployment(path)):
        click.echo(
            f"{path} names contracts that are live on chain {chain_id}; --force deploys again"
        )
        return
    # Before minutes of compiling: a wrong account is said at once.
    signer = load_signer(account, key, chain_id, ask=not yes)
    load_contracts()
    network = ape.chain.provider.network
    is_local = chain_id == LOCAL_CHAIN_ID
    tokens = (parse_address(usdc), parse_address(flt)) if usdc and flt else None
    try:
        deployment = Deployer(web3, signer, load_creation_code, show_created).deploy(
            path,
            choose_parameters(chain_id, given),
            name="local" if is_local else f"{network.ecosystem.name}-{network.name}",
            tokens=tokens,
            drip_every=DRIP_EVERY_LOCAL if is_local else DRIP_EVERY_PUBLIC,
        )
    except MarketError as error:
        hint = f"\n  hint: {error.remedy}" if error.remedy else ""
        raise click.ClickException(f"{error.detail}{hint}") from error
    show_parameters(deployment, path)


def open_connection() -> Web3:
    """Return a connection of our own to Ape's node: what is signed goes out once.

    Ape's repeats `eth_sendRawTransaction` after trouble.
    """
    theirs: Web3 = ape.chain.provider.web3
    url = str(getattr(theirs.provider, "endpoint_uri", ""))
    return open_web3(Rpc(url)) if url.startswith("http") else theirs


def show_created(creation: Creation) -> None:
    """Say where a contract is."""
    click.echo(f"{creation.name:<12}{creation.address}")


def show_parameters(deployment: Deployment, path: Path) -> None:
    """Say with which parameters the contracts run, and where the file is."""
    for name in Parameters.__dataclass_fields__:
        click.echo(f"{name:<16}{getattr(deployment.parameters, name)}")
    click.echo(f"chain {deployment.chain_id}, block {deployment.block}, written to {path}")
