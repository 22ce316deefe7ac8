"""The life of a market: people on Anvil, the real indexer and the real matcher beside them."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import httpx
from prometheus_client import CollectorRegistry

from bench.town.node import Crowd, batches
from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from wasmarket.chain.contracts.bindings import Erc20, Faucet, Market, Proofs, Staking
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, PriceKind, ProviderOffer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, market_domain
from wasmarket.kernel.units import FLT, USDC, Timestamp
from wasmarket.store.chain.assignments import fetch_assignments
from wasmarket.store.chain.deals import fetch_deals
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database
from wasmarket.store.enums import AssignmentState, OfferSource
from wasmarket.store.matching.live_offers import fetch_open_developer_offers
from wasmarket.store.matching.offers import add_developer_offer, add_provider_offer

UNITS = 4
BOND = 100 * FLT
DRIP_FLT = 100_000 * FLT
PRICES = (1_000, 3_000)
MAX_PRICE = 4_000
FOREVER = 2**40
TURNS = 50
"""Of the matcher in one epoch at most: it stops by itself once nothing fills."""

LAZY, STOPPING, TOPPING = 0.03, 0.03, 0.05
"""Shares of the peers that miss a proof, of the deals that are stopped, and topped up, an epoch."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is. `deals` come in equal parts over all epochs but the last two."""

    peers: int
    providers: int
    deals: int
    epochs: int
    epoch_seconds: int = 86_400

    @property
    def bids_an_epoch(self) -> int:
        """How many bids come in each epoch."""
        return -(-self.deals // max(1, self.epochs - 2))


@dataclass
class Spent:
    """Processor seconds by whose they were, the longest lag of a turn, and what matches said."""

    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    longest_index_turn: float = 0.0
    longest_matcher_turn: float = 0.0
    gaps: list[int] = field(default_factory=list)


class Simulation:
    """One market from its first peer to its last claim."""

    def __init__(
        self, size: Size, anvil: Anvil, deployment: Deployment, database: Database, seed: int = 1
    ) -> None:
        self.size, self.deployment, self.database = size, deployment, database
        self.crowd, self.spent = Crowd(anvil), Spent()
        self._random = Random(seed)
        self._rpc = anvil.rpc
        self._domain = market_domain(deployment.chain_id, deployment.market)
        self.market = Market(self._rpc, deployment)
        self._staking, self._proofs = Staking(self._rpc, deployment), Proofs(self._rpc, deployment)
        self._faucet = Faucet(self._rpc, deployment)
        self.usdc = Erc20(self._rpc, deployment.usdc.address)
        self._flt = Erc20(self._rpc, deployment.flt.address)
        self._providers = [_account("provider", n) for n in range(size.providers)]
        self.developers = [_account("developer", n) for n in range(max(1, size.deals // 20))]
        self._wallet = _account("wallet", 0)
        self.index = IndexLoop(database, self._rpc, deployment, Board(CollectorRegistry()))
        operator = dev_accounts()[1]
        sender = Sender(
            self._rpc,
            operator,
            chain_id=deployment.chain_id,
            decoder=Decoder(deployment),
            poll=0.01,
        )
        self.matcher = build_matcher(
            MatcherSettings(peer_check_seconds=0, book_seconds=0.0),
            database=database,
            deployment=deployment,
            reader=self._rpc,
            sender=sender,
            version="bench",
            http=httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(202))),
            wall=lambda: float(self._rpc.fetch_head().timestamp),
        )
        self._posted = 0

    def run(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Settle in, live for all epochs, end everything; `say` hears of each epoch."""
        self._settle_in()
        for epoch in range(self.size.epochs):
            say(f"epoch {epoch + 1} of {self.size.epochs}")
            if epoch < self.size.epochs - 2:
                self._post_bids(self.size.bids_an_epoch)
            self.catch_up()
            self._match()
            self._work()
            self._next_epoch()
        self._end()

    def close(self) -> None:
        """Give connections and locks back."""
        self.index.close()
        self.matcher.settlement_loop.close()

    def catch_up(self) -> None:
        """Let the indexer come to the head."""
        with self._measured("indexer") as since:
            self.index.take_turn(threading.Event())
        self.spent.longest_index_turn = max(self.spent.longest_index_turn, since[0])

    def _settle_in(self) -> None:
        stake = -(-self.size.peers // self.size.providers) * UNITS * BOND
        for owner in self._providers:
            for _ in range(-(-stake // DRIP_FLT)):
                self._drip(owner)
            staking = self._staking.address
            self.crowd.send("approve", owner.address, self._flt.call("approve", staking, stake))
            self.crowd.send("stake", owner.address, self._staking.call("deposit", stake))
        for owner in self.developers:
            self._drip(owner)
            call = self.usdc.call("approve", self.market.address, 2**255)
            self.crowd.send("approve", owner.address, call)
        for number in range(self.size.peers):
            self.crowd.send(
                "register a peer",
                self._providers[number % len(self._providers)].address,
                self.market.call(
                    "register_peer",
                    keccak(b"peer%d" % number),
                    UNITS,
                    2_048,
                    number % 40,
                    0,
                    self._wallet.address,
                    f"http://peer-{number}.invalid",
                ),
            )
        self.crowd.settle()
        with self.database.write() as session:
            for number in range(self.size.peers):
                owner = self._providers[number % len(self._providers)]
                price = self._random.randint(*PRICES)
                ask = ProviderOffer(
                    number + 1, PriceKind.RESERVED, price, ZERO_ADDRESS, FOREVER, 0, number
                )
                add_provider_offer(
                    session,
                    ask,
                    owner.address,
                    signature=self._sign(ask, owner),
                    source=OfferSource.POSTED,
                    received_at=Timestamp(0),
                )

    def _drip(self, account: Account) -> None:
        # The faucet gives once a second of the chain.
        self.crowd.send("drip", account.address, self._faucet.call("drip", account.address))
        self.crowd.settle()
        self.crowd.cheats.increase_time(2)

    def _post_bids(self, count: int) -> None:
        with self.database.write() as session:
            for _ in range(count):
                self._posted += 1
                owner = self._random.choice(self.developers)
                units = self._random.randint(1, 4)
                bid = DeveloperOffer(
                    developer=owner.address,
                    app=to_hash(keccak(b"app%d" % (self._posted % 100))),
                    min_units=1,
                    units=units,
                    max_units_per_provider=0,
                    min_regions=0,
                    meter=ZERO_ADDRESS,
                    max_price=MAX_PRICE,
                    epochs=0,
                    deposit=units * MAX_PRICE * self._random.randint(4, 40),
                    min_memory_mib=0,
                    regions=0,
                    traits=0,
                    providers=(),
                    providers_mode=0,
                    matcher=ZERO_ADDRESS,
                    tip=0,
                    valid_until=FOREVER,
                    counter=0,
                    salt=self._posted,
                )
                add_developer_offer(
                    session,
                    bid,
                    signature=self._sign(bid, owner),
                    permit=None,
                    source=OfferSource.POSTED,
                    received_at=Timestamp(0),
                )

    def _sign(self, offer: Offer, account: Account) -> str:
        return sign(digest(self._domain, hash_offer(offer)), account.key).to_hex()

    def _match(self) -> None:
        """Let the matcher take turns until a turn leaves as many bids as there were."""
        left = -1
        for _ in range(TURNS):
            with self._measured("matcher") as since:
                self.matcher.settlement_loop.take_turn()
            self.spent.longest_matcher_turn = max(self.spent.longest_matcher_turn, since[0])
            self.catch_up()
            self.spent.gaps.append(self.matcher.settlement_loop.gap_ppm or 0)
            with self.database.read() as session:
                now = len(fetch_open_developer_offers(session, fetch_indexed(session)))
            if now == left:
                return
            left = now

    def _work(self) -> None:
        """Peers start what they were given, prove the epoch before, and claim; people change."""
        with self.database.read() as session:
            at = fetch_indexed(session)
            alive = fetch_assignments(session, at, alive_only=True, limit=None)
            deals = fetch_deals(session, at, live_only=True, limit=None)
        pending = [view.id for view in alive if view.state == AssignmentState.PENDING]
        running = [view for view in alive if view.state == AssignmentState.ACTIVE]
        for ids in batches(pending):
            self._send("activate, a batch", self._wallet, self.market.call("activate", ids))
        self._prove(sorted({view.peer for view in running}))
        for ids in batches(view.id for view in running if view.id % 5 == at.epoch % 5):
            self._send("claim, a batch", self._wallet, self.market.call("claim", ids))
        self.crowd.settle()
        owners = {account.address: account for account in self.developers}
        for deal in deals:
            chance = self._random.random()
            if chance < STOPPING:
                self._send("stop", owners[deal.developer], self.market.call("stop", deal.id))
            elif chance < STOPPING + TOPPING:
                call = self.market.call("top_up", deal.id, USDC // 100)
                self._send("top up", owners[deal.developer], call)
        self.crowd.settle()

    def _prove(self, peers: list[int]) -> None:
        epoch = self._epoch() - 1
        diligent = [peer for peer in peers if self._random.random() >= LAZY]
        for ids in batches(diligent):
            roots = [(peer, keccak(b"%d %d" % (peer, epoch))) for peer in ids]
            self._send("commit, a batch", self._wallet, self._proofs.call("commit", epoch, roots))

    def _send(self, kind: str, account: Account, call: ContractCall) -> None:
        self.crowd.send(kind, account.address, call)

    def _epoch(self) -> int:
        return self._rpc.fetch_head().timestamp // self.size.epoch_seconds

    def _next_epoch(self) -> None:
        self.crowd.advance_to((self._epoch() + 1) * self.size.epoch_seconds + 1)

    def _end(self) -> None:
        """Stop every deal, let its last epochs become final, and claim them all."""
        self.catch_up()
        with self.database.read() as session:
            at = fetch_indexed(session)
            deals = fetch_deals(session, at, live_only=True, limit=None)
        owners = {account.address: account for account in self.developers}
        for deal in deals:
            self._send("stop", owners[deal.developer], self.market.call("stop", deal.id))
        self.crowd.settle()
        for _ in range(3):
            self._next_epoch()
        self.catch_up()
        with self.database.read() as session:
            at = fetch_indexed(session)
            everything = fetch_assignments(session, at, limit=None)
        left = [view.id for view in everything if view.state != AssignmentState.CLEARED]
        for ids in batches(left):
            self._send("claim, a batch", self._wallet, self.market.call("claim", ids))
        self.crowd.settle()
        self.catch_up()

    @contextmanager
    def _measured(self, whose: str) -> Iterator[list[float]]:
        """Count the processor time of a block of work; gives a list that gets its seconds."""
        cpu, since, seconds = time.process_time(), time.monotonic(), [0.0]
        yield seconds
        self.spent.cpu[whose] += time.process_time() - cpu
        seconds[0] = time.monotonic() - since


def _account(kind: str, number: int) -> Account:
    return Account.from_key(keccak(f"{kind} {number}".encode()))
