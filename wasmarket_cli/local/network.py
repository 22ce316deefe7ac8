"""Bring a local market up step by step, and down again."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

import tomli_w

from peer.folder import write_atomically
from peer.own_document import TERMS
from wasmarket.chain.contracts.bindings import Faucet
from wasmarket.chain.deploying.deployer import AccountSigner, Deployer
from wasmarket.chain.deploying.plan import LOCAL, LOCAL_CHAIN_ID
from wasmarket.chain.development.anvil import Anvil, check_port
from wasmarket.chain.development.cheats import Cheats
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.reading.web3_provider import open_web3
from wasmarket.chain.sending.wallet import Account, load_or_create_account
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.home import Home
from wasmarket.client.provider import PeerCapacity, ProviderClient
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import PASSWORD, Wiring
from wasmarket.kernel.audits.times import HOLD_EPOCHS
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import TimedOut
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.traits import trait_mask
from wasmarket.kernel.units import Address
from wasmarket.serving.daemon import ThreadLoop
from wasmarket_cli.local.blocks import create_block_loop
from wasmarket_cli.local.homes import claim_home, forget_chain
from wasmarket_cli.local.kernels import KernelBuild
from wasmarket_cli.local.plan import (
    EFFECTORS,
    PeerPlan,
    Plan,
    find_free_port,
    settle_ports,
    write_settings,
)
from wasmarket_cli.local.processes import Process, stop_all
from wasmarket_cli.provider.peer_keys import load_peer_keys

COINS = 100 * 10**18
"""Wei that every account of a local market gets for gas."""

START_SECONDS = 600.0
"""Where the engine's code cannot be kept, the matcher compiles it: minutes on a busy machine."""
SERVICES = ("indexer", "gateway")
MATCHER = "matcher"
PAYMENTS, SANDBOX, TREASURY = "payments", "sandbox", "treasury"

OnStep = Callable[[str], None]


@dataclass
class LocalMarket:
    """A running local market: its chain, its services and its peers by name."""

    home: Home
    plan: Plan
    anvil: Anvil
    wiring: Wiring
    claim: IO[str]
    """Keeps other local markets out of the home."""
    services: dict[str, Process] = field(default_factory=dict)
    peers: dict[str, Process] = field(default_factory=dict)
    peer_ids: dict[str, int] = field(default_factory=dict)
    peer_ports: dict[str, int] = field(default_factory=dict)
    blocks: ThreadLoop | None = None
    """Makes blocks while nobody sends."""

    def stop(self) -> None:
        """End everything: peers, services, chain."""
        stop_all([*self.peers.values(), *self.services.values()])
        if self.blocks is not None:
            self.blocks.ask_to_stop()
            self.blocks.join()
        self.wiring.close()
        self.anvil.stop()
        self.claim.close()

    def start_service(self, name: str) -> Process:
        """Start a service, or start it again; returns before it is ready."""
        arguments = [name, "run"]
        if name == SANDBOX:
            arguments = [PAYMENTS, SANDBOX, "--port", str(self.plan.ports.sandbox)]
        process = Process(name, arguments, self.home, os.environ)
        self.services[name] = process
        process.start()
        return process

    def start_peer(self, name: str) -> Process:
        """Start the process of a peer, or start it again; returns before it is ready."""
        port = str(self.peer_ports[name])
        process = Process(name, ["peer", "run", name, "--port", port], self.home, os.environ)
        self.peers[name] = process
        process.start()
        return process

    def start_watching(self, name: str, arguments: Sequence[str]) -> Process:
        """Start another of our commands that serves, such as a meter; returns once it is ready."""
        process = Process(name, arguments, self.home, os.environ)
        self.services[name] = process
        process.start()
        process.wait_ready(START_SECONDS)
        return process

    def fund(self, account: Account) -> None:
        """Give an account coins for gas and what the faucet gives."""
        give_coins(self.wiring, account.address)
        drip(self.wiring, account, account.address)


def give_coins(wiring: Wiring, address: Address) -> None:
    """Give an account of a local chain coins for gas, unless it has enough."""
    if wiring.contracts.web3.eth.get_balance(address) < COINS:
        Cheats(wiring.rpc).set_balance(address, COINS)


def drip(wiring: Wiring, payer: Account, to: Address) -> None:
    """Send test tokens from the faucet to an address; `payer` pays the gas."""
    faucet = Faucet(wiring.rpc, wiring.deployment)
    wiring.sender(payer).send(faucet.call("drip", to))


def start_market(home: Home, plan: Plan, on_step: OnStep = lambda _: None) -> LocalMarket:
    """Start chain, contracts, services and peers; `on_step` hears of each before it begins.

    Raises PortInUse, Conflict (the home has settings of its own, or a market runs in it),
    DeployFailed, ProcessFailed, TimedOut; what was started is ended then.
    """
    on_step("chain")
    for port in plan.wanted_ports:
        check_port(port)
    claim = claim_home(home)
    try:
        with contextlib.closing(KernelBuild(os.environ)) as kernels:
            return _start(home, plan, on_step, claim, kernels)
    except BaseException:
        claim.close()
        raise


