"""Any order of events: buyers, banks, webhooks, reorgs, crashes, two gateways on one store."""

import os
from collections import Counter
from datetime import UTC, datetime

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from payments.sandbox.cards import CARDS
from tests.payments.shop import Shop
from tests.payments.treasury_node import DEVELOPER, Crash
from wasmarket.kernel.errors import MarketError
from wasmarket.store.enums import CheckoutState, DisputeState, Purpose
from wasmarket.store.payments.checkouts import fetch_checkouts_in

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
STEPS = int(os.environ.get("FUZZ_STEPS", "25"))
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
PROFILE = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    # Shrinking takes minutes: only where somebody looks for a fault.
    phases=PHASES if "FUZZ_SHRINK" in os.environ else PHASES[:-1],
)
PAYING = tuple(card.number for card in CARDS if not card.refusal)
AMOUNTS = st.integers(100, 5_000)
MONTH = 8_000


class PurchaseMachine(RuleBasedStateMachine):
    """Subclasses give a store and a folder for each example."""

    checkouts = Bundle("checkouts")

    def new_store(self):
        """Return (database, folder) of an example of its own."""
        raise NotImplementedError

    def __init__(self):
        super().__init__()
        self.database, folder = self.new_store()
        self.shop = Shop(self.database, folder)
        self.other = self.shop.build()
        self.shop.deliver()

    def teardown(self):
        self.check_the_end()
        self.shop.close()
        self.other.deliveries.close()
        self.database.close()

    # Buyers and banks

    @rule(
        target=checkouts,
        amount=AMOUNTS,
        purpose=st.sampled_from(Purpose),
        deal=st.integers(1, 3),
    )
    def open(self, amount, purpose, deal):
        try:
            return self.shop.open(amount, "usd", purpose, deal)
        except MarketError:
            return None

    @rule(target=checkouts, amount=AMOUNTS, deal=st.integers(1, 3))
    def save_a_card(self, amount, deal):
        try:
            return self.shop.save_card(amount, deal=deal, most=MONTH)
        except MarketError:
            return None

    @rule(
        target=checkouts,
        amount=st.sampled_from([500, 5_000]),
        deal=st.integers(1, 3),
        key=st.sampled_from(["key-aaaa", "key-bbbb", "key-cccc"]),
    )
    def charge(self, amount, deal, key):
        try:
            return self.shop.charge(amount, deal=deal, key=key)
        except MarketError:
            return None

    @rule()
    def forget_the_card(self):
        self.attempt(lambda: self.shop.gateway.cards.cancel(DEVELOPER))

    @rule(checkout=checkouts, card=st.sampled_from(PAYING))
    def pay(self, checkout, card):
        self.at_the_processor(checkout, lambda session: self.shop.book.pay(session, card))

    @rule(checkout=checkouts, state=st.sampled_from(DisputeState))
    def dispute(self, checkout, state):
        self.at_the_processor(checkout, lambda session: self.shop.book.dispute(session, state))

    @rule(checkout=checkouts, amount=st.integers(1, 500))
    def refund_a_part(self, checkout, amount):
        key = f"by hand {amount}"
        self.at_the_processor(checkout, lambda session: self.shop.book.refund(session, amount, key))

    def at_the_processor(self, checkout, act):
        session = None if checkout is None else self.shop.read(checkout).session
        if session is not None:
            try:
                act(session)
            except MarketError:
                return

    # The gateways

    @rule()
    def hear_webhooks(self):
        self.shop.tell()

    @rule(is_other=st.booleans())
    def look(self, is_other):
        self.attempt((self.other if is_other else self.shop.gateway).lookout.step)

    @rule(is_other=st.booleans())
    def deliver(self, is_other):
        self.attempt((self.other if is_other else self.shop.gateway).deliveries.step)

    def attempt(self, step):
        try:
            step()
        except MarketError:
            return
        except Crash:
            # Both die together: the harder case, as nobody has the records in mind.
            self.other.deliveries.close()
            self.shop.kill()
            self.other = self.shop.build()

    @rule()
    def hand_over(self):
        self.shop.gateway.deliveries.close()
        self.other.deliveries.close()

    # What goes wrong

    @rule(moment=st.sampled_from(["signed", "sent"]))
    def crash_soon(self, moment):
        self.shop.node.crash_at = moment

    @rule(offline=st.booleans(), down=st.booleans(), unheard=st.booleans(), lost=st.booleans())
    def break_connections(self, offline, down, unheard, lost):
        self.shop.node.chain.offline = offline
        self.shop.processor.is_down = down
        self.shop.processor.loses_answers = unheard
        self.shop.node.loses_broadcasts = lost

    @rule()
    def mend_connections(self):
        self.break_connections(False, False, False, False)

    @rule(at_once=st.booleans(), replaces=st.booleans())
    def mine_otherwise(self, at_once, replaces):
        self.shop.node.mines_at_once, self.shop.node.replaces = at_once, replaces

    @rule(count=st.integers(1, 4))
    def mine(self, count):
        for _ in range(count):
            self.shop.node.mine()

    @rule(depth=st.integers(1, 3), forgets=st.booleans(), oldest=st.booleans())
    def reorg(self, depth, forgets, oldest):
        # Deeper than `final_blocks` (3) nothing is promised.
        self.shop.node.reorg(depth, forgets=forgets, oldest_wins=oldest)

    @rule(unseen=st.booleans())
    def take_a_nonce(self, unseen):
        self.shop.node.use_nonce(unseen=unseen)

    @rule(deal=st.integers(1, 3))
    def stop_a_deal(self, deal):
        self.shop.node.stopped.add(deal)

    @rule(seconds=st.sampled_from([1, 30, 600, 1_000, 90_000]))
    def wait(self, seconds):
        self.shop.now += seconds

    # What holds always, and in the end

    @invariant()
    def nothing_is_delivered_twice(self):
        expected = self.most_deliveries()
        for what in self.shop.node.delivered():
            assert what[1:] in expected or (what[0] == "usdc"), what
        assert len(self.shop.node.delivered()) <= len(expected)

    @invariant()
    def no_card_is_charged_beyond_its_limit(self):
        with self.database.read() as session:
            found = fetch_checkouts_in(session, list(CheckoutState))
        charged = Counter()
        for one in found:
            if one.saved_card is not None:
                month = datetime.fromtimestamp(one.created_at, UTC).strftime("%Y-%m")
                charged[one.saved_card, month] += one.received - one.refunded
        assert all(amount <= MONTH for amount in charged.values())

    def most_deliveries(self):
        with self.database.read() as session:
            found = fetch_checkouts_in(session, list(CheckoutState))
        return [(one.deal or one.account, one.tokens) for one in found if one.received]

    def check_the_end(self):
        self.other.deliveries.close()
        self.shop.settle()
        with self.database.read() as session:
            found = fetch_checkouts_in(session, list(CheckoutState))
        delivered = sorted(amount for _, _, amount in self.shop.node.delivered())
        wanted = sorted(one.tokens for one in found if one.state is CheckoutState.DELIVERED)
        assert delivered == wanted
        for one in found:
            said = self.shop.book.find(one.session).session if one.session else None
            is_paid = said is not None and said.state == "paid"
            is_over = one.state in (
                CheckoutState.DELIVERED,
                CheckoutState.REFUNDED,
                CheckoutState.LOST,
            )
            assert is_over == is_paid, one
            if one.state is CheckoutState.REFUNDED:
                assert said is not None
                assert said.refunded == said.amount, one
            if one.saved_card is not None and said is not None and is_paid:
                assert self.shop.card(one.saved_card).agreed_at is not None
        assert self.shop.differences() == []
