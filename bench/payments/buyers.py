"""Buyers that buy for accounts of their own, one checkout each, by every kind of card."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from bench.payments.town import PaymentsTown
from payments.sandbox.cards import CARDS
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.units import Address
from wasmarket.store.enums import CheckoutState, DeliveryState
from wasmarket.store.payments.checkouts import fetch_checkouts_in
from wasmarket.store.payments.deliveries import fetch_deliveries_in
from wasmarket.store.payments.views import Checkout

ODD = tuple(card for card in CARDS if card.name != "success")
GOOD = next(card for card in CARDS if card.name == "success")
PATIENCE = 300.0
AT_ONCE = 12
MOVING = tuple(CheckoutState(name) for name in ("open", "paid", "sending", "refunding"))
UNSETTLED = (DeliveryState.WAITING, DeliveryState.SIGNED, DeliveryState.MINED)


@dataclass(frozen=True, slots=True)
class BuyersReport:
    """What became of all checkouts.

    `lost`: paid and neither delivered nor given back; `doubled`: more than was paid for, or both.
    `period`: seconds from one kill to the next, on average.
    """

    checkouts: int
    states: Counter[str]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    differences: tuple[str, ...]
    kills: int
    reorgs: int
    period: float
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost or doubled, and the books balance."""
        return not (self.lost or self.doubled or self.differences)


class Buyers:
    """So many purchases of which a share is odd; the seed decides which."""

    def __init__(self, town: PaymentsTown, count: int, odd_percent: int, seed: int) -> None:
        chance = random.Random(seed)
        self._town = town
        self._plans = [
            chance.choice([*ODD, None]) if chance.random() * 100 < odd_percent else GOOD
            for _ in range(count)
        ]
        self._amounts = [chance.randint(100, 300) for _ in range(count)]
        self.accounts = [Account.from_key(secrets.token_bytes(32)).address for _ in range(count)]

    def buy_all(self, period: tuple[float, float], most: int | None = None) -> BuyersReport:
        """Buy all while things break, `most` times; then let all come to rest, and look."""
        began = time.monotonic()
        broken, ended = 0, began
        with _open_client() as http, ThreadPoolExecutor(AT_ONCE) as pool:
            work = [pool.submit(self._buy, http, place) for place in range(len(self._plans))]
            # A few breaks all come, also where everything was bought before the last.
            while broken < most if most is not None else not all(job.done() for job in work):
                self._town.break_something(period)
                broken += 1
                ended = time.monotonic()
            for job in work:
                job.result()
        self._rest()
        return self._report((ended - began) / max(1, broken), time.monotonic() - began)

    def _buy(self, http: httpx.Client, place: int) -> None:
        card, account = self._plans[place], self.accounts[place]
        base = f"http://127.0.0.1:{self._town.ports.payments}"
        body = {
            "amount": self._amounts[place],
            "currency": "usd",
            "purpose": {"account": account},
        }
        answer = _insist(http, "POST", f"{base}/v1/checkouts", json=body)
        answer.raise_for_status()
        found = answer.json()
        if card is None:
            return
        pay = found["pay"]
        if card.refusal:
            _insist(http, "POST", pay, data={"number": card.number})
            card = GOOD
        if card.asks:
            data = {"number": card.number, "answer": "approve"}
            _insist(http, "POST", f"{pay}/bank", data=data)
        else:
            _insist(http, "POST", pay, data={"number": card.number})

    def _rest(self) -> None:
        """Wait until nothing is on its way any more. Raises TimeoutError."""
        database = self._town.open_store()
        until = time.monotonic() + PATIENCE
        try:
            while True:
                with database.read() as session:
                    left = fetch_checkouts_in(session, MOVING)
                    owed = fetch_deliveries_in(session, UNSETTLED)
                if not left and not owed:
                    return
                if time.monotonic() > until:
                    raise TimeoutError(f"{len(left)} checkouts, {len(owed)} deliveries: {left[:3]}")
                time.sleep(0.5)
        finally:
            database.close()

    def _report(self, period: float, seconds: float) -> BuyersReport:
        database = self._town.open_store()
        with database.read() as session:
            found = fetch_checkouts_in(session, list(CheckoutState))
        lost, doubled = self._find_wrong(found)
        differences = self._town.find_differences(database)
        database.close()
        return BuyersReport(
            checkouts=len(found),
            states=Counter(str(one.state) for one in found),
            lost=tuple(lost),
            doubled=tuple(doubled),
            differences=tuple(differences),
            kills=self._town.kills,
            reorgs=self._town.reorgs,
            period=period,
            seconds=seconds,
        )

    def _find_wrong(self, found: Sequence[Checkout]) -> tuple[list[str], list[str]]:
        """Compare what each account holds with what it has bought; paid or delivered, not both."""
        expected: dict[Address, int] = dict.fromkeys(self.accounts, 0)
        lost: list[str] = []
        doubled: list[str] = []
        for one in found:
            if one.state is CheckoutState.DELIVERED:
                expected[one.account] = expected.get(one.account, 0) + one.tokens
            kept = one.received - one.refunded
            is_kept = one.state in (CheckoutState.DELIVERED, CheckoutState.HELD)
            if is_kept != (kept > 0):
                wrong = doubled if is_kept else lost
                wrong.append(f"{one.id}: {one.state} with {kept} of {one.received} kept")
        for account, tokens in expected.items():
            held = self._town.held_by(account)
            if held != tokens:
                wrong = doubled if held > tokens else lost
                wrong.append(f"{account}: holds {held}, bought {tokens}")
        return lost, doubled


def _open_client() -> httpx.Client:
    """Return what all buyers ask by."""
    return httpx.Client(timeout=10, trust_env=False)


def _insist(http: httpx.Client, method: str, url: str, **options: object) -> httpx.Response:
    """Send until somebody answers; what a card page refuses is an answer. Raises TimeoutError."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            answer = http.request(method, url, **options)  # type: ignore[arg-type]
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            return answer
        time.sleep(0.5)
    raise TimeoutError(url)
