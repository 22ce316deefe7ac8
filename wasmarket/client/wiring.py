"""Wire the parts of one run together: settings to clients, once, on first use."""

import getpass
import logging
import sys
import threading
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from wasmarket.chain.sending.wallet import Account, find_odd_files, list_accounts, load_account
from wasmarket.chain.settings import ChainSettings
from wasmarket.client.deployment_files import find_deployment, read_deployment
from wasmarket.client.home import Home
from wasmarket.client.settings import (
    ClientSettings,
    Configuration,
    StoreSettings,
)
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import ConfigError, NotFound, Unauthorized, Unreachable
from wasmarket.kernel.units import Address
from wasmarket.serving.outgoing.http import create_http_client

if TYPE_CHECKING:
    from wasmarket.client import chain_parts
    from wasmarket.kernel.signing.plan import SigningPlan
    from wasmarket.kernel.signing.typed_data import Domain
    from wasmarket.serving.outbound import OutboundSettings

logger = logging.getLogger(__name__)

PASSWORD = "WASMARKET_PASSWORD"


@dataclass
class Wiring:
    """Everything that a command may need; nothing is opened before it is asked for."""

    configuration: Configuration
    _accounts: dict[str, Account] = field(default_factory=dict)
    given_deployment: Deployment | None = None
    """Used instead of any file."""
    plan: "SigningPlan | None" = None
    """Given: nothing is signed; what would be is noted here, until `PlanComplete` is raised."""

    @property
    def home(self) -> Home:
        """The home of this run."""
        return self.configuration.home

    @cached_property
    def chain(self) -> ChainSettings:
        """Settings of `[chain]`."""
        return self.configuration.read(ChainSettings, "chain")

    @cached_property
    def client(self) -> ClientSettings:
        """Settings of `[client]`."""
        return self.configuration.read(ClientSettings, "client")

    @cached_property
    def outbound(self) -> "OutboundSettings":
        """Settings of `[outbound]`."""
        from wasmarket.serving.outbound import OutboundSettings  # noqa: PLC0415 - asyncio

        return self.configuration.read(OutboundSettings, "outbound")

    @cached_property
    def store_url(self) -> str:
        """The database's URL."""
        given = self.configuration.read(StoreSettings, "store").url
        return given or f"sqlite:///{self.home.store}"

    @cached_property
    def rpc(self) -> "chain_parts.Rpc":
        """The node. Nothing is sent yet."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Rpc(self.chain.rpc)

    @cached_property
    def http(self) -> httpx.Client:
        """The connections to services. Nothing is sent yet."""
        return create_http_client(timeout=self.client.timeout)

    def close(self) -> None:
        """Close the connections that were opened; the wiring is of no use afterwards."""
        for name in ("rpc", "http"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    @cached_property
    def deployment(self) -> Deployment:
        """The deployment, checked to be what runs on the node's chain.

        Raises ConfigError, WrongChain, Unreachable.
        """
        deployment = self.load_deployment()
        self.rpc.check_deployment(deployment)
        return deployment

    @cached_property
    def known_deployment(self) -> Deployment:
        """The deployment for a process that lives through outages of the node.

        Checked if the node answers; else the only one this home knows. Raises as `deployment`.
        """
        try:
            return self.deployment
        except Unreachable as silence:
            given = self.chain.deployment
            paths = [Path(given)] if given else sorted(self.home.deployments.glob("*.json"))
            if len(paths) != 1 or not paths[0].is_file():
                raise
            logger.warning(
                "the chain is silent, going on with the known deployment",
                extra={"file": paths[0], "why": silence.detail},
            )
            return read_deployment(paths[0])

    def load_deployment(self) -> Deployment:
        """Read the deployment file, by path or by the node's chain id. Raises ConfigError."""
        if self.given_deployment is not None:
            return self.given_deployment
        if self.chain.deployment:
            return read_deployment(Path(self.chain.deployment).expanduser())
        return find_deployment(self.home, self.rpc.fetch_chain_id())

    @property
    def domain(self) -> "Domain":
        """The EIP-712 domain of offers and requests."""
        from wasmarket.kernel.signing.typed_data import market_domain  # noqa: PLC0415

        return market_domain(self.deployment.chain_id, self.deployment.market)

    @cached_property
    def clock(self) -> "chain_parts.ChainClock":
        """The chain's time."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.ChainClock(self.rpc, self.known_deployment)

    @cached_property
    def market(self) -> "chain_parts.Market":
        """Market."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Market(self.rpc, self.deployment)

    @cached_property
    def lens(self) -> "chain_parts.MarketLens":
        """MarketLens."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.MarketLens(self.rpc, self.deployment)

    @cached_property
    def staking(self) -> "chain_parts.Staking":
        """Staking."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Staking(self.rpc, self.deployment)

    @cached_property
    def proofs(self) -> "chain_parts.Proofs":
        """Proofs."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Proofs(self.rpc, self.deployment)

    @cached_property
    def meter(self) -> "chain_parts.Meter":
        """Meter."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Meter(self.rpc, self.deployment)

    @cached_property
    def audits(self) -> "chain_parts.Audits":
        """Audits."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Audits(self.rpc, self.deployment)

    @cached_property
    def contracts(self) -> "chain_parts.MarketContracts":
        """The contracts as web3 contracts; web3 is imported at the first use."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.MarketContracts(self.rpc, self.deployment)

    @cached_property
    def usdc(self) -> "chain_parts.Erc20":
        """The token of pay."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Erc20(self.rpc, self.deployment.usdc.address)

    @cached_property
    def flt(self) -> "chain_parts.Erc20":
        """The token of bonds."""
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        return chain_parts.Erc20(self.rpc, self.deployment.flt.address)

    def account(self, name: str | None = None) -> Account:
        """Load the key `name`, else the configured one, else the only one there is.

        Raises ConfigError, NotFound.
        """
        chosen = name or self.client.key or self._only_key()
        if chosen not in self._accounts:
            password = self.password(chosen)
            self._accounts[chosen] = load_account(self.home.keys, chosen, password)
        return self._accounts[chosen]

    def address(self, name: str | None = None) -> Address:
        """Return the address of a key without opening it. Raises as `account`."""
        chosen = name or self.client.key or self._only_key()
        if chosen in self._accounts:
            return self._accounts[chosen].address
        known = list_accounts(self.home.keys)
        if chosen not in known:
            return self.account(chosen).address
        return known[chosen]

    def password(self, name: str) -> str:
        """Return the password of a key: from the environment, else asked for, else empty."""
        given = self.configuration.environ.get(PASSWORD)
        if given is not None:
            return given
        try:
            load_account(self.home.keys, name, "")
        except NotFound:
            return ""
        except Unauthorized:
            if sys.stdin.isatty():
                return getpass.getpass(f"Password of key {name}: ")
        return ""

    def sender(self, account: Account, stop: threading.Event | None = None) -> "chain_parts.Sender":
        """Return the sender of an account's transactions, one process at a time per home.

        `stop` ends waiting for a transaction early. With a `plan` it notes them there.
        """
        from wasmarket.client import chain_parts  # noqa: PLC0415 - see there

        kind = chain_parts.Sender
        if self.plan is not None:
            kind = partial(chain_parts.PlannedSender, self.plan)  # type: ignore[assignment]
        return kind(
            self.rpc,
            account,
            chain_id=self.known_deployment.chain_id,
            decoder=chain_parts.Decoder(self.known_deployment),
            lock=self.home.locks / f"{account.address}.lock",
            max_fee=self.chain.max_fee,
            stop=stop,
        )

    def _only_key(self) -> str:
        # The hot wallets of this machine's peers sign for nobody else.
        wallets = {self.home.wallet_name(peer) for peer in self.home.peer_names()}
        names = sorted(list_accounts(self.home.keys).keys() - wallets)
        if len(names) == 1:
            return names[0]
        if not names:
            odd = "; ".join(find_odd_files(self.home.keys).values())
            raise NotFound(
                f"there is no key in {self.home.keys}" + (f" ({odd})" if odd else ""),
                remedy="make one: `wasmarket wallet new`",
            )
        raise ConfigError(
            f"there are {len(names)} keys: {', '.join(names)}",
            field="client.key",
            remedy="choose with --key or [client] key",
        )
