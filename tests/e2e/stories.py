"""The demo's story told while its processes are killed, and what everybody must have been paid."""

import random
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from scripts.story import Story
from scripts.story.metered import LIAR
from wasmarket.app.file import App
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.client.developer import CallAnswer, DeveloperClient
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import share
from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.kernel.events import (
    Activated,
    Assigned,
    Claimed,
    Closed,
    DealCreated,
    Ended,
    Event,
    Matched,
    Redeemed,
    Stopped,
)
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket_cli.local.network import LocalMarket

PATIENCE = 120.0
START_SECONDS = 180.0

Result = TypeVar("Result")


def retry(act: Callable[[], Result]) -> Result:
    """Do what a user does when a service is away for a moment: try again."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except MarketError as error:
            if not isinstance(error, Unreachable) or time.monotonic() > until:
                raise
        time.sleep(0.1)


class PatientService(ServiceClient):
    """A service that is asked again while it is away."""

    def send(self, *arguments: Any, **options: Any) -> Any:
        """Send as a Service does."""
        return retry(lambda: super(PatientService, self).send(*arguments, **options))


class PatientClient(DeveloperClient):
    """A developer who tries again while a service is away."""

    def __init__(self, wiring: Wiring, key: str) -> None:
        super().__init__(wiring, key)
        settings = wiring.client
        self.matcher = PatientService("matcher", settings.matcher, wiring.http, self._sign)
        self.gateway = PatientService("gateway", settings.gateway, wiring.http, self._sign)

    def call(self, *arguments: Any, **options: Any) -> CallAnswer:
        """Call what may run twice, so that the gateway goes on to another peer in the middle."""
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        return super().call(*arguments, headers=headers, **options)

    def publish(self, app: App) -> int:
        """Publish as a Client does."""
        return retry(lambda: super(PatientClient, self).publish(app))


class ShakenStory(Story):
    """The story, told by somebody who does not mind processes that come and go."""

    is_calm = False
    """Whether nobody kills now: who is down then was stopped by the story."""
    has_convicted = False
    """Whether the liar was convicted: started again, it commits no epoch that an assignment which
    it lied about was part of, whatever it is given by then."""

    def _developer(self) -> DeveloperClient:
        return PatientClient(self.market.wiring, "developer")

    def _buyer(self) -> PaymentsClient:
        buyer = super()._buyer()
        wiring = self.market.wiring
        buyer.service = PatientService("payments", wiring.client.payments, wiring.http)
        return buyer

    def _is_running(self, peer: int) -> bool:
        # The one that the story kills stays dead, all others come back.
        ids = self.market.peer_ids
        if self.has_convicted and peer == ids[LIAR]:
            return False
        is_awaited = peer != ids["alpha-1"] and not self.is_calm
        return is_awaited or super()._is_running(peer)


class Killer:
    """Kills processes of a market and starts them again, at times that a seed decides."""

    def __init__(self, market: LocalMarket, seed: int, pause: tuple[float, float]) -> None:
        """`pause` is the least and the most seconds between two kills."""
        self._market = market
        self._random = random.Random(seed)
        self._pause = pause
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._is_held = False
        self._failure: BaseException | None = None
        self.killed: list[str] = []

    def start(self) -> None:
        """Begin to kill."""
        self._thread.start()

    def rest(self) -> None:
        """Kill no more; the processes that were started go on. Raise what went wrong."""
        self._stop.set()
        with self._turn:
            if self._failure is not None:
                raise self._failure

    def hold(self) -> None:
        """Kill nobody until `go_on`: what follows stops and starts processes itself."""
        self._turn.acquire()
        self._is_held = True

    def go_on(self) -> None:
        """Kill again."""
        self._is_held = False
        self._turn.release()

    def close(self) -> None:
        """End the thread, and with it what it started; also while it is held."""
        self._stop.set()
        self._over.set()
        if self._is_held:
            self.go_on()
        if self._thread.is_alive():
            self._thread.join()

    def kill(self, *names: str) -> None:
        """Kill some processes at once and start them again."""
        with self._turn:
            self._replace(names)

    def _replace(self, names: tuple[str, ...]) -> None:
        for name in names:
            (self._market.services.get(name) or self._market.peers[name]).kill()
            self.killed.append(name)
        started = [
            self._market.start_service(name)
            if name in self._market.services
            else self._market.start_peer(name)
            for name in names
        ]
        for process in started:
            process.wait_ready(START_SECONDS)

    def _run(self) -> None:
        names = ("indexer", "matcher", "gateway", "payments", "alpha-2", "beta-1")
        try:
            while not self._stop.wait(self._random.uniform(*self._pause)):
                with self._turn:
                    if not self._stop.is_set():
                        self._replace((self._random.choice(names),))
        except MarketError as error:
            self._failure = error
        # What a thread started ends with it.
        self._over.wait()


def read_events(wiring: Wiring, kind: type[Event]) -> list[Any]:
    """Return all events of a kind so far, from the chain itself."""
    decoder = Decoder(wiring.deployment)
    head = wiring.rpc.fetch_block_number()
    raws = wiring.rpc.fetch_logs(decoder.addresses, wiring.deployment.block, head)
    logs = [log for raw in raws if (log := decoder.decode(raw, 0)) is not None]  # type: ignore[arg-type]
    return [log.event for log in logs if isinstance(log.event, kind)]


def compute_pay(wiring: Wiring) -> dict[str, int]:
    """Return what each account must have earned from deals that were stopped and had money.

    A proven epoch pays the ask for every unit, the first one for the part after the activation;
    tips go to who sent the match. Of an assignment that was convicted only what had been claimed is
    paid, of a metered one what was redeemed.
    """
    started = {event.assignment: event for event in read_events(wiring, Activated)}
    ends = {("deal", event.deal): event.end for event in read_events(wiring, Stopped)}
    ends |= {("one", event.assignment): event.end for event in read_events(wiring, Ended)}
    metered = {e.deal for e in read_events(wiring, DealCreated) if e.meter != ZERO_ADDRESS}
    convicted = {
        e.assignment for e in read_events(wiring, Closed) if e.outcome == CaseOutcome.CONVICTED
    }
    pay: dict[str, int] = {}
    for claimed in read_events(wiring, Claimed):
        if claimed.assignment in convicted:
            pay[claimed.provider] = pay.get(claimed.provider, 0) + claimed.paid
    for redeemed in read_events(wiring, Redeemed):
        provider = _provider_of(wiring, redeemed.assignment)
        pay[provider] = pay.get(provider, 0) + redeemed.paid
    for assigned in read_events(wiring, Assigned):
        begin = started.get(assigned.assignment)
        if begin is None or assigned.deal in metered or assigned.assignment in convicted:
            continue
        last = min(ends[("deal", assigned.deal)], ends.get(("one", assigned.assignment), 2**32))
        [peer] = wiring.lens.peers([assigned.peer])
        rate = assigned.price * assigned.units
        for epoch in range(begin.epoch, last + 1):
            if wiring.proofs.is_proven(assigned.peer, epoch):
                due = share(rate, begin.skipped) if epoch == begin.epoch else rate
                pay[peer.provider] = pay.get(peer.provider, 0) + due
    for matched in read_events(wiring, Matched):
        pay[matched.caller] = pay.get(matched.caller, 0) + matched.tip
    return pay


def _provider_of(wiring: Wiring, assignment: int) -> str:
    """Return whose peer has or had an assignment."""
    peers = {e.assignment: e.peer for e in read_events(wiring, Assigned)}
    [peer] = wiring.lens.peers([peers[assignment]])
    return peer.provider
