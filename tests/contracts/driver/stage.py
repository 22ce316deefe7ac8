"""Short words for what contract tests do over and over."""

from typing import Any

from tests.contracts.driver.world import World
from tests.model.law import Outcome
from tests.model.terms import (
    CLOSED,
    ENDED,
    PULSE,
    ZERO,
    Address,
    DeveloperOffer,
    Fill,
    ProviderOffer,
)

PRICE = 1_000
DEPOSIT = 100_000
MEMORY = 4_096
KEY = b"\1" * 32
APP = b"\2" * 32
ROOT = b"\3" * 32
UNSET: Any = object()


class Stage(World):
    """A world with a peer, an offer or a running deal at hand when a test needs one."""

    _salt = 0

    @property
    def now(self) -> int:
        """Chain time in seconds."""
        return self.chain.now

    @property
    def epoch(self) -> int:
        """The billing period that it is."""
        return self.law.clock.epoch

    def next_epoch(self, epochs: int = 1, second: int = 0) -> None:
        """Let time pass until that second of a later epoch."""
        self.travel((self.epoch + epochs) * self.parameters.epoch_seconds + second)

    def pass_seconds(self, seconds: int) -> None:
        """Let a part of an epoch pass."""
        self.travel(self.now + seconds)

    def free(self, account: Address) -> int:
        """Read an account's free USDC from the chain."""
        [free] = self.chain.read([(self.contracts["lens"], "free", (account,))])
        return int(free)

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        """Call a view."""
        return self.chain.read([(self.contracts[contract], function, arguments)])[0]

    def deal(self, number: int) -> dict[str, Any]:
        """Read a deal through the lens."""
        names = "developer balance rate settled end units run stopped status runway last_funded"
        return dict(zip(names.split(), self.view("lens", "deal", number), strict=True))

    def assignment(self, number: int) -> dict[str, Any]:
        """Read an assignment through the lens."""
        names = "deal peer units price start next state alive end_of paid refund"
        return dict(zip(names.split(), self.view("lens", "assignment", number), strict=True))

    def peer(self, number: int) -> dict[str, Any]:
        """Read a peer through the lens."""
        names = "provider units used memory_mib region wallet traits"
        return dict(zip(names.split(), self.view("lens", "peer", number), strict=True))

    def register(self, by: str = "provider", wallet: str = "wallet", **changes: Any) -> int:
        """Register a peer of that role; answer its id."""
        words = {"key": KEY, "units": 4, "memory_mib": MEMORY, "region": 0, "traits": 0}
        words |= {"wallet": self.roles[wallet], "endpoint": "http://peer"} | changes
        outcome = self.market.register_peer(*words.values(), by=self.roles[by])
        return int(field(outcome, "PeerRegistered", "peer"))

    def bid(self, by: str = "developer", **changes: Any) -> DeveloperOffer:
        """Build a developer offer that asks for little and pays much."""
        self._salt += 1
        developer = self.roles[by]
        words: dict[str, Any] = {
            "developer": developer,
            "app": APP,
            "min_units": 1,
            "units": 4,
            "max_units_per_provider": 0,
            "min_regions": 0,
            "meter": ZERO,
            "max_price": 10 * PRICE,
            "epochs": 0,
            "deposit": DEPOSIT,
            "min_memory_mib": 0,
            "regions": 0,
            "traits": 0,
            "providers": (),
            "providers_mode": 0,
            "matcher": ZERO,
            "tip": 0,
            "valid_until": self.now + 1_000,
            "counter": self.law.market.counter[developer],
            "salt": self._salt,
        }
        return DeveloperOffer(**(words | changes))

    def ask(self, peer: int, **changes: Any) -> ProviderOffer:
        """Build a provider offer for a peer, at the usual price."""
        found = self.law.market.peers.get(peer)
        counter = self.law.market.counter[found.provider] if found else 0
        words = {"peer": peer, "price": PRICE, "valid_until": self.now + 10**6, "counter": counter}
        return ProviderOffer(**(words | changes))

    def fill(self, peer: int, units: int = 1, signer: Any = UNSET, **changes: Any) -> Fill:
        """Build a fill for a peer, signed by its provider unless told otherwise."""
        found = self.law.market.peers.get(peer)
        rightful = found.provider if found else self.roles["provider"]
        return Fill(self.ask(peer, **changes), units, rightful if signer is UNSET else signer)

    def match(
        self,
        offer: DeveloperOffer,
        fills: list[Fill],
        current: list[int] | None = None,
        by: str = "matcher",
        signer: Any = UNSET,
        permit: Any = None,
    ) -> Outcome:
        """Match an offer that its developer signed."""
        return self.market.match(
            offer,
            offer.developer if signer is UNSET else signer,
            fills,
            self.live(offer) if current is None else current,
            permit,
            by=self.roles[by],
        )

    def live(self, offer: DeveloperOffer) -> list[int]:
        """List all assignments of the offer's deal that may be alive."""
        market = self.law.market
        number = market.deal_of.get((offer.developer, market.key_of(offer)))
        gone = (ENDED, CLOSED)
        return [
            i for i, a in market.assignments.items() if a.deal == number and a.state not in gone
        ]

    def open(self, *fills: Fill, **changes: Any) -> tuple[int, list[int], DeveloperOffer]:
        """Match a new offer with the fills; answer the deal, its assignments and the offer."""
        offer = self.bid(**changes)
        outcome = self.match(offer, list(fills))
        return int(field(outcome, "DealCreated", "deal")), ids_of(outcome), offer

    def run(self, *peers: int, units: int = 1, **changes: Any) -> tuple[int, list[int]]:
        """Open a deal with these peers and activate all of it now; answer deal and assignments."""
        deal, ids, _ = self.open(*(self.fill(peer, units) for peer in peers), **changes)
        self.activate(ids)
        return deal, ids

    def activate(self, ids: list[int], by: str = "wallet") -> Outcome:
        """Activate as the peers' wallet."""
        return self.market.activate(ids, by=self.roles[by])

    def prove(self, *peers: int, ago: int = 1) -> None:
        """Commit an epoch that is over, as the peers' wallet."""
        commitments = [(peer, ROOT) for peer in peers]
        self.proofs.commit(self.epoch - ago, commitments, by=self.roles["wallet"])

    def pulse(self, epochs: int) -> None:
        """Let epochs pass, and show after each that the chain took commitments."""
        for _ in range(epochs):
            self.next_epoch()
            self.proofs.commit(self.epoch - 1, [(PULSE, ROOT)], by=self.roles["stranger"])

    def prove_epochs(self, epochs: int, *peers: int) -> None:
        """Let epochs pass and commit each of them."""
        for _ in range(epochs):
            self.next_epoch()
            self.prove(*peers)


def field(outcome: Outcome, event: str, name: str) -> Any:
    """Read a field of the only event of that name."""
    [found] = [e for e in outcome.events if e.name == event]
    return found.fields[name]


def ids_of(outcome: Outcome) -> list[int]:
    """List the assignments that a match made."""
    return [e.fields["assignment"] for e in outcome.events if e.name == "Assigned"]


def skips(outcome: Outcome) -> list[int]:
    """List the reasons for which ids of a batch, or fills of a match, were skipped."""
    return [e.fields["reason"] for e in outcome.events if e.name in ("Skipped", "FillSkipped")]
