"""What a developer does, in one object: quote, deploy, call, watch, pay, stop."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from wasmarket.client.deal_peers.log_lines import read_logs
from wasmarket.client.deal_peers.merged_logs import (
    Complain,
    Entry,
    follow_all_logs,
    read_all_logs,
)
from wasmarket.client.deal_peers.served_versions import ServedVersion, fetch_served_version
from wasmarket.client.replacements import replace_assignments
from wasmarket.client.service import ServiceClient, request_signer
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound, TimedOut, Unreachable
from wasmarket.kernel.events import DealBalance, Stopped
from wasmarket.kernel.signing import targets
from wasmarket.kernel.signing.plan import PlanComplete
from wasmarket.kernel.units import Address, Hash

if TYPE_CHECKING:
    from wasmarket.app.file import App
    from wasmarket.chain.contracts.bindings import Erc20, Market
    from wasmarket.chain.sending.transactions import TransactionReceipt
    from wasmarket.chain.sending.wallet import Account
    from wasmarket.client.developer_offers import Bid, Requirement
    from wasmarket.content.uploader import Progress
    from wasmarket.kernel.deployment import Deployment

RUNNING = frozenset({"active", "short"})
"""Offer statuses in which functions answer."""
SERVING = ("active", "metered")
"""States of an assignment whose peer serves calls."""
FINAL = frozenset({"ended", "cancelled", "expired"})
SEE_STATUS = "`wasmarket status` lists your deals"
PERMIT_SECONDS = 1.0
"""Between looks whether an offer's permit is still good."""
PERMIT_TRIES = 5


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A function's answer: its value (JSON) or bytes (raw), and where it came from."""

    value: Any
    body: bytes
    peer: str
    receipt: str
    fuel: str


