"""The rest of what accounts may do: permits, published provider offers, handing over, dust.

These rules join those of `MarketMachine` where both sides of a comparison see the same tokens.
"""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model.machine import AMOUNT, DEVELOPER, INDEX, RIGHT, ROLE, MarketMachine
from tests.model.terms import Address, Fill, Permit, ProviderOffer

TOKEN = st.sampled_from(("usdc", "flt"))
PERMIT_FLAW = st.sampled_from((None, None, None, "stale", "another's", "expired", "small"))
MEDDLING = st.sampled_from(
    (("lock", 10**18), ("unlock", 10**18), ("slash", 10**18, 10**17), ("unlock", 0))
)


class CornerMachine(MarketMachine):
    """Every external function that `MarketMachine` leaves out, and tokens moved past them."""

    @rule(index=INDEX, right=RIGHT)
    def set_endpoint(self, index: int, right: bool) -> None:
        peer = self._peer(index)
        self.call("market", "set_endpoint", self._owner_of(peer, right), peer, "http://moved")

    @rule(role=ROLE, amount=st.one_of(AMOUNT, st.just(2**256 - 1)))
    def allow_market(self, role: str, amount: int) -> None:
        self.allow(self.roles[role], amount)

    @rule(
        developer=DEVELOPER,
        caller=ROLE,
        deposit=st.integers(20, 400),
        flaw=PERMIT_FLAW,
        is_first=st.booleans(),
    )
    def open_by_permit(
        self, developer: str, caller: str, deposit: int, flaw: str | None, is_first: bool
    ) -> None:
        """Pay with a permit that may be unfit, or that somebody else sends ahead of the match."""
        offer = self._offer(developer, deposit=deposit)
        account = offer.developer
        permit = Permit(
            value=deposit // 2 if flaw == "small" else deposit + offer.tip,
            deadline=self.law.clock.now + (-1 if flaw == "expired" else 1_000),
            signer=self.roles["stranger"] if flaw == "another's" else account,
            nonce=self.law.usdc.nonce[account] + (flaw == "stale"),
        )
        if is_first and flaw in (None, "small"):
            self.use_permit(account, permit, self.roles["stranger"])
        lines = [(0, 5, 1, None), (1, 7, 2, None), (2, 7, 2, None)]
        fills = [self._fill(*line) for line in lines]
        found = self.call("market", "match", self.roles[caller], offer, account, fills, [], permit)
        if found.reason is None:
            self.offers.append(offer)

    @rule(
        developer=DEVELOPER,
        index=INDEX,
        price=st.integers(1, 20),
        publisher=st.sampled_from(("provider", "provider", "provider", "stranger", "nobody")),
        is_cancelled=RIGHT.map(lambda right: not right),
    )
    def fill_by_published(
        self, developer: str, index: int, price: int, publisher: str, is_cancelled: bool
    ) -> None:
        """Use a provider offer that no key signed: its provider published it, or did not."""
        peer = self._peer(index)
        provider = self._owner_of(peer, True)
        self.salt += 1
        ask = ProviderOffer(
            peer=peer,
            price=price,
            valid_until=self.law.clock.now + 10_000 + self.salt,
            counter=self.law.market.counter[provider],
        )
        key = self.law.market.key_of(ask)
        if publisher != "nobody":
            by = provider if publisher == "provider" else self.roles["stranger"]
            self.call("market", "publish", by, key, b"ask")
        if is_cancelled:
            self.call("market", "cancel", provider, key)
        offer = self._offer(developer)
        fills = [Fill(ask, 2, None), self._fill(0, 5, 1, None)]
        found = self.call(
            "market", "match", self.roles["matcher"], offer, offer.developer, fills, [], None
        )
        if found.reason is None:
            self.offers.append(offer)

    @rule(to=ROLE, by=ROLE, right=RIGHT)
    def offer_ownership(self, to: str, by: str, right: bool) -> None:
        caller = self.law.market.owner if right else self.roles[by]
        self.call("market", "offer_ownership", caller, self.roles[to])

    @rule(by=ROLE, right=RIGHT)
    def accept_ownership(self, by: str, right: bool) -> None:
        self.call("market", "accept_ownership", self._next_owner(by, right))

    def _next_owner(self, by: str, right: bool) -> Address:
        named = self.law.market.next_owner
        return named if right and named in self.roles.values() else self.roles[by]

    @rule(by=ROLE, paused=st.booleans())
    def pause_as_anybody(self, by: str, paused: bool) -> None:
        self.call("market", "set_paused", self.roles[by], paused)

    @rule(by=ROLE, victim=ROLE, what=MEDDLING)
    def meddle_with_bonds(self, by: str, victim: str, what: tuple[str | int, ...]) -> None:
        """Call what only Market may call."""
        function, *amounts = what
        tail = [self.roles[by]] if function == "slash" else []
        self.call("staking", str(function), self.roles[by], self.roles[victim], *amounts, *tail)

    @rule(role=ROLE, token=TOKEN, amount=st.integers(1, 50))
    def send_dust(self, role: str, token: str, amount: int) -> None:
        """Send tokens that no call asked for: they are nobody's, and change nothing."""
        self.give(self.roles[role], amount, token)
