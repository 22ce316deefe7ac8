"""How much a card, an account, a client address and all together may buy in a day."""

from typing import Any

from payments.quoting.quotes import REFERENCE, write_money
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import LimitReached
from wasmarket.kernel.units import Address
from wasmarket.store.database import Session
from wasmarket.store.enums import FrozenKind
from wasmarket.store.payments.checkouts import sum_worth
from wasmarket.store.payments.parties import find_frozen
from wasmarket.store.payments.views import Checkout

DAY = 86_400


class BuyingLimits:
    """The operator's limits."""

    def __init__(self, settings: PaymentsSettings) -> None:
        self._settings = settings

    def check_quote(
        self, session: Session, *, worth: int, account: Address, client: str, now: int
    ) -> None:
        """Raise LimitReached if so much more may not be bought now; quotes that stand count."""
        frozen = find_frozen(session, FrozenKind.ACCOUNT, account)
        if frozen is not None:
            raise LimitReached(
                f"{account} buys no more: {frozen.reason}",
                field="purpose",
                remedy="ask whoever runs this gateway",
            )
        settings, since = self._settings, now - DAY
        limits: tuple[tuple[int, str, dict[str, Any]], ...] = (
            (settings.per_account_day, "this account", {"account": account}),
            (settings.per_client_day, "your address", {"client": client}),
            (settings.per_day, "all buyers together", {}),
        )
        for most, whose, of in limits:
            if not most:
                continue
            had = sum_worth(session, since=since, now=now, **of)
            if had + worth > most:
                raise LimitReached(
                    f"{whose} may buy for {write_money(most, REFERENCE)} in a day, and has"
                    f" bought or opened checkouts for {write_money(had, REFERENCE)}",
                    field="amount",
                    remedy="pay what is open, buy less, or come back tomorrow",
                )

    def find_refusal(
        self, session: Session, checkout: Checkout, card: str | None, now: int
    ) -> str | None:
        """Return why whoever has paid may not have it, None if they may."""
        if find_frozen(session, FrozenKind.ACCOUNT, checkout.account) is not None:
            return "a payment for this account is disputed"
        if card is None:
            return None
        if find_frozen(session, FrozenKind.CARD, card) is not None:
            return "a payment of this card is disputed"
        most = self._settings.per_card_day
        had = sum_worth(session, since=now - DAY, now=now, card=card, but=checkout.id)
        if most and had + checkout.worth > most:
            return f"a card may buy for {write_money(most, REFERENCE)} in a day"
        return None
