"""Connect a program to a market: settings of a home, or what is given instead."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wasmarket.chain.sending.wallet import Account
from wasmarket.client.contracts import MarketContracts
from wasmarket.client.home import find_home
from wasmarket.client.market.asynchronous import AsyncView
from wasmarket.client.market.audits import Auditor
from wasmarket.client.market.developer import Developer
from wasmarket.client.market.provider import Provider
from wasmarket.client.market.reputations import Reputations
from wasmarket.client.market.scripts import ScriptRunner
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import InvalidInput

GIVEN_KEY = "given"
"""What an account is called whose private key the program brought along."""

Key = str | bytes | Account


class ConnectedMarket:
    """A market as one account sees it. Safe to share between threads; close it in the end."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring

    @cached_property
    def developer(self) -> Developer:
        """What a developer does."""
        return Developer(self.wiring)

    @cached_property
    def provider(self) -> Provider:
        """What a provider does."""
        return Provider(self.wiring)

    @cached_property
    def audits(self) -> Auditor:
        """Asks, accusations and juries."""
        return Auditor(self.wiring)

    @cached_property
    def reputations(self) -> Reputations:
        """How providers and peers kept what they sold, from the chain alone."""
        return Reputations(self.wiring)

    @cached_property
    def scripts(self) -> ScriptRunner:
        """Aqua: compile it, have peers run it."""
        return ScriptRunner(self.wiring)

    @cached_property
    def contracts(self) -> MarketContracts:
        """The contracts as web3 `Contract`s on a shared `Web3`; needs the extra `web3`."""
        return self.wiring.contracts

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are, and their parameters. Asks the node at the first time."""
        return self.wiring.deployment

    @cached_property
    def aio(self) -> Any:
        """The same for `async` code: `await market.aio.developer.deals()`."""
        return AsyncView(self)

    def close(self) -> None:
        """Close the connections that were opened."""
        self.wiring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    *,
    home: str | Path | None = None,
    profile: str | None = None,
    rpc: str | None = None,
    matcher: str | None = None,
    gateway: str | None = None,
    key: Key | None = None,
    deployment: str | Path | Deployment | None = None,
    timeout: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> ConnectedMarket:
    """Return a market; nothing is sent before a method is called.

    What is not given comes from the environment and the home's `wasmarket.toml`, as for the
    command. `key`: the name of a key in the home, a private key (32 bytes or `0x` and 64 hex
    digits), or an Account. `deployment`: a deployment file, or what it says. `timeout`: seconds
    for an answer of matcher or gateway. Raises ConfigError, InvalidInput.
    """
    variables = os.environ if environ is None else environ
    account = _read_key(key)
    client = {
        "matcher": matcher,
        "gateway": gateway,
        "timeout": timeout,
        "key": GIVEN_KEY if account is not None else key,
    }
    chain: dict[str, Any] = {"rpc": rpc}
    if isinstance(deployment, str | Path):
        chain["deployment"] = str(deployment)
    flags = {
        table: {name: value for name, value in values.items() if value is not None}
        for table, values in (("chain", chain), ("client", client))
    }
    place = find_home(variables, None if home is None else str(home))
    wiring = Wiring(
        load_configuration(place, variables, profile, flags),
        {} if account is None else {GIVEN_KEY: account},
        deployment if isinstance(deployment, Deployment) else None,
    )
    # Mistakes in the settings show here, not at the first call.
    _ = wiring.chain, wiring.client
    return ConnectedMarket(wiring)


def _read_key(key: Key | None) -> Account | None:
    """Return the account that a key is; None if it is the name of one, or nothing."""
    if isinstance(key, Account):
        return key
    if isinstance(key, bytes) or (isinstance(key, str) and key.startswith("0x")):
        return Account.from_key(key)
    if key is not None and not isinstance(key, str):
        raise InvalidInput(
            "this is not a key", field="key", remedy="give a name, 32 bytes, or 0x and hex digits"
        )
    return None
