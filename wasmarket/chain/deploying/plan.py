"""What a deployment consists of: contracts in order, their arguments, what they must say later."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

import rlp  # type: ignore[import-untyped]

from wasmarket.kernel.addresses import raw, to_address
from wasmarket.kernel.deployment import Parameters
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import FLT, USDC, Address

LOCAL_CHAIN_ID = 31337
DAY = 86_400

LOCAL = Parameters(
    epoch_seconds=60,
    accept_seconds=60,
    max_missed=3,
    proof_window=1,
    bond_per_unit=100 * FLT,
    fault_fee=10 * FLT,
    leaving_delay=840,
    accept_blocks=1,
    phase_blocks=1,
    ask_fee=2 * FLT,
    stake=50 * FLT,
    juror_fee=3 * FLT,
    seat=100 * FLT,
    min_seats=7,
    share_cap=50 * FLT,
)
PUBLIC = Parameters(
    epoch_seconds=DAY,
    accept_seconds=3_600,
    max_missed=3,
    proof_window=1,
    bond_per_unit=100 * FLT,
    fault_fee=10 * FLT,
    leaving_delay=14 * DAY,
    accept_blocks=150,
    phase_blocks=3_600,
    ask_fee=2 * FLT,
    stake=50 * FLT,
    juror_fee=3 * FLT,
    seat=100 * FLT,
    min_seats=21,
    share_cap=50 * FLT,
)
DRIP_USDC = 10_000 * USDC
DRIP_FLT = 100_000 * FLT
DRIP_EVERY_LOCAL = 1
DRIP_EVERY_PUBLIC = DAY


@dataclass(frozen=True, slots=True)
class Creation:
    """One contract to create: the account's `nonce` decides its address."""

    name: str
    nonce: int
    address: Address
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a function of a deployed contract must answer."""

    contract: str
    function: str
    value: Any


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """All contracts of one deployment, in order, and the two tokens."""

    deployer: Address
    parameters: Parameters
    creations: tuple[Creation, ...]
    usdc: Address
    flt: Address

    @property
    def addresses(self) -> dict[str, Address]:
        """Where each contract will be."""
        return {creation.name: creation.address for creation in self.creations}

    def expectations(self) -> tuple[Expectation, ...]:
        """Return what the contracts must say of one another and of their parameters."""
        at, p = self.addresses, self.parameters
        table: dict[str, dict[str, Any]] = {
            "Staking": {"MARKET": at["Market"], "TOKEN": self.flt, "DELAY": p.leaving_delay},
            "Proofs": {
                "MARKET": at["Market"],
                "EPOCH_SECONDS": p.epoch_seconds,
                "WINDOW": p.proof_window,
            },
            "Market": {
                "TOKEN": self.usdc,
                "BONDS": at["Staking"],
                "PROOFS": at["Proofs"],
                "EPOCH_SECONDS": p.epoch_seconds,
                "ACCEPT_SECONDS": p.accept_seconds,
                "MAX_MISSED": p.max_missed,
                "PROOF_WINDOW": p.proof_window,
                "BOND_PER_UNIT": p.bond_per_unit,
                "FAULT_FEE": p.fault_fee,
                "ACCEPT_BLOCKS": p.accept_blocks,
                "METER": at["Meter"],
                "AUDITS": at["Audits"],
                "owner": self.deployer,
            },
            "Meter": {"MARKET": at["Market"]},
            "Audits": {
                "MARKET": at["Market"],
                "PROOFS": at["Proofs"],
                "TOKEN": self.flt,
                "EPOCH_SECONDS": p.epoch_seconds,
                "PHASE_BLOCKS": p.phase_blocks,
                "ASK_FEE": p.ask_fee,
                "STAKE": p.stake,
                "JUROR_FEE": p.juror_fee,
                "SEAT": p.seat,
                "MIN_SEATS": p.min_seats,
                "SHARE_CAP": p.share_cap,
            },
            "MarketLens": {"MARKET": at["Market"]},
        }
        if "Faucet" in at:
            table["Faucet"] = {"USDC": self.usdc, "FLT": self.flt}
            table["TestUSDC"] = table["TestFLT"] = {"minter": at["Faucet"]}
        return tuple(
            Expectation(contract, function, value)
            for contract, answers in table.items()
            for function, value in answers.items()
        )


def choose_parameters(chain_id: int, given: Mapping[str, int | None]) -> Parameters:
    """Return the defaults of a local or a public chain, with what was given instead."""
    defaults = LOCAL if chain_id == LOCAL_CHAIN_ID else PUBLIC
    values = {field.name: getattr(defaults, field.name) for field in fields(Parameters)}
    return Parameters(**values | {name: v for name, v in given.items() if v is not None})


def build_plan(
    deployer: Address,
    nonce: int,
    parameters: Parameters,
    *,
    tokens: tuple[Address, Address] | None = None,
    drip_every: int = DRIP_EVERY_LOCAL,
) -> DeploymentPlan:
    """Plan the deployment that an account begins at `nonce`.

    `tokens`: addresses of USDC and FLT; without them test tokens and a faucet are created, which
    gives every `drip_every` seconds. Contracts name others before these exist: all addresses
    follow from the nonces.
    """
    names = ["Staking", "Proofs", "Meter", "Audits", "Market", "MarketLens"]
    if tokens is None:
        names = ["TestUSDC", "TestFLT", *names, "Faucet"]
    nonces = {name: nonce + index for index, name in enumerate(names)}
    at = {name: build_address(deployer, nonces[name]) for name in names}
    usdc, flt = tokens or (at["TestUSDC"], at["TestFLT"])
    p = parameters
    arguments: dict[str, tuple[Any, ...]] = {
        "Staking": (flt, at["Market"], p.leaving_delay),
        "Proofs": (at["Market"], p.epoch_seconds, p.proof_window),
        "Market": (
            usdc,
            at["Staking"],
            at["Proofs"],
            p.epoch_seconds,
            p.accept_seconds,
            p.max_missed,
            p.proof_window,
            p.bond_per_unit,
            p.fault_fee,
            p.accept_blocks,
            at["Meter"],
            at["Audits"],
        ),
        "Meter": (at["Market"],),
        "Audits": (
            at["Market"],
            at["Proofs"],
            at["Staking"],
            p.epoch_seconds,
            p.phase_blocks,
            p.ask_fee,
            p.stake,
            p.juror_fee,
            p.seat,
            p.min_seats,
            p.share_cap,
        ),
        "MarketLens": (at["Market"],),
    }
    if tokens is None:
        arguments["TestUSDC"] = arguments["TestFLT"] = (at["Faucet"],)
        arguments["Faucet"] = (usdc, flt, DRIP_USDC, DRIP_FLT, drip_every)
    creations = tuple(Creation(name, nonces[name], at[name], arguments[name]) for name in names)
    return DeploymentPlan(deployer, parameters, creations, usdc, flt)


def build_address(deployer: Address, nonce: int) -> Address:
    """Return the address of the contract that an account creates with a nonce."""
    return to_address(keccak(rlp.encode([raw(deployer), nonce]))[12:])


def load_creation_code(contract: str) -> bytes:
    """Return the committed creation code of a contract, without constructor arguments."""
    file = files("wasmarket.chain.deploying") / "creation_code" / f"{contract}.hex"
    return bytes.fromhex(file.read_text(encoding="ascii"))


def load_abi_entries(contract: str) -> list[Any]:
    """Return the committed ABI of a contract, as web3 takes it."""
    file = files("wasmarket.kernel") / "abi" / f"{contract}.json"
    return list(json.loads(file.read_text(encoding="utf-8")))
