"""What the sandbox knows: sessions, and events that are still to be sent; kept in one file.

A line of the file is a session or an event as it became; the last one of each id counts.
"""

import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from payments.processors.protocol import PaymentOrder, SessionState
from payments.processors.sandbox_client import SandboxSession
from payments.sandbox.cards import SandboxCard, find_card
from wasmarket.kernel.errors import InvalidInput, NotFound, Refused
from wasmarket.kernel.hashing import sha256
from wasmarket.store.enums import DisputeState

LATE_SECONDS = 5
GIVE_UP_SECONDS = 3 * 86_400
LONGEST_PAUSE = 60


class SandboxEntry(msgspec.Struct, frozen=True):
    """A session with what only the sandbox needs: where its page returns to, refunds by key.

    `number`: the test card that it saved, or that it charges.
    """

    session: SandboxSession
    done_url: str
    title: str
    refunds: dict[str, int] = {}
    saves_card: bool = False
    number: str = ""


class QueuedEvent(msgspec.Struct, frozen=True):
    """An event that is to be sent at a time; `is_sent`: it was, or is given up."""

    key: str
    id: str
    kind: str
    session: str
    made_at: int
    due_at: int
    tries: int = 0
    is_sent: bool = False


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    entry: SandboxEntry | None = None
    event: QueuedEvent | None = None


