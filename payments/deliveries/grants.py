"""Give new accounts some coins for gas, within limits."""

from collections.abc import Callable

from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import LimitReached, Unsupported
from wasmarket.kernel.units import Address
from wasmarket.store.database import Database
from wasmarket.store.enums import DeliveryKind
from wasmarket.store.payments.deliveries import add_delivery, fetch_delivery
from wasmarket.store.payments.parties import add_grant, count_grants, find_grant, serialize
from wasmarket.store.payments.views import Delivery

DAY = 86_400
GWEI = 10**9


class GasGrants:
    """Once an account; so many a day for a client address and for all."""

    def __init__(
        self,
        database: Database,
        settings: PaymentsSettings,
        *,
        now: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        """`on_change` is called when there is something to deliver."""
        self._database = database
        self._settings = settings
        self._now = now
        self._on_change = on_change

    def give(self, account: Address, client: str) -> Delivery:
        """Owe an account its coins and return how far they are; asked again: the same ones.

        Raises Unsupported (none are given here), LimitReached.
        """
        settings = self._settings
        if not settings.grant_gwei:
            raise Unsupported(
                "this gateway gives no coins",
                remedy="send some to the account yourself; deploying and calling need none",
            )
        now = self._now()
        with self._database.write() as session:
            serialize(session)
            known = find_grant(session, account)
            if known is not None:
                return fetch_delivery(session, known)
            for most, had, whose in (
                (
                    settings.grants_per_client_day,
                    count_grants(session, now - DAY, client),
                    "your address",
                ),
                (settings.grants_per_day, count_grants(session, now - DAY), "everybody together"),
            ):
                if had >= most:
                    raise LimitReached(
                        f"{whose} had {had} grants in a day, and no more are given",
                        remedy="come back tomorrow; deploying and calling need no coins",
                    )
            number = add_delivery(
                session,
                checkout=None,
                kind=DeliveryKind.COINS,
                deal=None,
                to=account,
                amount=settings.grant_gwei * GWEI,
                now=now,
            )
            add_grant(session, account, client, number, now)
            given = fetch_delivery(session, number)
        self._on_change()
        return given
