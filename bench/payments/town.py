"""A chain, a sandbox and a payment gateway in processes of their own, and who breaks them."""

import random
import time
from pathlib import Path

from payments.books.reconciling import Reconciler
from payments.processors.choice import build_processor
from payments.settings import PaymentsSettings
from payments.treasury import Treasury
from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.sending.wallet import load_or_create_account
from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import PASSWORD, Wiring
from wasmarket.kernel.units import Address
from wasmarket.store.database import Database, open_database
from wasmarket_cli.local.network import TREASURY, deploy_contracts, drip, give_coins
from wasmarket_cli.local.plan import FREE_PORTS, settle_ports, write_settings
from wasmarket_cli.local.processes import Process

GATEWAY, SANDBOX = "payments", "sandbox"
START_SECONDS = 120.0
EPOCH_SECONDS = 600
GATEWAY_SHARE, REORG_SHARE = 0.8, 0.2
"""Of the kills; of the times at which blocks are undone as well."""
LEAST_UP = 0.3
"""Seconds that a process serves before something is killed again."""
DEEPEST_REORG = 2
"""Below `final_blocks` of a local market, which is 3."""
NO_LIMITS = {
    "WASMARKET_PAYMENTS__PER_CARD_DAY": "0",
    "WASMARKET_PAYMENTS__PER_ACCOUNT_DAY": "0",
    "WASMARKET_PAYMENTS__PER_CLIENT_DAY": "0",
    "WASMARKET_PAYMENTS__PER_DAY": "0",
    "WASMARKET_PAYMENTS__REQUESTS_PER_MINUTE": "0",
}


class PaymentsTown:
    """Everything that a purchase needs; what is open ends with `close`."""

    def __init__(self, root: Path, *, block_time: float, quote_seconds: int, seed: int) -> None:
        """`block_time` in seconds; `quote_seconds`: after which what nobody paid ends."""
        self.home = Home(root)
        self.kills = 0
        self.reorgs = 0
        self._random = random.Random(seed)
        self._broken_at = time.monotonic()
        self._environ = NO_LIMITS | {
            "WASMARKET_PAYMENTS__QUOTE_SECONDS": str(quote_seconds),
            "WASMARKET_PAYMENTS__LOOK_SECONDS": "2",
            PASSWORD: "",
        }
        self.home.logs.mkdir(parents=True)
        self.ports = settle_ports(FREE_PORTS)
        self.anvil = Anvil.start(block_time=block_time, log=self.home.logs / "anvil.log")
        try:
            write_settings(self.home, self.ports, self.anvil.url)
            self.wiring = Wiring(load_configuration(self.home, self._environ))
            deploy_contracts(self.home, self.anvil.rpc, EPOCH_SECONDS)
            treasury = load_or_create_account(self.home.keys, TREASURY)
            give_coins(self.wiring, treasury.address)
            drip(self.wiring, treasury, treasury.address)
            self.sandbox = self._start(SANDBOX, "sandbox", "--port", str(self.ports.sandbox))
            self.gateway = self._start(GATEWAY, "run")
        except BaseException:
            self.anvil.stop()
            raise

    def close(self) -> None:
        """End everything."""
        for process in (self.gateway, self.sandbox):
            process.kill()
        self.wiring.close()
        self.anvil.stop()

    def break_something(self, period: tuple[float, float]) -> None:
        """Wait until it is time again, then kill a process (mostly the gateway) and start it anew;
        now and then blocks are undone as well.

        `period`: seconds from one time to the next, at random between these.
        """
        due = self._broken_at + self._random.uniform(*period)
        time.sleep(max(LEAST_UP, due - time.monotonic()))
        self._broken_at = time.monotonic()
        if self._random.random() < REORG_SHARE:
            self.anvil.cheats.reorg(self._random.randint(1, DEEPEST_REORG))
            self.reorgs += 1
        if self._random.random() < GATEWAY_SHARE:
            self.gateway = self._replace(self.gateway, GATEWAY, "run")
        else:
            port = str(self.ports.sandbox)
            self.sandbox = self._replace(self.sandbox, SANDBOX, "sandbox", "--port", port)

    def held_by(self, account: Address) -> int:
        """Return an account's USDC base units."""
        usdc: Erc20 = self.wiring.usdc
        return usdc.balance(account)

    def open_store(self) -> Database:
        """Return the gateway's store."""
        return open_database(self.wiring.store_url)

    def find_differences(self, database: Database) -> list[str]:
        """Return what ledger, chain and processor disagree about."""
        wiring = self.wiring
        settings = wiring.configuration.read(PaymentsSettings, "payments")
        sender = wiring.sender(wiring.account(TREASURY))
        treasury = Treasury(wiring.rpc, wiring.deployment, sender, wiring.rpc.fetch_balance)
        reconciler = Reconciler(database, treasury, build_processor(settings, wiring.http))
        return [str(found) for found in reconciler.find_differences(asks_processor=True)]

    def _start(self, name: str, *arguments: str) -> Process:
        process = Process(name, [GATEWAY, *arguments], self.home, self._environ)
        process.start()
        process.wait_ready(START_SECONDS)
        return process

    def _replace(self, process: Process, name: str, *arguments: str) -> Process:
        process.kill()
        self.kills += 1
        return self._start(name, *arguments)