class SandboxBook:
    """All sessions of one sandbox; safe to share between threads."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], int],
        page_url: Callable[[str], str],
        on_event: Callable[[], None] = lambda: None,
    ) -> None:
        """`now`: wall-clock seconds; `page_url`: where the page of a session is; `on_event` is
        called when there is something to send."""
        self._now = now
        self._page_url = page_url
        self.on_event = on_event
        self._lock = threading.RLock()
        self._entries: dict[str, SandboxEntry] = {}
        self._by_checkout: dict[str, str] = {}
        self._events: dict[str, QueuedEvent] = {}
        self._file = self._load(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def open(self, order: PaymentOrder) -> SandboxSession:
        """Return the session of an order, the same one for the same checkout."""
        with self._lock:
            known = self._by_checkout.get(order.checkout)
            if known is not None:
                return self._entries[known].session
            return self._begin(order, "")

    def open_charge(self, order: PaymentOrder, method: str) -> SandboxSession:
        """Return the session of an order that charges a saved card; nothing is charged yet.

        Raises Refused (the card was never saved, or is forgotten).
        """
        with self._lock:
            known = self._by_checkout.get(order.checkout)
            if known is not None:
                return self._entries[known].session
            return self._begin(order, self._find_saved(method))

    def confirm(self, session: str) -> SandboxSession:
        """Charge the saved card of a session, once; a declined one ends."""
        with self._lock:
            entry = self.find(session)
            if entry.session.state is not SessionState.OPEN or not entry.number:
                return entry.session
            card = find_card(entry.number)
            if card.refusal_later:
                entry = self._change(entry, state=SessionState.EXPIRED, failure=card.refusal_later)
                self._queue("payment.failed", session)
                return entry.session
            return self._settle(entry, card).session

    def forget(self, method: str) -> None:
        """Let a saved card be charged no more."""
        with self._lock:
            for entry in list(self._entries.values()):
                if entry.session.method == method:
                    self._change(entry, method=None)

    def _find_saved(self, method: str) -> str:
        for entry in self._entries.values():
            if entry.session.method == method:
                return entry.number
        raise Refused("this card is not saved, or was forgotten")

    def _begin(self, order: PaymentOrder, number: str) -> SandboxSession:
        """Keep a new session; `number`: of the card that it charges, empty: its page asks."""
        name = f"sb_{secrets.token_hex(12)}"
        session = SandboxSession(
            id=name,
            url="" if number else self._page_url(name),
            checkout=order.checkout,
            currency=order.currency,
            amount=order.amount,
            state=SessionState.OPEN,
            began_at=self._now(),
        )
        entry = SandboxEntry(
            session, order.done_url, order.title, saves_card=order.saves_card, number=number
        )
        self._keep(entry)
        return session

    def find(self, session: str) -> SandboxEntry:
        """Return a session. Raises NotFound."""
        with self._lock:
            entry = self._entries.get(session)
        if entry is None:
            raise NotFound("there is no such session", field="session")
        return entry

    def end(self, session: str) -> SandboxSession:
        """Let a session be paid no more; one that is paid or has ended stays as it is."""
        with self._lock:
            entry = self.find(session)
            if entry.session.state is SessionState.OPEN:
                entry = self._change(entry, state=SessionState.EXPIRED)
                self._queue("session.expired", session)
            return entry.session

    def pay(self, session: str, number: str, *, is_approved: bool = False) -> SandboxCard:
        """Pay by a test card; return the card, unpaid if its bank asks first.

        Raises InvalidInput (no test card), Refused (declined, paid or ended before).
        """
        card = find_card(number)
        with self._lock:
            entry = self.find(session)
            if entry.session.state is not SessionState.OPEN:
                raise Refused(f"this page was {entry.session.state} before")
            if card.refusal:
                self._queue("payment.failed", session)
                raise Refused(card.refusal)
            if card.asks and not is_approved:
                return card
            if entry.number:
                raise Refused("this page charges a saved card by itself")
            if entry.saves_card:
                entry = msgspec.structs.replace(entry, number=card.number)
                entry = self._change(
                    entry,
                    customer=f"cus_{secrets.token_hex(8)}",
                    method=f"pm_{secrets.token_hex(12)}",
                )
            self._settle(entry, card)
        return card

    def _settle(self, entry: SandboxEntry, card: SandboxCard) -> SandboxEntry:
        """Take the money, and do what else the card stands for."""
        session, amount = entry.session.id, entry.session.amount
        entry = self._change(
            entry,
            state=SessionState.PAID,
            payment=f"pay_{secrets.token_hex(12)}",
            paid_at=self._now(),
            card=f"card_{sha256(card.number.encode()).hex()[:16]}",
            last_digits=card.number[-4:],
            fee=30 + -(-amount * 29 // 1_000),
        )
        if card.returned_percent:
            entry = self._change(entry, refunded=amount * card.returned_percent // 100)
            self._queue("payment.refunded", session)
        if card.disputes:
            entry = self._change(entry, dispute=DisputeState.OPEN, disputed=amount)
            self._queue("dispute.opened", session)
        self._tell_paid(card, session)
        return entry

    def refund(self, session: str, amount: int, key: str) -> SandboxSession:
        """Send money back to the card, once per key. Raises Refused."""
        with self._lock:
            entry = self.find(session)
            if key in entry.refunds:
                return entry.session
            now = entry.session
            if now.state is not SessionState.PAID:
                raise Refused("nothing was paid in this session")
            if now.dispute in (DisputeState.OPEN, DisputeState.LOST):
                raise Refused("a disputed payment is not sent back")
            if not 0 < amount <= now.amount - now.refunded:
                raise Refused(f"{amount} of the {now.amount - now.refunded} left cannot go back")
            entry = self._change(entry, refunded=now.refunded + amount)
            entry = msgspec.structs.replace(entry, refunds=entry.refunds | {key: amount})
            self._keep(entry)
            self._queue("payment.refunded", session)
            return entry.session

    def dispute(self, session: str, state: DisputeState) -> SandboxSession:
        """Have the buyer's bank say something of a payment. Raises Refused."""
        with self._lock:
            entry = self.find(session)
            if entry.session.state is not SessionState.PAID:
                raise Refused("nothing was paid in this session")
            left = entry.session.amount - entry.session.refunded
            amount = entry.session.disputed or left
            entry = self._change(entry, dispute=state, disputed=amount)
            self._queue(f"dispute.{state}", session)
            return entry.session

    def take_due(self) -> list[QueuedEvent]:
        """Return the events whose time has come, the longest due first."""
        now = self._now()
        with self._lock:
            due = [event for event in self._events.values() if event.due_at <= now]
        return sorted(due, key=lambda event: event.due_at)

    def note_sent(self, event: QueuedEvent, *, is_taken: bool) -> None:
        """Note whether an event was taken; else it is sent again later, for some days."""
        now = self._now()
        is_over = is_taken or now - event.made_at > GIVE_UP_SECONDS
        wait = min(2**event.tries, LONGEST_PAUSE)
        with self._lock:
            self._keep_event(
                msgspec.structs.replace(
                    event, tries=event.tries + 1, due_at=now + wait, is_sent=is_over
                )
            )

    def _tell_paid(self, card: SandboxCard, session: str) -> None:
        delay = LATE_SECONDS if card.is_late else 0
        event = self._queue("session.paid", session, delay)
        if card.is_doubled:
            self._queue("session.paid", session, 1, event.id)
        if card.is_reversed:
            # Of what happened before the payment, told after it.
            self._queue("session.opened", session, 1)

    def _queue(self, kind: str, session: str, delay: int = 0, name: str = "") -> QueuedEvent:
        now = self._now()
        event = QueuedEvent(
            key=secrets.token_hex(8),
            id=name or f"evt_{secrets.token_hex(12)}",
            kind=kind,
            session=session,
            made_at=now,
            due_at=now + delay,
        )
        self._keep_event(event)
        self.on_event()
        return event

    def _change(self, entry: SandboxEntry, **changes: object) -> SandboxEntry:
        session = msgspec.structs.replace(entry.session, **changes)
        changed = msgspec.structs.replace(entry, session=session)
        self._keep(changed)
        return changed

    def _keep(self, entry: SandboxEntry) -> None:
        self._entries[entry.session.id] = entry
        self._by_checkout[entry.session.checkout] = entry.session.id
        self._write(_Line(entry=entry))

    def _keep_event(self, event: QueuedEvent) -> None:
        if event.is_sent:
            self._events.pop(event.key, None)
        else:
            self._events[event.key] = event
        self._write(_Line(event=event))

    def _write(self, line: _Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _load(self, path: Path) -> IO[bytes]:
        """Read what an earlier process left; a last line that was cut off never happened."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        known = path.read_bytes() if path.exists() else b""
        for text in known.splitlines(keepends=True):
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError as error:
                if text.endswith(b"\n"):
                    raise InvalidInput(
                        f"{path} is not a sandbox's file", remedy="move it away"
                    ) from error
                break
            whole += len(text)
            if line.entry is not None:
                self._entries[line.entry.session.id] = line.entry
                self._by_checkout[line.entry.session.checkout] = line.entry.session.id
            if line.event is not None:
                self._events[line.event.key] = line.event
        self._events = {key: one for key, one in self._events.items() if not one.is_sent}
        file = path.open("ab")
        os.truncate(file.fileno(), whole)
        return file
