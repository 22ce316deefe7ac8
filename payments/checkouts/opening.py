"""Open checkouts: check what is wanted, quote, keep it, and get a page to pay on."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from payments.processors.protocol import PaymentOrder, PaymentPage, Processor
from payments.quoting.limits import BuyingLimits
from payments.quoting.quotes import MoneyQuote, build_quote, write_money
from payments.quoting.rates import RateSource
from payments.settings import PaymentsSettings
from payments.treasury import Treasury
from wasmarket.kernel.errors import Conflict, InvalidInput, MarketError, NotFound
from wasmarket.kernel.units import Address, DealId
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import CheckoutState, Purpose
from wasmarket.store.payments.checkouts import add_checkout, fetch_checkout, update_checkout
from wasmarket.store.payments.parties import serialize
from wasmarket.store.payments.views import Checkout

ID_BYTES = 16
"""Of a checkout's id, which is all that opens its page: nobody guesses it."""


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """What a buyer wants: `amount` minor units of `currency` for a deal or an account."""

    currency: str
    amount: int
    purpose: Purpose
    deal: DealId | None = None
    account: Address | None = None


class CheckoutDesk:
    """Takes wishes."""

    def __init__(
        self,
        database: Database,
        processor: Processor,
        rates: RateSource,
        treasury: Treasury,
        settings: PaymentsSettings,
        *,
        now: Callable[[], int],
        page_url: Callable[[str], str],
    ) -> None:
        """`now`: wall-clock seconds; `page_url`: where the page of a checkout is."""
        self._database = database
        self._processor = processor
        self._rates = rates
        self._treasury = treasury
        self._settings = settings
        self._limits = BuyingLimits(settings)
        self._now = now
        self._page_url = page_url

    def open(self, wanted: PurchaseRequest, client: str) -> Checkout:
        """Return a new checkout whose quote holds for `quote_seconds`; `client`: who asks.

        Raises InvalidInput, NotFound, Conflict (the deal has ended), LimitReached, Unreachable.
        """
        checkout = self.quote(wanted, client)
        with self._database.write() as session:
            serialize(session)
            self.keep(session, checkout)
        return self.begin(checkout, self._processor.open_session)

    def quote(self, wanted: PurchaseRequest, client: str) -> Checkout:
        """Return a checkout that is not kept yet. Raises as `open`, but for limits."""
        account, token = self._find_account(wanted), _token_of(wanted.purpose)
        now = self._now()
        rates = self._rates.fetch(now)
        quote = build_quote(self._settings, rates, wanted.currency, wanted.amount, token)
        return self._build(wanted, quote, account, client, now)

    def keep(self, session: Session, checkout: Checkout) -> None:
        """Keep a checkout if it is within all limits. Raises LimitReached."""
        self._limits.check_quote(
            session,
            worth=checkout.worth,
            account=checkout.account,
            client=checkout.client,
            now=checkout.created_at,
        )
        add_checkout(session, checkout)

    def begin(
        self,
        checkout: Checkout,
        open_session: Callable[[PaymentOrder], PaymentPage],
        *,
        saves_card: bool = False,
    ) -> Checkout:
        """Have the processor open a session for a checkout that is kept; return it with that.

        Raises Unreachable, TimedOut, Refused: then it has ended.
        """
        now = checkout.created_at
        try:
            page = open_session(replace(self._order(checkout), saves_card=saves_card))
        except MarketError as error:
            with self._database.write() as session:
                update_checkout(
                    session,
                    checkout.id,
                    state=CheckoutState.EXPIRED,
                    reason=f"no page to pay on: {error.detail}",
                    look_at=None,
                )
            raise
        with self._database.write() as session:
            update_checkout(
                session,
                checkout.id,
                session=page.session,
                url=page.url or None,
                session_at=page.began_at,
                # A saved card is charged at the first look.
                look_at=now + (self._settings.look_seconds if page.url else 0),
            )
            return fetch_checkout(session, checkout.id)

    def _find_account(self, wanted: PurchaseRequest) -> Address:
        """Return whose purchase it is. Raises NotFound, Conflict."""
        if wanted.purpose is not Purpose.TOP_UP:
            if wanted.account is None:
                raise InvalidInput("no account is named", field="purpose")
            return wanted.account
        if wanted.deal is None:
            raise InvalidInput("no deal is named", field="purpose.top_up")
        facts = self._treasury.fetch_deals([wanted.deal]).get(wanted.deal)
        if facts is None:
            raise NotFound(f"there is no deal {wanted.deal}", field="purpose.top_up")
        if not facts.is_open:
            raise Conflict(
                f"deal {wanted.deal} has ended: nothing can be put into it",
                field="purpose.top_up",
                remedy=f'buy for its developer: {{"account": "{facts.developer}"}}',
            )
        return facts.developer

    def _build(
        self, wanted: PurchaseRequest, quote: MoneyQuote, account: Address, client: str, now: int
    ) -> Checkout:
        return Checkout(
            id=secrets.token_hex(ID_BYTES),
            processor=self._processor.name,
            currency=quote.currency,
            amount=quote.amount,
            fee=quote.fee,
            token=quote.token,
            tokens=quote.tokens,
            rate=quote.rate,
            worth=quote.worth,
            purpose=wanted.purpose,
            deal=wanted.deal,
            account=account,
            client=client,
            created_at=now,
            expires_at=now + self._settings.quote_seconds,
            # Should this process end before there is a page, the quote ends by itself.
            look_at=now + self._settings.quote_seconds + 1,
        )

    def _order(self, checkout: Checkout) -> PaymentOrder:
        page = self._page_url(checkout.id)
        return PaymentOrder(
            checkout=checkout.id,
            currency=checkout.currency,
            amount=checkout.amount,
            title=f"{write_purpose(checkout)} ({write_money(checkout.amount, checkout.currency)})",
            done_url=page,
            back_url=page,
        )


def write_purpose(checkout: Checkout) -> str:
    """Write what a purchase is for, for people."""
    if checkout.purpose is Purpose.TOP_UP:
        return f"USDC for deal {checkout.deal}"
    return f"{checkout.token.upper()} for {checkout.account}"


def _token_of(purpose: Purpose) -> str:
    return "flt" if purpose is Purpose.FLT else "usdc"
