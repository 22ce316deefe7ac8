"""What happens in the demo, chapter by chapter, on a real chain with real processes."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from scripts.story.cards import buy_by_card
from scripts.story.keeping import keep_a_runway
from scripts.story.metered import MeteredChapters, write_policy
from scripts.story.teller import Teller
from wasmarket.app.file import load_app
from wasmarket.client.developer import CallAnswer, DeveloperClient
from wasmarket.client.developer_offers import Requirement
from wasmarket.client.home import Home
from wasmarket.client.provider import ProviderClient
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.units import Address, format_flt, format_usdc
from wasmarket_cli.developer.receipts import check_receipt, find_root
from wasmarket_cli.local.commands import explorer_url
from wasmarket_cli.local.epochs import next_epoch
from wasmarket_cli.local.money import Money, read_money
from wasmarket_cli.local.network import LocalMarket, start_market
from wasmarket_cli.local.plan import FREE_PORTS, POLICY, WORK_PRICE, Plan
from wasmarket_cli.output import count

WAIT_SECONDS = 60.0
CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"
UNITS = 3
TIP = 30_000
DEPOSIT = 2_000_000
WORLD = ["World"]

Result = TypeVar("Result")


class Unexpected(MarketError):
    """The demo saw something that should not be"""

    slug = "unexpected"


class Story:
    """One run of the main job. `interlude` is called between chapters, with the chapter's name."""

    def __init__(
        self,
        home: Home,
        teller: Teller,
        interlude: Callable[["Story", str], None] = lambda _, __: None,
    ) -> None:
        """Everything is kept in `home`, which should be fresh."""
        self._home = home
        self._say = teller
        self._interlude = interlude
        self._market: LocalMarket | None = None
        self._money: Money | None = None
        self._deal = 0
        self._last: CallAnswer | None = None
        self._proof: MeteredChapters | None = None

    @property
    def market(self) -> LocalMarket:
        """The running market. Raises Unexpected before it runs."""
        if self._market is None:
            raise Unexpected("the market does not run yet")
        return self._market

    def tell(self, *, ends_deal: bool = True) -> None:
        """Tell all chapters; without `ends_deal`, leave the deal running. Raises MarketError."""
        for _ in self.unfold(ends_deal=ends_deal):
            pass

    def unfold(self, *, ends_deal: bool = True) -> Iterator[str]:
        """Tell it chapter by chapter, and yield the name of each behind it. Raises MarketError."""
        chapters = [self._start, self._deploy, self._call, self._prove, self._claim]
        chapters += [self._lose_a_peer, self._update, self._pay_for_work, self._convict_a_liar]
        chapters += [self._buy, self._keep] + ([self._stop, self._settle] if ends_deal else [])
        for chapter in chapters:
            chapter()
            name = chapter.__name__.removeprefix("_")
            self._interlude(self, name)
            yield name
        self._say.end("the main job is done and every unit of money is accounted for")

    def close(self) -> None:
        """End everything that was started."""
        if self._market is not None:
            self._market.stop()

    def _start(self) -> None:
        self._say.chapter("A market comes up")
        with self._say.waiting("chain, contracts, services, peers"):
            write_policy(self._home, POLICY)
            plan = Plan(ports=FREE_PORTS, work_price=WORK_PRICE, payments=True)
            self._market = start_market(self._home, plan)
        self._proof = MeteredChapters(self.market, self._say, self._next_epoch, self._developer)
        wiring, plan = self.market.wiring, self.market.plan
        bond = wiring.deployment.parameters.bond_per_unit
        self._say.fact(f"Anvil at {self.market.anvil.url}, Market at {wiring.deployment.market}")
        self._say.fact(f"watch it in a browser: {explorer_url(self.market)}")
        self._say.table(
            ["peer", "provider", "region", "#units", "#bond FLT", "#ask USDC"],
            [
                (
                    f"{self.market.peer_ids[peer.name]} {peer.name}",
                    peer.provider,
                    peer.region,
                    peer.units,
                    format_flt(bond * peer.units),
                    format_usdc(peer.price),
                )
                for peer in plan.peers
            ],
        )
        # A fresh epoch, so that the first one is billed almost whole.
        self._next_epoch()
        self._money = self._read_money()
        self._money.check()

    def _deploy(self) -> None:
        self._say.chapter("A developer publishes a function and signs an offer")
        client = self._developer()
        app = load_app(EXAMPLES / "greeting")
        blocks = client.publish(app)
        self._say.fact(
            f"published {app.manifest.name} as {app.cid} ({app.size:,} bytes, {blocks} blocks)"
        )
        requirement = Requirement(
            units=UNITS,
            max_price=20_000,
            deposit=DEPOSIT,
            min_units=UNITS,
            max_units_per_provider=2,
            min_regions=2,
            tip=TIP,
        )
        bid = client.offer(requirement, app.app)
        self._say.fact(
            f"signed: {UNITS} units in 2 regions, at most 2 of one provider,"
            f" at most {format_usdc(requirement.max_price)} USDC each; permit for the money; no gas"
        )
        for state in client.watch_offer(bid, WAIT_SECONDS):
            self._say.fact(f"offer {bid.hash[:10]}… is {state['status']}")
        self._deal = int(state["deal"])
        self._wait("all peers activate", lambda: all(r["state"] == "active" for r in self._live()))
        self._show_assignments()
        [match] = client.matcher.items(f"/v1/deals/{self._deal}/matches")
        self._say.fact(
            f"one transaction {match['tx'][:10]}…; {format_usdc(int(match['saving']))} USDC per"
            f" epoch below the limit, {match['gap_ppm']} ppm from the proven optimum"
        )
        self._show_money()

    def _call(self) -> None:
        self._say.chapter("The function answers over HTTP")
        url = f"{self._developer().gateway.url}/v1/deals/{self._deal}/greeting/greeting"
        self._say.fact(f"""curl -d '["World"]' {url}""")
        for _ in range(3):
            self._greet("Hi, World")

    def _prove(self) -> None:
        self._say.chapter("Epochs pass, peers prove what they ran")
        for _ in range(3):
            epoch = self._next_epoch()
            self._say.fact(
                f"epoch {epoch} begins; peers {self._active_peers()} have committed the last"
            )
        self._check_receipt()
        self._show_money()

    def _claim(self) -> None:
        self._say.chapter("A provider claims and withdraws")
        self._claim_all("alpha")
        self._show_money()

    def _lose_a_peer(self) -> None:
        self._say.chapter("A peer dies")
        process = self.market.peers["alpha-1"]
        process.kill()
        self._say.fact("alpha-1 is killed (SIGKILL); calls go on to the next peer:")
        self._greet("Hi, World")
        ids = self.market.peer_ids
        dead, left = ids["alpha-1"], {ids["alpha-2"], ids["beta-1"]}
        parameters = self.market.wiring.deployment.parameters
        for _ in range(parameters.max_missed + parameters.proof_window + 1):
            epoch = self._next_epoch()
        self._say.fact(f"epoch {epoch}: {parameters.max_missed} final epochs without proof")
        self._wait("the matcher evicts it and refills", lambda: self._active_peers() == left)
        self._say.fact(f"the matcher has evicted peer {dead} and refilled its units elsewhere:")
        self._show_assignments()
        fee = self.market.wiring.staking.stake(self._account("matcher")).free
        self._say.fact(f"the fault cost {format_flt(fee)} FLT of bond, paid to who reported it")
        self._show_money()
        self._next_epoch()
        self._claim_all("alpha")
        self._show_money()
        self._greet("Hi, World")

    def _update(self) -> None:
        self._say.chapter("The developer updates the function")
        client = self._developer()
        app = load_app(EXAMPLES / "greeting-v2")
        client.update(self._deal, app)
        self._say.fact(f"deal {self._deal} now names {app.cid}")
        self._wait("peers switch", lambda: self._serving_apps() == {app.app})
        self._greet("Hello, World! Nice to see you.")

    def _pay_for_work(self) -> None:
        self._say.chapter("A metered deal: work is paid, not time")
        self._proven().pay_for_work()
        self._show_money()

    def _convict_a_liar(self) -> None:
        self._say.chapter("A peer lies, and nobody lifts a hand")
        self._proven().convict_a_liar(self._deal)
        self._show_money()

    def _proven(self) -> MeteredChapters:
        if self._proof is None:
            raise Unexpected("the market does not run yet")
        return self._proof

    def _buy(self) -> None:
        self._say.chapter("A card tops up the deal")
        buy_by_card(self._buyer(), self._say, self._deal)
        self._show_money()

    def _keep(self) -> None:
        self._say.chapter("A keeper keeps the runway")
        keep_a_runway(self.market, self._say, self._deal)
        self._show_money()

    def _stop(self) -> None:
        self._say.chapter("The developer stops and gets the rest back")
        returned = self._developer().stop(self._deal)
        self._say.fact(f"{format_usdc(returned)} USDC went back; the epoch begun is paid")
        self._show_money()

    def _settle(self) -> None:
        self._say.chapter("Everybody takes what is theirs")
        self._proven().take_the_rest()
        for provider in self.market.plan.providers:
            self._claim_all(provider)
        for name in ("developer", "matcher", *self.market.plan.providers):
            if not self.market.wiring.market.account(self._account(name)).free:
                continue
            client = DeveloperClient(self.market.wiring, name)
            moved = client.withdraw(None, client.address)
            self._say.fact(f"{name} withdraws {format_usdc(moved)} USDC")
        self._show_money()
        if self._money is not None and self._money.held:
            raise Unexpected(f"Market still holds {format_usdc(self._money.held)} USDC")

    def _developer(self) -> DeveloperClient:
        return DeveloperClient(self.market.wiring, "developer")

    def _buyer(self) -> PaymentsClient:
        return PaymentsClient(self.market.wiring, "developer")

    def _account(self, name: str) -> Address:
        return self.market.wiring.account(name).address

    def _read_money(self) -> Money:
        names = (*self.market.plan.developers, *self.market.plan.providers, "matcher", "treasury")
        return read_money(self.market.wiring, {name: self._account(name) for name in names})

    def _show_money(self) -> None:
        before, self._money = self._money, self._read_money()
        if before is not None:
            self._say.money(before, self._money)

    def _show_assignments(self) -> None:
        self._say.table(
            ["assignment", "peer", "#units", "#USDC each", "state"],
            [
                (row["id"], row["peer"], row["units"], format_usdc(int(row["price"])), row["state"])
                for row in self._live()
            ],
        )

    def _live(self) -> list[dict[str, Any]]:
        """Return the deal's live assignments, not older than the chain's head."""
        head = self.market.wiring.rpc.fetch_head().number
        deal = self._developer().deal(self._deal)
        while int(deal["block"]) < head:
            time.sleep(0.05)
            deal = self._developer().deal(self._deal)
        return list(deal["assignments"])

    def _active_peers(self) -> set[int]:
        return {int(row["peer"]) for row in self._live() if row["state"] == "active"}

    def _is_running(self, peer: int) -> bool:
        names = {number: name for name, number in self.market.peer_ids.items()}
        if peer == self._proof.liar:
            return False
        return self.market.peers[names[peer]].is_running

    def _next_epoch(self) -> int:
        return next_epoch(self.market.wiring, self._is_running)

    def _greet(self, expected: str) -> None:
        answer = self._last = self._developer().call(self._deal, "greeting", "greeting", WORLD)
        self._say.fact(
            f"→ {answer.value!r}, from peer {answer.peer}, receipt {answer.receipt[:16]}…"
        )
        if answer.value != expected:
            raise Unexpected(f"the function answered {answer.value!r}, not {expected!r}")

    def _check_receipt(self) -> None:
        """Check the last call's receipt up to the root on chain, as `receipt verify` does."""
        answer = self._last
        if answer is None:
            return
        assignment, sequence, digest = answer.receipt.split(":")
        gateway, wiring = self._developer().gateway, self.market.wiring
        receipt_epoch = self._epoch_of_call(int(assignment), int(sequence), answer.peer)
        view = gateway.send(
            "GET",
            f"/v1/deals/{self._deal}/receipts/{receipt_epoch}/{sequence}",
            params={"assignment": assignment},
            headers={"Wasmarket-Peer": answer.peer},
        ).json()
        proven = check_receipt(view, bytes.fromhex(digest))
        if find_root(wiring, proven.summary.peer, receipt_epoch) != proven.root:
            raise Unexpected("the receipt does not lead to the root on chain")
        self._say.fact(
            f"receipt {assignment}:{sequence} leads to the root {proven.root[:10]}… on chain"
        )

    def _epoch_of_call(self, assignment: int, sequence: int, peer: str) -> int:
        """Return the epoch in which a call's receipt was written, from the newest backwards."""
        wiring = self.market.wiring
        now = wiring.deployment.epoch_of(wiring.clock.refresh())
        for epoch in range(now, now - 10, -1):
            page = (
                self._developer()
                .gateway.send(
                    "GET",
                    f"/v1/deals/{self._deal}/receipts/{epoch}",
                    headers={"Wasmarket-Peer": peer},
                )
                .json()
            )
            found = {(row["assignment"], row["sequence"]) for row in page["items"]}
            if (assignment, sequence) in found:
                return epoch
        raise Unexpected(f"no epoch has receipt {assignment}:{sequence}")

    def _claim_all(self, provider: str) -> None:
        client = ProviderClient(self.market.wiring, provider)
        due = [entry.assignment for entry in client.find_due()]
        result = client.claim(due, withdraw=True)
        self._say.fact(
            f"{provider} claims {count(len(result.claimed), 'assignment')}:"
            f" {format_usdc(result.paid)} USDC paid and withdrawn,"
            f" {format_usdc(result.refunded)} of unproven epochs back to the developer"
        )

    def _serving_apps(self) -> set[str]:
        """Return the apps that the deal's peers answer with now."""
        apps: set[str] = set()
        for peer in self._active_peers():
            headers = {"Wasmarket-Peer": str(peer)}
            path = f"/v1/deals/{self._deal}"
            apps.add(self._developer().gateway.send("GET", path, headers=headers).json()["app"])
        return apps

    def _wait(self, what: str, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        with self._say.waiting(what):
            while not is_done():
                if time.monotonic() > until:
                    raise TimedOut(f"{what}: not within {WAIT_SECONDS:.0f} s")
                time.sleep(0.1)
