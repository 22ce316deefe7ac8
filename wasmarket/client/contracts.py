"""The deployed contracts as web3 contracts, for those who read and write by web3.

web3 is imported at the first use: the rest of the library does without it.
"""

import importlib
from functools import cached_property
from typing import Any

from wasmarket.chain.contracts.bindings import ERC20_ABI
from wasmarket.chain.deploying.plan import load_abi_entries
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import ConfigError
from wasmarket.kernel.units import Address


class MarketContracts:
    """web3 `Contract`s of one deployment on a shared `Web3`, whose connection is ours.

    Every reading and sending of web3 works: `contracts.lens.functions.free(a).call()`,
    `contracts.market.events.Assigned().get_logs(...)`, `contracts.web3.eth`.
    """

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        """`rpc` stays the caller's to close."""
        self._rpc = rpc
        self._deployment = deployment

    @cached_property
    def web3(self) -> Any:
        """The shared `Web3`. Raises ConfigError if web3 is not installed."""
        try:
            provider = importlib.import_module("wasmarket.chain.reading.web3_provider")
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "web3":
                raise
            raise ConfigError(
                "web3 is not installed", remedy="install it: `pip install wasmarket[web3]`"
            ) from error
        return provider.open_web3(self._rpc)

    @cached_property
    def market(self) -> Any:
        """Market: deals, offers, peers, money."""
        return self._open("Market")

    @cached_property
    def lens(self) -> Any:
        """MarketLens: views that settle first."""
        return self._open("MarketLens")

    @cached_property
    def staking(self) -> Any:
        """Staking: the providers' bonds."""
        return self._open("Staking")

    @cached_property
    def proofs(self) -> Any:
        """Proofs: which epochs peers have proven."""
        return self._open("Proofs")

    @cached_property
    def meter(self) -> Any:
        """Meter: pays for signed usage."""
        return self._open("Meter")

    @cached_property
    def audits(self) -> Any:
        """Audits: asks, contradictions, accusations, juries."""
        return self._open("Audits")

    @cached_property
    def usdc(self) -> Any:
        """The token of pay."""
        return self._at(self._deployment.usdc.address, ERC20_ABI)

    @cached_property
    def flt(self) -> Any:
        """The token of bonds."""
        return self._at(self._deployment.flt.address, ERC20_ABI)

    def _open(self, name: str) -> Any:
        return self._at(self._deployment.contracts[name].address, name)

    def _at(self, address: Address, name: str) -> Any:
        return self.web3.eth.contract(address, abi=load_abi_entries(name))
