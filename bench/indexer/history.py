"""A generated market's history: blocks of consistent events of every kind, seeded."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address, to_hash
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import FLT, USDC, Address

BLOCK_SECONDS = 2
EPOCH_SECONDS = 60
FIRST_SECOND = 1_700_000_040
NO_END = 2**32 - 1
DEPOSIT = 100 * USDC
PRICE = 1_000


@dataclass
class _Deal:
    number: int
    developer: Address
    meter: Address
    balance: int = DEPOSIT
    rate: int = 0
    settled: int = 0
    assignments: list[int] = field(default_factory=list)


@dataclass
class _Running:
    deal: _Deal
    peer: int
    units: int
    start: int
    next: int
    work: int = 0


class GeneratedMarket:
    """Peers that commit each epoch, deals that come and go, claims, vouchers, money, cases."""

    def __init__(
        self, seed: int, peers: int = 200, deals_an_epoch: int = 20, *, only_grows: bool = False
    ) -> None:
        """`peers` of a quarter as many providers; `only_grows`: deals are made and nothing else."""
        self._only_grows = only_grows
        self._random = random.Random(seed)
        self._providers = [_account(b"provider", n) for n in range(max(1, peers // 4))]
        self.developers = [_account(b"developer", n) for n in range(500)]
        self._meter = _account(b"meter", 0)
        self._peers, self._new_deals = peers, deals_an_epoch
        self._free: dict[Address, int] = {}
        self._deals: dict[int, _Deal] = {}
        self._running: dict[int, _Running] = {}
        self._made = self._assigned = self._cases = 0
        self._counters: dict[Address, int] = {}

    @property
    def running(self) -> int:
        """How many assignments run by now."""
        return len(self._running)

    def blocks(self, total: int, per_block: int) -> Iterator[tuple[int, list[events.Event]]]:
        """Yield (second, events) of blocks in which about `total` events happen in all."""
        second, made = FIRST_SECOND, 0
        pending = [[event] for event in self._begin()][::-1]
        epoch = second // EPOCH_SECONDS
        while made < total:
            part: list[events.Event] = []
            while pending and len(part) < per_block:
                part += pending.pop()
            yield second, part
            made += len(part)
            second += BLOCK_SECONDS
            if not pending:
                # The next epoch has its events from its first block on.
                second = (second // EPOCH_SECONDS + 1) * EPOCH_SECONDS
                epoch = second // EPOCH_SECONDS
                pending = [list(transaction) for transaction in self._live(epoch)][::-1]

    def _begin(self) -> Iterator[events.Event]:
        for number in range(1, self._peers + 1):
            provider = self._provider(number)
            key = to_hash(keccak(b"key%d" % number))
            wallet = _account(b"wallet", number)
            endpoint = f"https://peer-{number}.example:8610"
            yield events.Stake(provider, 0, number * 100 * FLT)
            yield events.PeerRegistered(
                number, provider, key, 60_000, 2_048, number % 40, 5, wallet, endpoint
            )
        for developer in self.developers:
            self._free[developer] = 2**45
            yield events.Deposited(developer, 2**45, 2**45)

    def _live(self, epoch: int) -> Iterator[Iterable[events.Event]]:
        """Yield the transactions of an epoch, each as its events."""
        for peer in range(0, self._peers + 1):
            root = ZERO_HASH if peer == 0 else to_hash(keccak(b"root%d/%d" % (peer, epoch)))
            yield [events.Committed(peer, epoch - 1, root)]
        for _ in range(self._new_deals):
            yield self._match(epoch)
        if self._only_grows:
            return
        running = list(self._running)
        for number in self._random.sample(running, min(len(running), self._new_deals * 5)):
            yield self._pay(number, epoch)
        for _ in range(self._new_deals):
            yield self._change(epoch)
        for _ in range(self._new_deals // 2):
            yield self._end(epoch)
        yield from ([event] for event in self._odds(epoch))

    def _match(self, epoch: int) -> Iterator[events.Event]:
        self._made += 1
        is_metered = self._made % 5 == 0
        developer = self._random.choice(self.developers)
        deal = _Deal(self._made, developer, self._meter if is_metered else ZERO_ADDRESS)
        deal.settled = epoch
        self._deals[deal.number] = deal
        offer = to_hash(keccak(b"offer%d" % deal.number))
        units = 0
        for _ in range(2):
            self._assigned += 1
            peer = self._random.randint(1, self._peers)
            amount = self._random.randint(1, 4)
            units += amount
            ask = to_hash(keccak(b"ask%d" % peer))
            yield events.Assigned(self._assigned, deal.number, peer, amount, PRICE, ask)
            self._running[self._assigned] = _Running(deal, peer, amount, epoch, epoch)
            deal.assignments.append(self._assigned)
        app = to_hash(keccak(b"app%d" % (deal.number % 50)))
        self._free[developer] -= DEPOSIT
        yield events.DealCreated(deal.number, developer, offer, app, DEPOSIT, NO_END, deal.meter)
        yield events.Matched(deal.number, self.developers[0], units, 0)
        for number in deal.assignments:
            cost = 0 if is_metered else PRICE * self._running[number].units
            self._settle(deal, epoch)
            deal.rate += cost
            deal.balance -= cost
            yield events.Activated(number, deal.number, epoch, 0, deal.balance, deal.rate)

    def _pay(self, number: int, epoch: int) -> Iterator[events.Event]:
        ran = self._running[number]
        deal = ran.deal
        if deal.meter != ZERO_ADDRESS:
            self._settle(deal, epoch)
            ran.work += 10**12
            deal.balance -= PRICE
            yield events.Redeemed(number, deal.number, ran.work, PRICE, 0, deal.balance)
        elif ran.next < epoch - 2:
            paid = PRICE * ran.units * (epoch - 2 - ran.next)
            ran.next = epoch - 1
            yield events.Claimed(number, self._provider(ran.peer), epoch - 2, paid, 0)
        else:
            yield events.Skipped(number, 64)

    def _change(self, epoch: int) -> Iterator[events.Event]:
        deal = self._deals[self._random.choice(list(self._deals))]
        kind = self._random.random()
        self._settle(deal, epoch)
        if kind < 0.5:
            deal.balance += USDC
            yield events.DealBalance(deal.number, deal.developer, deal.balance)
        elif kind < 0.7:
            deal.balance -= min(deal.balance, USDC // 2)
            yield events.DealBalance(deal.number, deal.developer, deal.balance)
        elif kind < 0.85:
            app = to_hash(keccak(b"new%d" % self._random.randint(1, 99)))
            yield events.AppChanged(deal.number, app)
        else:
            yield events.FillSkipped(deal.number, self._random.randint(1, self._peers), 21)

    def _end(self, epoch: int) -> Iterator[events.Event]:
        if len(self._deals) < self._new_deals:
            return
        deal = self._deals.pop(next(iter(self._deals)))
        self._settle(deal, epoch)
        for number in deal.assignments:
            ran = self._running.pop(number)
            deal.rate -= 0 if deal.meter != ZERO_ADDRESS else PRICE * ran.units
            yield events.Ended(
                number, deal.number, ran.peer, epoch, EndKind.DROPPED, 48, deal.balance, deal.rate
            )
        left = 0 if deal.meter != ZERO_ADDRESS else deal.balance
        yield events.Stopped(deal.number, epoch, left)

    def _odds(self, epoch: int) -> Iterator[events.Event]:
        for _ in range(self._new_deals):
            account = self._random.choice(self.developers)
            self._counters[account] = self._counters.get(account, 0) + 1
            yield events.CounterBumped(account, self._counters[account])
            yield events.OfferCancelled(account, to_hash(self._random.randbytes(32)))
            self._free[account] = self._random.randint(2**44, 2**45)
            yield events.Withdrawn(account, account, 5, self._free[account])
            yield events.Deposited(account, 5, self._free[account] + 5)
        peer = self._random.randint(1, self._peers)
        yield events.PeerEndpoint(peer, f"https://peer-{peer}.example:{epoch % 60_000}")
        yield events.PeerUnits(peer, 60_000)
        yield events.Leaving(self._provider(peer), FLT, epoch * EPOCH_SECONDS)
        running = list(self._running)
        if running:
            self._cases += 1
            number = self._random.choice(running)
            account = self._random.choice(self.developers)
            yield events.Opened(self._cases, number, account, CaseKind.ASK, epoch, 7, ZERO_HASH)
            yield events.Closed(self._cases, number, CaseOutcome.ANSWERED, 0)

    def _settle(self, deal: _Deal, epoch: int) -> None:
        deal.balance = max(0, deal.balance - deal.rate * (epoch - deal.settled))
        deal.settled = epoch

    def _provider(self, peer: int) -> Address:
        return self._providers[peer % len(self._providers)]


def _account(kind: bytes, number: int) -> Address:
    return to_address(keccak(kind + b"%d" % number)[12:])
