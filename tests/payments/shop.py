"""A payment gateway in this process, over a node and a processor in memory."""

from payments.books.postings import post_capital
from payments.checkouts.opening import PurchaseRequest
from payments.checkouts.saved_cards import ChargeRequest
from payments.quoting.rates import FixedRates
from payments.run import PaymentsChain, build_payments
from payments.sandbox.book import SandboxBook
from payments.settings import PaymentsSettings
from tests.payments.book_processor import BookProcessor, to_webhook
from tests.payments.treasury_node import DEVELOPER, TreasuryNode
from wasmarket.kernel.errors import MarketError
from wasmarket.store.enums import CheckoutState, DeliveryState, DisputeState, Purpose
from wasmarket.store.payments.checkouts import fetch_checkout, fetch_checkouts_in
from wasmarket.store.payments.deliveries import fetch_deliveries_in, find_delivery
from wasmarket.store.payments.entries import fetch_balances, post_entry
from wasmarket.store.payments.saved_cards import find_saved_card

NOON = 1_900_000_000
CARD = "4242424242424242"
OTHER_CARD = "4000000000010019"
BOUGHT = 19_100_000
"""USDC base units for 20.00 dollars: 3 % and 0.30 are the fee."""
SETTINGS = PaymentsSettings(
    usdc_usd="1",
    usdc_eur="0.92",
    flt_usd="0.05",
    final_blocks=3,
    low_coins_gwei=0,
    grant_gwei=10**6,
    per_card_day=10**9,
    per_account_day=10**9,
    per_client_day=10**9,
    per_day=10**9,
)


class Shop:
    """One store, one node, one processor; gateways come and go."""

    def __init__(self, database, folder, settings=SETTINGS, node=None):
        self.database = database
        self.settings = settings
        self.now = NOON
        self.processor_skew = self.chain_skew = 0
        """Seconds by which their clocks are ahead of the gateway's."""
        self.node = node or TreasuryNode()
        self.book = SandboxBook(
            folder / "sandbox.jsonl",
            now=lambda: self.now + self.processor_skew,
            page_url=lambda session: f"http://sandbox/pay/{session}",
        )
        self.processor = BookProcessor(self.book)
        self.gateway = self.build()

    def connect(self):
        """Return the way of a gateway to the chain."""
        return PaymentsChain(
            reader=self.node.chain,
            sender=self.node,
            fates=self.node,
            fetch_coins=lambda _: self.node.held("coins"),
            now=lambda: self.now + self.chain_skew,
        )

    def build(self):
        """Return another gateway on the same store."""
        return build_payments(
            self.settings,
            database=self.database,
            deployment=self.node.deployment,
            chain=self.connect(),
            processor=self.processor,
            rates=FixedRates(self.settings),
            version="0",
            public_url="http://shop",
            wall=lambda: self.now,
            clock=lambda: self.now,
        )

    def close(self):
        self.gateway.deliveries.close()
        self.book.close()

    def kill(self):
        """End the gateway as a crash would, and start another."""
        self.gateway.deliveries.close()
        self.gateway = self.build()

    def open(
        self,
        amount=2_000,
        currency="usd",
        purpose=Purpose.TOP_UP,
        deal=1,
        client="a client",
        account=DEVELOPER,
    ):
        """Open a checkout and return its id."""
        if purpose is Purpose.TOP_UP:
            wanted = PurchaseRequest(currency, amount, purpose, deal=deal)
        else:
            wanted = PurchaseRequest(currency, amount, purpose, account=account)
        return self.gateway.desk.open(wanted, client).id

    def save_card(self, amount=2_000, *, deal=1, most=5_000, account=DEVELOPER, currency="usd"):
        """Open a checkout whose card is saved and return its id."""
        wanted = PurchaseRequest(currency, amount, Purpose.TOP_UP, deal=deal)
        return self.gateway.cards.ask(account, wanted, most, "a client").id

    def charge(self, amount=2_000, *, deal=1, key="the key of it", account=DEVELOPER):
        """Have the saved card charged and return the purchase's id."""
        wanted = ChargeRequest(deal, amount, "usd", key)
        return self.gateway.cards.charge(account, wanted, "a client").id

    def card(self, checkout):
        with self.database.read() as session:
            return find_saved_card(session, checkout)

    def pay(self, checkout, card=CARD):
        """Pay by a card on the sandbox's page."""
        self.book.pay(self.read(checkout).session, card, is_approved=True)

    def tell(self):
        """Bring the webhooks that are due."""
        for event in self.book.take_due():
            self.gateway.lookout.hear(to_webhook(event))
            self.book.note_sent(event, is_taken=True)

    def look(self):
        """Look at what is due; a processor that does not answer is not the test's fault."""
        try:
            self.gateway.lookout.step()
        except MarketError as error:
            return error
        return None

    def deliver(self):
        """Take one turn of the treasury."""
        try:
            self.gateway.deliveries.step()
        except MarketError as error:
            return error
        return None

    def turn(self):
        self.tell()
        self.look()
        self.deliver()

    def bury_deep(self):
        """Mine so many blocks that what was delivered is final, and see it."""
        for _ in range(self.settings.final_blocks + 1):
            self.node.mine()
        self.deliver()

    def read(self, checkout):
        with self.database.read() as session:
            return fetch_checkout(session, checkout)

    def delivery(self, checkout):
        with self.database.read() as session:
            return find_delivery(session, checkout)

    def balances(self):
        with self.database.read() as session:
            return {key: amount for key, amount in fetch_balances(session).items() if amount}

    def differences(self):
        return self.gateway.reconciler.find_differences(asks_processor=True)

    def refill(self, token, amount):
        """Put tokens into the treasury, and post that as the operator's command does."""
        self.node.given[token] += amount
        with self.database.write() as session:
            reference = f"capital:{token}:{self.node.given[token]}"
            post_entry(session, post_capital(reference, token, amount), self.now)

    def settle(self, turns=40):
        """Mend everything and let time pass until nothing moves any more."""
        node = self.node
        node.mines_at_once, node.loses_broadcasts, node.replaces = True, False, False
        node.crash_at, node.chain.offline = None, False
        self.processor.is_down = self.processor.loses_answers = False
        for _ in range(turns):
            self.now += 3_700
            for entry in list(self.book._entries.values()):
                if entry.session.dispute == "open":
                    self.book.dispute(entry.session.id, DisputeState.WON)
            self.turn()
            self.bury_deep()
            if not self.unsettled():
                return
        raise AssertionError(f"it does not come to rest: {self.unsettled()}")

    def unsettled(self):
        """Return deliveries and checkouts that are still on their way."""
        moving = [s for s in DeliveryState if s not in ("final", "cancelled")]
        open_ = ("open", "paid", "sending", "held", "refunding")
        with self.database.read() as session:
            return [
                *fetch_deliveries_in(session, moving),
                *fetch_checkouts_in(session, [CheckoutState(name) for name in open_]),
            ]


def buy(shop, **more):
    """Open a checkout, pay it and let the gateway take a turn; return its id."""
    checkout = shop.open(**more)
    shop.pay(checkout)
    shop.turn()
    return checkout
