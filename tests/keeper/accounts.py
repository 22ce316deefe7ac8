"""Accounts in memory: deals that lose epochs, earnings that are claimed."""

from dataclasses import dataclass, field, replace

from keeper.book import KeeperBook
from keeper.clock import Now
from keeper.duties.deal_news import DealNews
from keeper.duties.funding import CardCharge, ChargeState, ListedDeal
from keeper.duties.runways import Runways
from keeper.notices import Notices
from keeper.policy import RunwayRule
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.client.earnings import ClaimResult, Due
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput, NotFound, TimedOut
from wasmarket.kernel.events import Claimed

RATE = 10_000
DAY = 86_400


def deal_of(runway, *, rate=RATE, balance=None, status=2, stopped=False):
    held = runway * rate if balance is None else balance
    return OnchainDeal(ZERO_ADDRESS, held, rate, 0, 0, 1, 1, stopped, status, runway, 0)


@dataclass
class DeveloperInMemory:
    """A developer with money in two places; `fails` is raised by the next top-up, once."""

    states: dict[int, OnchainDeal]
    metered: set[int] = field(default_factory=set)
    free: int = 0
    wallet: int = 0
    busy: bool = False
    fails: Exception | None = None
    lands: bool = True
    pages: list[tuple[int, int]] = field(default_factory=list)
    moved: list[tuple[int, int]] = field(default_factory=list)
    happened: list[DealNews] = field(default_factory=list)
    block: int = 1_000
    indexed: int = 10**9
    """Up to which epoch the matcher's index has come."""
    looks: int = 0
    least: int = 0
    """USDC base units that the gateway sells at least."""
    card: str = ""
    """What a saved card does: pays, declines, waits, is lost (nobody hears); empty: none is."""
    charges: dict[str, tuple[int, int]] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)
    asked: int = 0
    """How often it was asked what money there is."""

    def deals(self):
        self.looks += 1
        return {
            deal: ListedDeal(deal in self.metered, replace(state, settled=self.indexed))
            for deal, state in self.states.items()
        }

    def news(self, behind):
        recent = self.happened if behind is not None else []
        return [one for one in recent if one.block > behind], self.block

    def read(self, deals):
        self.reads += deals
        return [self.states[deal] for deal in deals]

    def available(self, sources):
        self.asked += 1
        return sum(self.free if source == "free" else self.wallet for source in sources)

    def is_busy(self):
        return self.busy

    def top_up(self, deal, amount):
        error, self.fails = self.fails, None
        if error is None or self.lands:
            self.land(deal, amount)
        if error is not None:
            raise error

    def land(self, deal, amount):
        free = min(self.free, amount)
        self.free -= free
        self.wallet -= amount - free
        assert self.wallet >= 0, "never more than there is"
        state = self.states[deal]
        runway = state.runway + (amount // state.rate if state.rate else 0)
        self.states[deal] = replace(state, balance=state.balance + amount, runway=runway, status=2)
        self.moved.append((deal, amount))

    def charge_card(self, deal, amount, key):
        if not self.card:
            raise NotFound("no card is saved")
        if amount < self.least:
            raise InvalidInput("the gateway sells no less than 1.00 USD")
        if key not in self.charges and self.card != "declines":
            self.charges[key] = (deal, amount)
        if self.card == "is lost":
            raise TimedOut("no answer")
        if self.card == "declines":
            return CardCharge(ChargeState.FAILED, amount, "the card was declined")
        if self.card == "waits":
            return CardCharge(ChargeState.OPEN, amount)
        if key in self.charges and self.charges[key] not in self.moved:
            self.wallet += amount
            self.land(deal, amount)
        return CardCharge(ChargeState.MOVED, amount)

    def open_checkout(self, deal, amount):
        self.pages.append((deal, amount))
        return f"http://cards/{len(self.pages)}"


@dataclass
class ProviderInMemory:
    """A provider with earnings."""

    due: list[Due] = field(default_factory=list)
    claims: list[tuple[tuple[int, ...], bool]] = field(default_factory=list)

    def find_due(self):
        return iter(self.due)

    def claim(self, assignments, *, withdraw):
        self.claims.append((tuple(assignments), withdraw))
        taken = [entry for entry in self.due if entry.assignment in assignments]
        self.due = [entry for entry in self.due if entry.assignment not in assignments]
        return ClaimResult(
            [Claimed(e.assignment, ZERO_ADDRESS, 1, e.paid, e.refund) for e in taken], []
        )


class RunwayDesk:
    """One rule over one developer, with what was told."""

    def __init__(self, folder, developer, **rule):
        terms = {
            "key": "dev",
            "deals": (),
            "floor_epochs": 10,
            "target_epochs": 30,
            "floor_balance": 0,
            "target_balance": 0,
            "sources": ("free", "wallet"),
            "most_per_month": 10**9,
        }
        self.rule = RunwayRule(**(terms | rule))
        self.developer = developer
        self.folder = folder
        self.now = Now(1_780_000_000, 100)
        self.told = []
        self.open()

    def open(self):
        self.book = KeeperBook(self.folder / "journal.jsonl")
        self.notices = Notices(self.book, {"list": self.told.append})
        self.runways = Runways(
            [self.rule],
            {"dev": self.developer},
            self.book,
            self.notices,
            self,
            epoch_seconds=DAY,
            days=(7, 3, 1),
        )

    def look(self):
        """Be the chain's clock."""
        return self.now

    refresh = look

    def next_block(self):
        """Let a block come."""
        self.now = Now(self.now.timestamp + 1, self.now.epoch)

    def later(self, epochs=1):
        """Let epochs of a day pass."""
        self.now = Now(self.now.timestamp + epochs * DAY, self.now.epoch + epochs)

    def restart(self):
        self.book.close()
        self.open()

    def step(self):
        self.runways.step()
        self.notices.deliver()

    def texts(self):
        return [notice.text for notice in self.told]
