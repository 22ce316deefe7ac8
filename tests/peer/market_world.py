"""The real contracts on a real Anvil, and the people who use them."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from eth_abi import encode

from tests.contracts.driver.planned import create_from, deploy_planned, encode_words
from wasmarket.chain.contracts.bindings import Audits, Market, MarketLens, Meter, Proofs
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.chain.deploying.plan import LOCAL, build_plan, load_creation_code
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.deployment import Deployment, Parameters
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, market_domain
from wasmarket.kernel.units import FLT, USDC, Address, Hash

ROOT = Path(__file__).resolve().parents[2]
EPOCH_SECONDS = 60
PARAMETERS = replace(LOCAL, epoch_seconds=EPOCH_SECONDS)
FOREVER = 2**40
PRICE = USDC


@dataclass(frozen=True)
class Match:
    """What a match made."""

    deal: int
    assignments: tuple[int, ...]


class MarketWorld:
    """A deployed market on its own Anvil; time moves only when told or with blocks."""

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self._parameters = parameters
        self._providers: dict[int, Account] = {}
        self.anvil = Anvil.start()
        self.rpc = self.anvil.rpc
        self.deployer, self.provider, self.developer, self.stranger = dev_accounts()[:4]
        self._salt = itertools.count(1)
        try:
            self._set_up()
        except BaseException:
            self.anvil.stop()
            raise

    def _set_up(self) -> None:
        self.deployment = self._deploy()
        self.market = Market(self.rpc, self.deployment)
        self.lens = MarketLens(self.rpc, self.deployment)
        self.proofs = Proofs(self.rpc, self.deployment)
        self.audits = Audits(self.rpc, self.deployment)
        self.meter = Meter(self.rpc, self.deployment)
        self.decoder = Decoder(self.deployment)
        self._senders: dict[Address, Sender] = {}
        self._offers: dict[int, DeveloperOffer] = {}
        self._fund()

    def send(self, account: Account, call: ContractCall) -> TransactionReceipt:
        """Send a transaction and wait for it."""
        sender = self._senders.get(account.address)
        if sender is None:
            sender = self._senders[account.address] = Sender(
                self.rpc,
                account,
                chain_id=self.deployment.chain_id,
                decoder=self.decoder,
                poll=0.02,
            )
        return sender.send(call)

    def next_wallet(self) -> Account:
        """Return a new account with native coins."""
        wallet = Account.create()
        self.anvil.cheats.set_balance(wallet.address, 10**20)
        return wallet

    def register_peer(
        self,
        key: Hash,
        wallet: Address,
        endpoint: str,
        units: int = 4,
        memory_mib: int = 256,
        provider: Account | None = None,
    ) -> int:
        """Register a peer of the provider, or of another one, and return its number."""
        call = self.market.call("register_peer", key, units, memory_mib, 0, 0, wallet, endpoint)
        owner = provider or self.provider
        [registered] = self.send(owner, call).find(events.PeerRegistered)
        self._providers[registered.peer] = owner
        return registered.peer

    def match(
        self,
        app: Hash,
        peers: list[int],
        units: int = 1,
        deposit: int = 100 * USDC,
        meter: Address = ZERO_ADDRESS,
        room: int = 0,
    ) -> Match:
        """Make a deal of `units` on each of `peers`, at PRICE; a metered one if it has a meter.

        `room`: how many units more a refill may bring.
        """
        wanted = units * len(peers) + room
        offer = DeveloperOffer(
            developer=self.developer.address,
            app=app,
            min_units=1,
            units=wanted,
            max_units_per_provider=0,
            min_regions=0,
            meter=meter,
            max_price=PRICE,
            epochs=0,
            deposit=deposit,
            min_memory_mib=0,
            regions=0,
            traits=0,
            providers=(),
            providers_mode=0,
            matcher=ZERO_ADDRESS,
            tip=0,
            valid_until=FOREVER,
            counter=0,
            salt=next(self._salt),
        )
        return self._match(offer, peers, units)

    def refill(
        self, deal: int, peers: list[int], units: int = 1, current: tuple[int, ...] = ()
    ) -> Match:
        """Match the offer of a deal again: more assignments of `units` on each of `peers`.

        `current` are those that live.
        """
        return self._match(self._offers[deal], peers, units, current)

    def stake(self, account: Account, amount: int = 10_000 * FLT) -> None:
        """Give a provider stake, and as much FLT again that Audits may take."""
        flt, staking = self.deployment.flt.address, self.deployment.staking
        for who, to, signature, arguments in (
            (self.deployer, flt, "mint(address,uint256)", [account.address, 2 * amount]),
            (account, flt, "approve(address,uint256)", [staking, amount]),
            (account, staking, "deposit(uint256)", [amount]),
            (account, flt, "approve(address,uint256)", [self.deployment.audits, amount]),
        ):
            kinds = signature.partition("(")[2].rstrip(")").split(",")
            data = keccak(signature.encode())[:4] + encode(kinds, arguments)
            self.send(who, ContractCall(to, data, signature))

    def top_up(self, deal: int, amount: int) -> None:
        """Put USDC into a deal."""
        self.send(self.developer, self.market.call("top_up", deal, amount))

    def _match(
        self, offer: DeveloperOffer, peers: list[int], units: int, current: tuple[int, ...] = ()
    ) -> Match:
        kind = int(offer.meter != ZERO_ADDRESS)
        fills = [self._fill(peer, units, kind) for peer in peers]
        call = self.market.match(offer, self._sign(self.developer, offer), fills, current)
        receipt = self.send(self.developer, call)
        [matched] = receipt.find(events.Matched)
        self._offers[matched.deal] = offer
        assigned = receipt.find(events.Assigned)
        return Match(matched.deal, tuple(entry.assignment for entry in assigned))

    def ask(self, assignment: int, epoch: int, sequence: int) -> int:
        """Ask about a receipt, as a stranger, and return the case."""
        call = self.audits.call("ask", assignment, epoch, sequence)
        [opened] = self.send(self.stranger, call).find(events.Opened)
        return opened.case

    def outcome(self, case: int) -> int | None:
        """Return how a case was closed; None while it is open."""
        found = [e.outcome for e in self.events(events.Closed) if e.case == case]
        return found[0] if found else None

    def start_epoch(self) -> int:
        """Move to the first second of the next epoch and return it."""
        now = self.rpc.fetch_head().timestamp
        epoch = self.deployment.epoch_of(now) + 1
        self.anvil.cheats.set_next_timestamp(self.deployment.start_of(epoch))
        self.anvil.cheats.mine()
        return epoch

    @property
    def epoch(self) -> int:
        """Return the chain's epoch."""
        return self.deployment.epoch_of(self.rpc.fetch_head().timestamp)

    def events(self, kind: type[events.Event]) -> list[events.Event]:
        """Return all events of a kind so far."""
        head = self.rpc.fetch_head()
        raws = self.rpc.fetch_logs(self.decoder.addresses, 0, head.number)
        found = (self.decoder.decode(raw, head.timestamp) for raw in raws)
        return [log.event for log in found if log is not None and isinstance(log.event, kind)]

    def close(self) -> None:
        """End Anvil."""
        self.anvil.stop()

    def _sign(self, account: Account, offer: ProviderOffer | DeveloperOffer):
        domain = market_domain(self.deployment.chain_id, self.deployment.market)
        return sign(digest(domain, hash_offer(offer)), account.key)

    def _fill(self, peer: int, units: int, kind: int):
        offer = ProviderOffer(peer, kind, PRICE, ZERO_ADDRESS, FOREVER, 0, next(self._salt))
        return build_fill(offer, units, self._sign(self._providers[peer], offer))

    def _deploy(self) -> Deployment:
        deployer = self.deployer.address
        create = create_from(self.rpc, deployer)
        usdc, flt = (
            create(load_creation_code(name) + encode_words((deployer,)))
            for name in ("TestUSDC", "TestFLT")
        )
        nonce = self.rpc.fetch_nonce(deployer)
        plan = build_plan(deployer, nonce, self._parameters, tokens=(usdc, flt))
        return deploy_planned(self.rpc, plan, create)

    def _fund(self) -> None:
        usdc, flt = self.deployment.usdc.address, self.deployment.flt.address
        staking, market = self.deployment.staking, self.deployment.market
        audits = self.deployment.audits
        stake = 1_000_000 * FLT
        purse = 1_000_000 * USDC
        for who, to, signature, types, arguments in (
            (self.deployer, flt, "mint(address,uint256)", 2, [self.provider.address, stake]),
            (self.deployer, usdc, "mint(address,uint256)", 2, [self.developer.address, purse]),
            (self.provider, flt, "approve(address,uint256)", 2, [staking, stake]),
            (self.provider, staking, "deposit(uint256)", 1, [stake]),
            (self.developer, usdc, "approve(address,uint256)", 2, [market, purse]),
            (self.deployer, flt, "mint(address,uint256)", 2, [self.stranger.address, stake]),
            (self.stranger, flt, "approve(address,uint256)", 2, [audits, stake]),
        ):
            kinds = ["address", "uint256"][-types:]
            data = keccak(signature.encode())[:4] + encode(kinds, arguments)
            self.send(who, ContractCall(to, data, signature))
