"""The real contracts and the people who use them, the same in every run.

Keys, salts and times follow from numbers: two runs spend the same gas to the unit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bench.gas.node import Node
from wasmarket.chain.contracts.bindings import (
    Audits,
    Erc20,
    Market,
    Meter,
    Proofs,
    Staking,
)
from wasmarket.chain.contracts.fills import NO_PERMIT, MatchPermit, SignedFill, build_fill
from wasmarket.chain.deploying.plan import PUBLIC, build_plan
from wasmarket.chain.development.anvil import CHAIN_ID
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.deployment import DeployedContract, Deployment, Token
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer
from wasmarket.kernel.signing.signatures import Signature, sign
from wasmarket.kernel.signing.typed_data import (
    digest,
    hash_offer,
    hash_permit,
    hash_usage,
    market_domain,
)
from wasmarket.kernel.units import FLT, USDC, Address, BlockNumber, Hash

# As on a public chain, but a jury of the town's peers is enough, and blocks come as they are sent.
PARAMETERS = replace(PUBLIC, accept_blocks=1, phase_blocks=1, min_seats=7)
# Proofs keeps 256 epochs in a word: a run begins within one and does not come to the next.
FIRST_EPOCH = 80 * 256 + 10
START = FIRST_EPOCH * PARAMETERS.epoch_seconds
FOREVER = 2**40
UNLIMITED = 2**256 - 1

PRICE = 1_000
MAX_PRICE = 5_000
DEPOSIT = 10 * USDC
UNITS = 32
PROVIDERS = 11
PEERS_OF_FIRST = 12
PEERS_OF_OTHERS = 2
PEER_COUNT = PEERS_OF_FIRST + (PROVIDERS - 1) * PEERS_OF_OTHERS


@dataclass(frozen=True, slots=True)
class Bid:
    """A signed developer offer."""

    offer: DeveloperOffer
    signature: Signature


class Town:
    """A developer, a matcher, a wallet and eleven providers with peers of 32 units each.

    The first provider has the peers 1 … 12, each other one two of the next ids. All peers have
    the same wallet, for one key commits for many peers.
    """

    same_provider = tuple(range(1, PEERS_OF_FIRST + 1))
    each_provider = (1, *range(PEERS_OF_FIRST + 1, PEER_COUNT + 1, PEERS_OF_OTHERS))
    peers = tuple(range(1, PEER_COUNT + 1))

    def __init__(self, node: Node, artifacts: Mapping[str, str]) -> None:
        self.node = node
        self._random = Random(1)
        self.deployer, self.developer, self.matcher, self.wallet, first = dev_accounts()[:5]
        others = [Account.from_key(keccak(b"provider %d" % n)) for n in range(1, PROVIDERS)]
        self.providers = (first, *others)
        self.deployment = self._deploy(artifacts)
        self.market = Market(node.rpc, self.deployment)
        self.staking = Staking(node.rpc, self.deployment)
        self.proofs = Proofs(node.rpc, self.deployment)
        self.meter = Meter(node.rpc, self.deployment)
        self.audits = Audits(node.rpc, self.deployment)
        self.usdc = Erc20(node.rpc, self.deployment.usdc.address)
        self._settle_in()

    @classmethod
    @contextmanager
    def open(cls, artifacts: Mapping[str, str]) -> Iterator["Town"]:
        """Build the town on a fresh Anvil; ends it afterwards."""
        with Node.open(START) as node:
            yield cls(node, artifacts)

    @property
    def epoch(self) -> int:
        """The epoch of the newest block."""
        return self.node.now // PARAMETERS.epoch_seconds

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put everything back afterwards, the choice of salts too."""
        state = self._random.getstate()
        try:
            with self.node.undone():
                yield
        finally:
            self._random.setstate(state)

    def wait_epochs(self, count: int = 1) -> None:
        """Go to noon of a later epoch."""
        length = PARAMETERS.epoch_seconds
        self.node.now = (self.epoch + count) * length + length // 2

    def code_bytes(self) -> dict[str, int]:
        """Return the size of each contract's code on chain, immutables included."""
        fetch = self.node.rpc.fetch_code
        return {name: len(fetch(c.address)) for name, c in self.deployment.contracts.items()}

    def ask(
        self,
        peer: int,
        units: int = 1,
        price: int = PRICE,
        kind: int = 0,
        developer: Address = ZERO_ADDRESS,
    ) -> SignedFill:
        """Sign a provider offer, for one `developer` or all, and return it as a fill."""
        offer = ProviderOffer(
            peer, kind, price, developer, FOREVER, 0, self._random.getrandbits(256)
        )
        return build_fill(offer, units, self._sign(offer, self._provider_of(peer)))

    def asks(self, peers: Sequence[int]) -> list[SignedFill]:
        """Sign offers of one unit of several peers."""
        return [self.ask(peer) for peer in peers]

    def bid(self, units: int, meter: Address = ZERO_ADDRESS, **terms: Any) -> Bid:
        """Sign a developer offer for the matcher; with a meter for a metered deal.

        `terms` are members of the offer that are otherwise left out, which is cheapest.
        """
        offer = DeveloperOffer(
            developer=self.developer.address,
            app=self.root(),
            min_units=1,
            units=units,
            max_units_per_provider=0,
            min_regions=0,
            meter=meter,
            max_price=MAX_PRICE,
            epochs=0,
            deposit=DEPOSIT,
            min_memory_mib=0,
            regions=0,
            traits=0,
            providers=(),
            providers_mode=0,
            matcher=self.matcher.address,
            tip=0,
            valid_until=FOREVER,
            counter=0,
            salt=self._random.getrandbits(256),
        )
        offer = replace(offer, **terms)
        return Bid(offer, self._sign(offer, self.developer))

    def permit(self) -> MatchPermit:
        """Sign a permit of the developer for one deposit."""
        owner, spender = self.developer.address, self.market.address
        hashed = hash_permit(owner, spender, DEPOSIT, self.usdc.permit_nonce(owner), FOREVER)
        signature = sign(digest(self.usdc.permit_domain(CHAIN_ID), hashed), self.developer.key)
        return MatchPermit(DEPOSIT, FOREVER, signature.r, signature.vs)

    def voucher(self, assignment: int, work: int) -> tuple[int, int, int, int]:
        """Sign usage as the developer, whose deals name it as their meter."""
        domain = market_domain(CHAIN_ID, self.market.address)
        signed = sign(digest(domain, hash_usage(assignment, work)), self.developer.key)
        return assignment, work, signed.r, signed.vs

    def metered_deal(self, peers: Sequence[int]) -> list[int]:
        """Make a metered deal with one unit of each peer and return its assignments."""
        return self.match_metered(peers)[1]

    def match_metered(self, peers: Sequence[int]) -> tuple[int, list[int]]:
        """Match a metered deal and return the gas and its assignments."""
        bid = self.bid(len(peers), meter=self.developer.address)
        return self.match(bid, [self.ask(peer, kind=1) for peer in peers])

    def root(self) -> Hash:
        """Return any 32 bytes: a root of receipts, an app, a key."""
        return to_hash(self._random.randbytes(32))

    def match_call(
        self,
        bid: Bid,
        fills: Sequence[SignedFill],
        current: Sequence[int] = (),
        permit: MatchPermit = NO_PERMIT,
    ) -> ContractCall:
        """Encode a match."""
        return self.market.match(bid.offer, bid.signature, fills, current, permit)

    def match(
        self,
        bid: Bid,
        fills: Sequence[SignedFill],
        current: Sequence[int] = (),
        permit: MatchPermit = NO_PERMIT,
    ) -> tuple[int, list[int]]:
        """Match and return the gas and the new assignments."""
        gas = self.node.send(self.matcher, self.match_call(bid, fills, current, permit))
        last = self._counts() >> 128
        return gas, list(range(last - len(fills) + 1, last + 1))

    def deal_on(self, peers: Sequence[int]) -> list[int]:
        """Make a deal with one unit of each peer and return its assignments."""
        return self.match(self.bid(len(peers)), self.asks(peers))[1]

    def newest_deal(self) -> int:
        """Return the id of the deal made last."""
        return self._counts() >> 64 & 2**64 - 1

    def _counts(self) -> int:
        return int(self.market.read("counts_word"))

    def activate(self, ids: Sequence[int]) -> int:
        """Activate and return the gas."""
        return self.node.send(self.wallet, self.market.call("activate", ids))

    def commit(self, peers: Sequence[int]) -> int:
        """Commit the epoch before the current one and return the gas."""
        # Sending moves the clock on by a second, never into another epoch: it is noon.
        commitments = [(peer, self.root()) for peer in peers]
        return self.node.send(self.wallet, self.proofs.call("commit", self.epoch - 1, commitments))

    def pulse(self) -> int:
        """Show that the chain takes commitments and return the gas."""
        call = self.proofs.call("commit", self.epoch - 1, [(0, self.root())])
        return self.node.send(self.matcher, call)

    def register(self, account: Account, traits: int = 0) -> int:
        """Register a peer of 32 units and return the gas."""
        wallet, endpoint = self.wallet.address, "http://127.0.0.1:8610"
        args = (self.root(), UNITS, 1_024, 3, traits, wallet, endpoint)
        return self.node.send(account, self.market.call("register_peer", *args))

    def approve(self, amount: int) -> None:
        """Let Market take this much of the developer's tokens."""
        self.node.send(self.developer, self.usdc.call("approve", self.market.address, amount))

    def _sign(self, offer: Offer, account: Account) -> Signature:
        domain = market_domain(CHAIN_ID, self.market.address)
        return sign(digest(domain, hash_offer(offer)), account.key)

    def _provider_of(self, peer: int) -> Account:
        if peer in self.same_provider or peer not in self.peers:
            return self.providers[0]
        return self.providers[1 + (peer - PEERS_OF_FIRST - 1) // PEERS_OF_OTHERS]

    def _deploy(self, artifacts: Mapping[str, str]) -> Deployment:
        """Deploy as `ape run deploy` does, but for the faucet: the deployer mints."""
        by, p = self.deployer, PARAMETERS
        usdc = self.node.create(by, artifacts["TestUSDC"], by.address)
        flt = self.node.create(by, artifacts["TestFLT"], by.address)
        nonce = self.node.rpc.fetch_nonce(by.address)
        plan = build_plan(by.address, nonce, p, tokens=(usdc, flt))
        for creation in plan.creations:
            self.node.create(by, artifacts[creation.name], *creation.arguments)
        places = plan.addresses
        codes = {name: to_hash(keccak(self.node.rpc.fetch_code(a))) for name, a in places.items()}
        contracts = {
            name: DeployedContract(address, codes[name]) for name, address in places.items()
        }
        tokens = Token(usdc, 6), Token(flt, 18)
        return Deployment(CHAIN_ID, "gas", BlockNumber(1), contracts, *tokens, p)

    def _settle_in(self) -> None:
        """Give everybody tokens and allowances, and the providers stake and peers."""
        flt = Erc20(self.node.rpc, self.deployment.flt.address)
        for account in (self.developer, *self.providers):
            mint = self.usdc.call("mint", account.address, 1_000_000 * USDC)
            self.node.send(self.deployer, mint)
        self.approve(UNLIMITED)
        stake = 100_000 * FLT
        for account in self.providers:
            self.node.fund(account)
            self.node.send(self.deployer, flt.call("mint", account.address, 2 * stake))
            for spender in (self.staking.address, self.audits.address):
                self.node.send(account, flt.call("approve", spender, UNLIMITED))
            self.node.send(account, self.staking.call("deposit", stake))
        for peer in self.peers:
            self.register(self._provider_of(peer))
        self.wait_epochs()
