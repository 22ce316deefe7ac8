"""The deployment file: where the contracts are and with which parameters (DESIGN 8.8)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.errors import ConfigError, InvalidInput
from wasmarket.kernel.units import Address, BlockNumber, Epoch, Hash, Timestamp

CONTRACTS = ("Market", "Staking", "Proofs", "Meter", "Audits", "MarketLens")

FLT_PARAMETERS = (
    "bond_per_unit",
    "fault_fee",
    "ask_fee",
    "stake",
    "juror_fee",
    "share_cap",
    "seat",
)
"""Parameters in FLT base units: decimal strings in the file."""


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """One deployed contract; `code_hash` is keccak-256 of its runtime code."""

    address: Address
    code_hash: Hash


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 token."""

    address: Address
    decimals: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """The immutables of the deployment. Seconds, epochs, blocks, FLT base units."""

    epoch_seconds: int
    accept_seconds: int
    max_missed: int
    proof_window: int
    bond_per_unit: int
    fault_fee: int
    leaving_delay: int
    accept_blocks: int
    phase_blocks: int
    ask_fee: int
    stake: int
    juror_fee: int
    share_cap: int
    seat: int
    min_seats: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything a client must know of one deployment."""

    chain_id: int
    name: str
    block: BlockNumber
    contracts: dict[str, DeployedContract]
    usdc: Token
    flt: Token
    parameters: Parameters

    @property
    def market(self) -> Address:
        """Address of Market, also the EIP-712 verifying contract."""
        return self.contracts["Market"].address

    @property
    def staking(self) -> Address:
        """Address of Staking."""
        return self.contracts["Staking"].address

    @property
    def proofs(self) -> Address:
        """Address of Proofs."""
        return self.contracts["Proofs"].address

    @property
    def meter(self) -> Address:
        """Address of Meter."""
        return self.contracts["Meter"].address

    @property
    def audits(self) -> Address:
        """Address of Audits."""
        return self.contracts["Audits"].address

    @property
    def lens(self) -> Address:
        """Address of MarketLens."""
        return self.contracts["MarketLens"].address

    def epoch_of(self, timestamp: int) -> Epoch:
        """Return the epoch of a block timestamp."""
        return Epoch(timestamp // self.parameters.epoch_seconds)

    def start_of(self, epoch: int) -> Timestamp:
        """Return the first second of an epoch."""
        return Timestamp(epoch * self.parameters.epoch_seconds)


def parse_deployment(data: Mapping[str, Any]) -> Deployment:
    """Read a deployment document. Raises ConfigError that names what is missing."""
    try:
        contracts = {
            name: DeployedContract(parse_address(entry["address"]), parse_hash(entry["code_hash"]))
            for name, entry in data["contracts"].items()
        }
        for name in CONTRACTS:
            if name not in contracts:
                raise KeyError(name)
        tokens = {
            name: Token(
                parse_address(data["tokens"][name]["address"]),
                int(data["tokens"][name]["decimals"]),
            )
            for name in ("usdc", "flt")
        }
        return Deployment(
            chain_id=int(data["chain_id"]),
            name=str(data["name"]),
            block=BlockNumber(int(data["block"])),
            contracts=contracts,
            usdc=tokens["usdc"],
            flt=tokens["flt"],
            parameters=Parameters(**{k: int(v) for k, v in data["parameters"].items()}),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
        raise ConfigError(
            f"the deployment file is not complete: {error}",
            remedy="write it anew with `ape run deploy`",
        ) from error


def dump_deployment(deployment: Deployment) -> str:
    """Write a deployment as the JSON text of its file."""
    p = asdict(deployment.parameters)
    document = {
        "chain_id": deployment.chain_id,
        "name": deployment.name,
        "block": deployment.block,
        "contracts": {name: asdict(entry) for name, entry in deployment.contracts.items()},
        "tokens": {"usdc": asdict(deployment.usdc), "flt": asdict(deployment.flt)},
        "parameters": {k: str(v) if k in FLT_PARAMETERS else v for k, v in p.items()},
    }
    return json.dumps(document, indent=2) + "\n"