def _start(
    home: Home, plan: Plan, on_step: OnStep, claim: IO[str], kernels: KernelBuild
) -> LocalMarket:
    forget_chain(home, (peer.name for peer in plan.peers))
    home.logs.mkdir(parents=True, exist_ok=True)
    ports = settle_ports(plan.ports)
    anvil = Anvil.start(port=ports.chain, block_time=plan.block_time, log=home.logs / "anvil.log")
    try:
        write_settings(home, ports, anvil.url, has_payments=plan.payments)
        environ = {name: value for name, value in os.environ.items() if name == PASSWORD}
        wiring = Wiring(load_configuration(home, {PASSWORD: "", **environ}))
        market = LocalMarket(home, replace(plan, ports=ports), anvil, wiring, claim)
    except BaseException:
        anvil.stop()
        raise
    try:
        on_step("contracts")
        deploy_contracts(home, anvil.rpc, plan.epoch_seconds)
        market.blocks = create_block_loop(wiring.rpc, plan.epoch_seconds)
        market.blocks.start()
        on_step("accounts")
        _fund_accounts(market)
        on_step("services")
        started = [market.start_service(name) for name in _services_of(plan)]
        on_step("peers")
        for index, peer in enumerate(plan.peers):
            _register(market, peer, plan.peer_port(index) or find_free_port())
        _await(started + [market.start_peer(peer.name) for peer in plan.peers])
        # The matcher is the last, so that all others start while the compiler works.
        on_step("matching engine (compiled once, for half a minute)")
        kernels.wait()
        on_step("matcher")
        _await([market.start_service(MATCHER)])
        on_step("offers")
        _offer(market)
    except BaseException:
        market.stop()
        raise
    return market


def deploy_contracts(home: Home, rpc: Rpc, epoch_seconds: int) -> Deployment:
    """Deploy the contracts with test tokens and write the deployment file.

    Raises DeployFailed, TimedOut.
    """
    deployer = Deployer(open_web3(rpc), AccountSigner(dev_accounts()[0]))
    # A bond must not leave before its peer could be convicted.
    leaving = max(LOCAL.leaving_delay, (HOLD_EPOCHS + 2) * epoch_seconds)
    parameters = replace(LOCAL, epoch_seconds=epoch_seconds, leaving_delay=leaving)
    path = home.deployments / f"{LOCAL_CHAIN_ID}.json"
    return deployer.deploy(path, parameters, name="local")


def _services_of(plan: Plan) -> tuple[str, ...]:
    return (*SERVICES, SANDBOX, PAYMENTS) if plan.payments else SERVICES


def _fund_accounts(market: LocalMarket) -> None:
    keys = market.home.keys
    treasury = (TREASURY,) if market.plan.payments else ()
    for name in (*market.plan.developers, *market.plan.providers, *treasury):
        market.fund(load_or_create_account(keys, name, market.wiring.password(name)))
    matcher = load_or_create_account(keys, "matcher", market.wiring.password("matcher"))
    market.anvil.cheats.set_balance(matcher.address, COINS)


def _register(market: LocalMarket, plan: PeerPlan, port: int) -> None:
    key, wallet = load_peer_keys(market.wiring, plan.name)
    if plan.site:
        terms = market.home.peer(plan.name) / TERMS
        write_atomically(terms, tomli_w.dumps({"site": plan.site}).encode())
    market.anvil.cheats.set_balance(wallet.address, COINS)
    machine = PeerCapacity(
        units=plan.units,
        memory_mib=plan.memory_mib,
        region=region_index(plan.region),
        endpoint=f"http://127.0.0.1:{port}",
        traits=trait_mask(EFFECTORS),
    )
    client = ProviderClient(market.wiring, plan.provider)
    market.peer_ids[plan.name] = client.register(key, wallet.address, machine)
    market.peer_ports[plan.name] = port


def _offer(market: LocalMarket) -> None:
    """Post what the plan sells, and wait until the matcher offers all of it to developers.

    Raises TimedOut: a matcher passes over peers that do not answer it.
    """
    plan, wiring = market.plan, market.wiring
    kinds = [PriceKind.RESERVED]
    for peer in plan.peers:
        client = ProviderClient(wiring, peer.provider)
        number = market.peer_ids[peer.name]
        client.post(client.sign_offer(number, peer.price))
        if plan.work_price is not None:
            client.post(client.sign_offer(number, plan.work_price, kind=PriceKind.METERED))
    if plan.work_price is not None:
        kinds.append(PriceKind.METERED)
    units = sum(peer.units for peer in plan.peers)
    buyer = DeveloperClient(wiring, plan.developers[0])
    until = time.monotonic() + START_SECONDS
    for kind in kinds:
        while _count_units(buyer, units, kind) < units:
            if time.monotonic() > until:
                raise TimedOut(f"the matcher does not offer all units; see {market.home.logs}")
            time.sleep(0.1)


def _count_units(buyer: DeveloperClient, wanted: int, kind: PriceKind) -> int:
    curve = buyer.quote({"units": wanted, "kind": int(kind)})
    return max((int(row["units"]) for row in curve), default=0)


def _await(started: Iterable[Process]) -> None:
    """Wait until all are ready; they start side by side."""
    for process in list(started):
        process.wait_ready(START_SECONDS)
