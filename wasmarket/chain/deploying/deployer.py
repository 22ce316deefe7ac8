"""Create the contracts of a plan on a chain, go on where an earlier attempt ended, check them."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account as EthAccount
from eth_typing import ChecksumAddress, HexAddress, HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TimeExhausted, TransactionNotFound, Web3Exception
from web3.types import Nonce, TxParams

from wasmarket.chain.deploying.plan import (
    DRIP_EVERY_LOCAL,
    Creation,
    DeploymentPlan,
    build_address,
    build_plan,
    load_abi_entries,
    load_creation_code,
)
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.deployment import (
    DeployedContract,
    Deployment,
    Parameters,
    Token,
    dump_deployment,
)
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, BlockNumber

logger = logging.getLogger(__name__)

DEPLOY_SECONDS = 300.0
"""How long one transaction may take to be mined."""
LOOK_SECONDS = 0.25
REFUSED_SECONDS = 5.0
"""How long a refused transaction is looked for before the refusal is believed."""
GAS_NUMERATOR, GAS_DENOMINATOR = 6, 5
"""A fifth over the estimate."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """Where a deployment began: its account, first nonce, and first block that can hold it."""

    chain_id: int
    deployer: str
    nonce: int
    block: int
    parameters: dict[str, int]


CreationCode = Callable[[str], bytes]


class DeployFailed(MarketError):
    """The contracts could not be deployed"""

    slug = "deploy-failed"


class TransactionSigner(Protocol):
    """Signs the transactions of one account."""

    @property
    def address(self) -> Address:
        """The account."""

    def sign(self, transaction: TxParams) -> bytes:
        """Return the signed transaction's bytes."""


class AccountSigner:
    """Signs with a key that is in memory."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def address(self) -> Address:
        """The account."""
        return self._account.address

    def sign(self, transaction: TxParams) -> bytes:
        """Return the signed transaction's bytes."""
        signed = EthAccount.sign_transaction(dict(transaction), self._account.key)
        return bytes(signed.raw_transaction)