class DeveloperClient:
    """One developer's view of the market.

    Every method raises errors of `kernel.errors`: Unreachable, TimedOut, Refused and its kin,
    InvalidInput.
    """

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account in `keys/`; it is loaded when something must be signed."""
        self._wiring = wiring
        self._key = key
        settings = wiring.client
        self.matcher = ServiceClient("matcher", settings.matcher, wiring.http, self._sign)
        self.gateway = ServiceClient("gateway", settings.gateway, wiring.http, self._sign)

    @property
    def address(self) -> Address:
        """The account's address."""
        return self._wiring.address(self._key)

    def quote(self, requirement: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the price curve for a requirement: what 1, 2, … units cost per epoch."""
        curve = self.matcher.post("/v1/quotes", requirement)
        return list(curve)

    def publish(self, app: App, progress: Progress = lambda done, total: None) -> int:
        """Send what the gateway lacks of an app; return the number of blocks that were sent.

        `progress` hears how many bytes are there, of how many.
        """
        wiring = self._wiring
        if wiring.plan is not None:
            size = f"{len(app.blocks)} blocks, {app.size:,} bytes"
            wiring.plan.add("upload", f"{app.cid} ({size} at most) to {wiring.client.gateway}")
            return len(app.blocks)
        roots = [app.cid, *app.manifest.module_cids]
        from wasmarket.content.uploader import upload  # noqa: PLC0415 - loads what talks to a chain

        gateway = wiring.client.gateway
        return upload(wiring.http, gateway, roots, app.get, self._headers, progress)

    def offer(self, requirement: Requirement, app: Hash, target: int | None = None) -> Bid:
        """Sign an offer for `app` and post it to the matcher.

        `target`: units to fill for now; the rest of the wish is room for replacements.
        """
        wiring = self._wiring
        from wasmarket.client import developer_offers  # noqa: PLC0415 - loads what talks to a chain

        where = wiring.deployment, wiring.market, wiring.usdc, wiring.clock.refresh()
        if wiring.plan is not None:
            developer_offers.note_bid(wiring.plan, requirement, app, self.address, *where)
            raise PlanComplete
        account = wiring.account(self._key)
        bid = developer_offers.sign_bid(requirement, app, account, *where)
        return self._post(bid, {} if target is None else self.sign_target(bid.hash, target))

    def offer_state(self, offer: Hash) -> dict[str, Any]:
        """Return an offer as the matcher knows it: status, deal, reasons."""
        state: dict[str, Any] = self.matcher.get(f"/v1/developer-offers/{offer}")
        return state

    def watch_offer(self, bid: Bid, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield an offer's state whenever it changes, until its functions answer or it is over.

        Meanwhile its permit is kept good. Raises TimedOut after `seconds` without either.
        """
        until = time.monotonic() + seconds
        look_again = 0.0
        last: dict[str, Any] | None = None
        while True:
            state = self.offer_state(bid.hash)
            if state != last:
                yield state
                last = state
            if state["status"] in RUNNING | FINAL:
                return
            if state["deal"] is None and time.monotonic() > look_again:
                bid = self._renew(bid, is_unfunded=state["status"] == "unfunded") or bid
                look_again = time.monotonic() + PERMIT_SECONDS
            if time.monotonic() > until:
                raise TimedOut(
                    f"the offer is still {state['status']} after {seconds:.0f} s",
                    remedy=f"`wasmarket explain {bid.hash}` says why; it stays posted",
                )
            time.sleep(0.2)

    def deal(self, deal: int) -> dict[str, Any]:
        """Return a deal as the matcher knows it, settled now."""
        try:
            state: dict[str, Any] = self.matcher.get(f"/v1/deals/{deal}")
        except NotFound as error:
            raise NotFound(error.detail, field="deal", remedy=SEE_STATUS) from error
        return state

    def interface(self, deal: int) -> dict[str, Any]:
        """Return the typed functions of a deal, by service, as one of its peers says."""
        services: dict[str, Any] = self.gateway.get(f"/v1/deals/{deal}/interface")["services"]
        return services

    def wait_for_interface(self, deal: int, seconds: float) -> dict[str, Any]:
        """Return the functions of a deal that is active, once a peer of it has seen that too.

        Raises Unreachable after `seconds` without one; it says why peers gave the deal back.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                return self.interface(deal)
            except Unreachable as error:
                if time.monotonic() > until:
                    raise self._explain_silence(deal, error) from error
            time.sleep(0.2)

    def _explain_silence(self, deal: int, error: Unreachable) -> Unreachable:
        """Return the error with the reasons of the peers that gave a deal back, if any did."""
        whys = {row["peer"]: row["why_text"] for row in self.assignments(deal) if row["why_text"]}
        if not whys:
            return error
        told = "; ".join(f"peer {peer}: {why}" for peer, why in whys.items())
        return Unreachable(
            f"{error.detail}, peers gave it back ({told})",
            field="deal",
            remedy=f"mend the app, then `wasmarket update {deal}`, or `wasmarket stop {deal}`",
        )

    def assignments(self, deal: int) -> list[dict[str, Any]]:
        """Return all assignments of a deal, also those that have ended."""
        return list(self.matcher.items(f"/v1/deals/{deal}/assignments"))

    def served_versions(self, deal: int) -> list[ServedVersion]:
        """Return which version each active peer of a deal serves, as the peers say."""
        rows = self.deal(deal)["assignments"]
        peers = [row["peer"] for row in rows if row["state"] in SERVING]
        return [fetch_served_version(self.gateway, deal, peer) for peer in peers]

    def deals(self) -> list[dict[str, Any]]:
        """Return the account's deals."""
        return list(self.matcher.items("/v1/deals", {"developer": self.address}))

    def explain(self, offer: str) -> dict[str, Any]:
        """Return why an offer has fewer units than it wants, and what would help."""
        answer: dict[str, Any] = self.matcher.get(f"/v1/developer-offers/{offer}/explain")
        return answer

    def call(
        self,
        deal: int,
        service: str,
        function: str,
        arguments: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        signed: bool = False,
    ) -> CallAnswer:
        """Call a function through the gateway, with JSON `arguments` or `raw` bytes.

        `signed`: as this account, for a deal that lets in accounts.
        """
        path = f"/v1/deals/{deal}/{service}/{function}"
        if raw is not None:
            sent = {"Content-Type": "application/octet-stream", **(headers or {})}
            response = self.gateway.send("POST", path, body=raw, headers=sent, signed=signed)
            return _answer(response, None)
        value = [] if arguments is None else arguments
        response = self.gateway.send("POST", path, value=value, headers=headers, signed=signed)
        try:
            return _answer(response, response.json()["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise MarketError(
                f"the peer's answer is not a result: {response.text[:200]}"
            ) from error

    def logs(self, deal: int, *, follow: bool) -> Iterator[str]:
        """Yield log lines of a deal's functions at one of its peers; see `read_logs`."""
        return read_logs(self.gateway, deal, follow=follow)

    def all_logs(self, deal: int, complain: Complain, *, follow: bool) -> Iterable[Entry]:
        """Return the log lines of all peers of a deal by time; with `follow` without end.

        `complain` is told of peers whose lines cannot be had. Of a deal that nobody serves any
        more, those who did are asked.
        """
        if follow:
            find = partial(self.serving_peers, deal)
            return follow_all_logs(self.gateway, deal, find, complain)
        serving = self.serving_peers(deal)
        peers = serving or sorted({int(row["peer"]) for row in self.assignments(deal)})
        return read_all_logs(self.gateway, deal, peers, complain)

    def serving_peers(self, deal: int) -> list[int]:
        """Return the peers of a deal that take calls now."""
        rows = self.deal(deal)["assignments"]
        return sorted({int(row["peer"]) for row in rows if row["state"] in SERVING})

    def stats(self, deal: int, peer: int) -> dict[str, Any]:
        """Return what calls of a deal did at one of its peers since that started."""
        path, params = f"/v1/deals/{deal}/stats", {"peer": str(peer)}
        return dict(self.gateway.send("GET", path, params=params, signed=True).json())

    def versions(self, deal: int) -> list[dict[str, Any]]:
        """Return the apps that a deal was given, the one that made it first."""
        return list(self.matcher.items(f"/v1/deals/{deal}/versions"))

    def set_target(self, offer: str, units: int) -> None:
        """Say how many units of an offer this matcher fills for now."""
        path = targets.target_path(Hash(offer))
        self.matcher.send(targets.METHOD, path, value={"units": units}, signed=True)

    def access(self, deal: int) -> dict[str, Any]:
        """Return who may call a deal, as one of its peers knows it."""
        return dict(self.gateway.send("GET", f"/v1/deals/{deal}/access", signed=True).json())

    def set_access(self, deal: int, document: dict[str, Any]) -> dict[str, Any]:
        """Say who may call a deal; return which `peers` have it and which were `silent`."""
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        path = f"/v1/deals/{deal}/access"
        answer = self.gateway.send("PUT", path, body=body, headers=headers, signed=True).json()
        return dict(answer)

    def update(self, deal: int, app: App) -> TransactionReceipt:
        """Publish a new version and name it on chain; peers switch without a gap."""
        self.publish(app)
        return self.name_version(deal, app)

    def name_version(self, deal: int, app: App) -> TransactionReceipt:
        """Name a version that was published on chain."""
        return self._send("set_app", deal, app.app)

    def top_up(self, deal: int, amount: int) -> int:
        """Put USDC into a deal, from the free balance first; return the deal's balance."""
        wiring = self._wiring
        account = wiring.account(self._key)
        missing = max(0, amount - wiring.market.account(account.address).free)
        from wasmarket.client.tokens import approve  # noqa: PLC0415 - loads what talks to a chain

        approve(wiring, wiring.usdc, wiring.deployment.market, missing, self._key)
        return self._send("top_up", deal, amount).find(DealBalance)[0].balance

    def take(self, deal: int, amount: int) -> int:
        """Move USDC of a deal to the free balance; return the deal's balance."""
        return self._send("take", deal, amount).find(DealBalance)[0].balance

    def drop(self, assignments: list[int], why: int) -> TransactionReceipt:
        """End single assignments; the epoch begun is paid."""
        return self._send("drop", assignments, why)

    def replace(self, assignments: list[int], seconds: float) -> Iterator[dict[int, str]]:
        """Have assignments' units given elsewhere; yield how far each is, until all are ready.

        Raises Conflict where an offer leaves no room, TimedOut after `seconds`: the wishes stay.
        """
        return replace_assignments(self.matcher, assignments, seconds)

    def stop(self, deal: int) -> int:
        """End a deal; return what went back to the free balance."""
        return self._send("stop", deal).find(Stopped)[0].returned

    def withdraw(self, amount: int | None, to: str) -> int:
        """Send free USDC (all of it if None) to an address; return how much."""
        account = self._wiring.account(self._key)
        free = self._wiring.market.account(account.address).free
        wanted = free if amount is None else amount
        if wanted == 0:
            raise InvalidInput(f"{account.address} has no free balance", field="amount")
        self._send("withdraw", wanted, to)
        return wanted

    def _post(self, bid: Bid, more: dict[str, Any]) -> Bid:
        """Post a bid; sign its permit again if another of the account was used meanwhile."""
        from wasmarket.client.developer_offers import renew_permit  # noqa: PLC0415 - loads what talks to a chain

        tries = PERMIT_TRIES
        while True:
            try:
                self.matcher.post("/v1/developer-offers", bid.body | more)
                return bid
            except MarketError as error:
                tries -= 1
                is_dead = bool(tries) and error.field == "permit.signature"
                renewed = renew_permit(bid, *self._payer(), is_unfunded=False) if is_dead else None
                if renewed is None:
                    raise
                bid = renewed

    def _renew(self, bid: Bid, *, is_unfunded: bool) -> Bid | None:
        from wasmarket.client.developer_offers import renew_permit  # noqa: PLC0415 - loads what talks to a chain

        renewed = renew_permit(bid, *self._payer(), is_unfunded=is_unfunded)
        return None if renewed is None else self._post(renewed, {})

    def _payer(self) -> tuple[Account, Deployment, Erc20]:
        wiring = self._wiring
        return wiring.account(self._key), wiring.deployment, wiring.usdc

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        market: Market = self._wiring.market
        sender = self._wiring.sender(self._wiring.account(self._key))
        return sender.send(market.call(function, *arguments))

    def sign_target(self, offer: Hash, units: int) -> dict[str, Any]:
        """Return what to post beside an offer of which fewer units are wanted for now."""
        body = targets.target_body(units).encode()
        authorization = self._sign(targets.METHOD, targets.target_path(offer), body)
        return {"target": units, "target_authorization": authorization}

    def open_peer(self, endpoint: str) -> ServiceClient:
        """Return a peer's service; requests are signed as this account where that is asked."""
        return ServiceClient("peer", endpoint, self._wiring.http, self._sign)

    def sign(self, method: str, target: str, body: bytes) -> str:
        """Return the Authorization header with which this account makes a request."""
        return self._sign(method, target, body)

    def _headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return {"Authorization": self._sign(method, target, body)}

    def _sign(self, method: str, target: str, body: bytes) -> str:
        wiring = self._wiring
        if wiring.plan is not None and method != "GET":
            # What a request carries may be long, or a secret: its size says enough.
            wiring.plan.add("request", f"{method} {target} ({len(body):,} bytes)")
            raise PlanComplete
        account = wiring.account(self._key)
        return request_signer(wiring.domain, account.key, wiring.clock.refresh)(
            method, target, body
        )


def _answer(response: httpx.Response, value: Any) -> CallAnswer:
    return CallAnswer(
        value=value,
        body=response.content,
        peer=response.headers.get("Wasmarket-Peer", ""),
        receipt=response.headers.get("Wasmarket-Receipt", ""),
        fuel=response.headers.get("Wasmarket-Fuel", ""),
    )