class Deployer:
    """Creates contracts with one account. Safe to repeat: what a plan has already is left."""

    def __init__(
        self,
        web3: Web3,
        signer: TransactionSigner,
        creation_code: CreationCode = load_creation_code,
        on_created: Callable[[Creation], None] = lambda _: None,
    ) -> None:
        """`on_created` hears of each contract once it is on the chain."""
        self._web3 = web3
        self._signer = signer
        self._creation_code = creation_code
        self._on_created = on_created

    @property
    def address(self) -> Address:
        """The account that deploys."""
        return self._signer.address

    def deploy(
        self,
        path: Path,
        parameters: Parameters,
        *,
        name: str,
        tokens: tuple[Address, Address] | None = None,
        drip_every: int = DRIP_EVERY_LOCAL,
    ) -> Deployment:
        """Create what is missing, check everything, write the deployment file `path`.

        An attempt that was interrupted leaves `<path>.begun`, and the next goes on from there.
        Raises DeployFailed, TimedOut, InvalidInput.
        """
        file = path.with_name(f"{path.name}.begun")
        try:
            begun = self._begin(file, parameters)
            plan = build_plan(
                self.address, begun.nonce, parameters, tokens=tokens, drip_every=drip_every
            )
            for creation in plan.creations:
                if not self._web3.eth.get_code(_checksum(creation.address)):
                    self._create(creation)
                self._on_created(creation)
            self._check(plan)
            deployment = self._describe(plan, name, begun.block)
        except TimeExhausted as error:
            raise TimedOut(
                f"a contract is not on the chain after {DEPLOY_SECONDS:.0f} s",
                remedy="deploy again: it goes on where it stopped",
            ) from error
        except (Web3Exception, ValueError, OSError) as error:
            raise DeployFailed(f"the node refused: {error}") from error
        except DeployFailed:
            # It cannot be finished; the next attempt begins at another nonce.
            file.unlink(missing_ok=True)
            raise
        write_deployment(path, deployment)
        file.unlink(missing_ok=True)
        return deployment

    def _begin(self, file: Path, parameters: Parameters) -> _Begun:
        """Return where the attempt began that can be finished, else begin one."""
        eth = self._web3.eth
        following = eth.get_transaction_count(_checksum(self.address), "pending")
        known = _read_begun(file)
        if (
            known is not None
            and (known.chain_id, known.deployer) == (eth.chain_id, self.address)
            and known.parameters == asdict(parameters)
            and known.nonce <= following
            and (known.nonce == following or self._is_ours(known.nonce))
        ):
            return known
        block = eth.block_number + 1
        begun = _Begun(eth.chain_id, self.address, following, block, asdict(parameters))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(begun)) + "\n", encoding="utf-8")
        return begun

    def _is_ours(self, nonce: int) -> bool:
        """Say whether the transaction of a nonce created a contract, or is still on its way."""
        eth, sender = self._web3.eth, _checksum(self.address)
        if eth.get_code(_checksum(build_address(self.address, nonce))):
            return True
        return eth.get_transaction_count(sender, "latest") <= nonce

    def _create(self, creation: Creation) -> None:
        eth, sender = self._web3.eth, _checksum(self.address)
        if eth.get_transaction_count(sender, "latest") > creation.nonce:
            raise DeployFailed(
                f"nonce {creation.nonce} of {sender} went to another transaction"
                f" than that of {creation.name}",
                remedy="deploy from the start (`--force` begins another deployment)",
            )
        if eth.get_transaction_count(sender, "pending") > creation.nonce:
            self._await_code(creation)
            return
        factory = eth.contract(
            abi=load_abi_entries(creation.name), bytecode=self._creation_code(creation.name)
        )
        constructor = factory.constructor(*creation.arguments)
        gas = constructor.estimate_gas({"from": sender}) * GAS_NUMERATOR // GAS_DENOMINATOR
        transaction = constructor.build_transaction(
            {"from": sender, "nonce": Nonce(creation.nonce), "gas": gas}
        )
        raw = self._signer.sign(transaction)
        refusal = self._send(raw)
        sent = HexBytes(keccak(raw))
        logger.info("contract sent", extra={"contract": creation.name, "tx": sent.to_0x_hex()})
        if self._await_status(sent, creation.nonce, refusal) != 1:
            raise DeployFailed(f"the creation of {creation.name} ({sent.to_0x_hex()}) reverted")
        self._await_code(creation)

    def _send(self, raw: bytes) -> str:
        """Hand a signed transaction to the node; return what it said instead of taking it."""
        try:
            self._web3.eth.send_raw_transaction(raw)
        except (Web3Exception, MarketError) as error:
            return str(error)
        return ""

    def _await_status(self, sent: HexBytes, nonce: int, refusal: str) -> int:
        """Wait for a transaction's receipt and return its status.

        What the node says meanwhile does not end the waiting: a refused one may have been passed
        on. Only when a while later its nonce is still free the refusal counts.
        """
        began = time.monotonic()
        while True:
            try:
                return int(self._web3.eth.get_transaction_receipt(sent)["status"])
            except TransactionNotFound:
                passed = time.monotonic() - began
                if refusal and passed > REFUSED_SECONDS and self._is_free(nonce):
                    raise DeployFailed(f"the node refused: {refusal}") from None
            except (Web3Exception, MarketError) as error:
                logger.warning("the node is in trouble", extra={"detail": str(error)})
            if time.monotonic() - began > DEPLOY_SECONDS:
                raise TimeExhausted
            time.sleep(LOOK_SECONDS)

    def _is_free(self, nonce: int) -> bool:
        """Say whether no transaction with this nonce is mined or waits."""
        sender = _checksum(self.address)
        try:
            return int(self._web3.eth.get_transaction_count(sender, "pending")) <= nonce
        except (Web3Exception, MarketError):
            return False

    def _await_code(self, creation: Creation) -> None:
        """Wait for a transaction that is on its way already, or for a node that lags behind."""
        until = time.monotonic() + DEPLOY_SECONDS
        while not self._web3.eth.get_code(_checksum(creation.address)):
            if time.monotonic() > until:
                raise TimeExhausted
            time.sleep(LOOK_SECONDS)

    def _check(self, plan: DeploymentPlan) -> None:
        at = plan.addresses
        for wanted in plan.expectations():
            contract = self._web3.eth.contract(
                _checksum(at[wanted.contract]), abi=load_abi_entries(wanted.contract)
            )
            found = contract.functions[wanted.function]().call()
            if found != wanted.value:
                raise DeployFailed(
                    f"{wanted.contract}.{wanted.function} is {found}, not {wanted.value};"
                    " nothing was written"
                )

    def _describe(self, plan: DeploymentPlan, name: str, block: int) -> Deployment:
        eth = self._web3.eth
        tokens = [
            Token(token, int(self._token(token).functions["decimals"]().call()))
            for token in (plan.usdc, plan.flt)
        ]
        return Deployment(
            chain_id=eth.chain_id,
            name=name,
            block=BlockNumber(block),
            contracts={
                contract: DeployedContract(at, to_hash(keccak(bytes(eth.get_code(_checksum(at))))))
                for contract, at in plan.addresses.items()
            },
            usdc=tokens[0],
            flt=tokens[1],
            parameters=plan.parameters,
        )

    def _token(self, address: Address) -> Any:
        return self._web3.eth.contract(_checksum(address), abi=load_abi_entries("TestUSDC"))


def write_deployment(path: Path, deployment: Deployment) -> None:
    """Replace the deployment file at once: a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(dump_deployment(deployment), encoding="utf-8")
    partial.replace(path)


def is_live(web3: Web3, deployment: Deployment) -> bool:
    """Say whether the chain has the contracts that a deployment names."""
    return all(
        to_hash(keccak(bytes(web3.eth.get_code(_checksum(entry.address))))) == entry.code_hash
        for entry in deployment.contracts.values()
    )


def _read_begun(file: Path) -> _Begun | None:
    try:
        return _Begun(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        # Cut off by a crash: nothing was sent before it was written.
        return None


def _checksum(address: str) -> ChecksumAddress:
    """Say to web3 what our addresses are already."""
    return ChecksumAddress(HexAddress(HexStr(address)))
