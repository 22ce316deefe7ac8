"""The demo's chapters of proof: work is paid for by signature, and a peer that lies is convicted.

Everybody uses their own commands; the lie alone is made here, with the lying peer's wallet.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.story.teller import Teller
from wasmarket.app.file import load_app
from wasmarket.app.overrides import limit_fuel
from wasmarket.chain.sending.wallet import Account, load_or_create_account
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.developer_offers import Requirement
from wasmarket.client.home import Home
from wasmarket.kernel.audits.times import ANSWER_EPOCHS
from wasmarket.kernel.billing import METERED_NOTICE, due
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.offers import ProvidersMode
from wasmarket.kernel.units import FLT, format_flt, format_usdc
from wasmarket_cli.local.money import read_still
from wasmarket_cli.local.network import COINS, LocalMarket
from wasmarket_cli.provider.peer_keys import load_peer_keys

WAIT_SECONDS = 60.0
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
METER, LIAR = "meter", "beta-1"
CALLS = 200
FUEL = 10**9
DEPOSIT = 1_000_000
MAX_PRICE = 400_000
MOST_EPOCHS = 12
ASK_SECONDS = 3.0
"""How long the hunter may take, once an epoch is over, to open a case about it."""
POLICY = '\n[metered]\ncredit = "0.000100"\nleast_redeem = "0.000001"\n'
"""So small that 200 greetings are worth a redemption."""


class NotAsPromised(MarketError):
    """Money or a verdict is not what the law says"""

    slug = "not-as-promised"


def write_policy(home: Home, usual: str) -> None:
    """Let the demo's peers redeem small sums."""
    home.root.mkdir(parents=True, exist_ok=True)
    home.local_policy.write_text(usual + POLICY, encoding="utf-8")


class MeteredChapters:
    """What happens in a metered deal, and to a liar, on a running local market."""

    def __init__(
        self,
        market: LocalMarket,
        teller: Teller,
        next_epoch: Callable[[], int],
        developer: Callable[[], DeveloperClient],
    ) -> None:
        """`next_epoch` goes on by an epoch and returns it."""
        self._market = market
        self._say = teller
        self._next_epoch = next_epoch
        self._developer = developer
        self._deal = 0
        self.liar = 0
        """The peer that has lied: nobody waits for what it commits."""

    @property
    def deal(self) -> int:
        """The metered deal."""
        return self._deal

    def pay_for_work(self) -> None:
        """Deploy a metered app, call it, have the meter sign and the peer redeem."""
        meter = self._open_account(METER, 200 * FLT)
        client = self._developer()
        app = limit_fuel(load_app(EXAMPLES / "greeting"), FUEL)
        client.publish(app)
        only = self._market.wiring.account("beta").address
        wanted = Requirement(
            units=1,
            max_price=MAX_PRICE,
            deposit=DEPOSIT,
            meter=meter.address,
            providers=(only,),
            providers_mode=ProvidersMode.ONLY,
        )
        bid = client.offer(wanted, app.app)
        *_, state = client.watch_offer(bid, WAIT_SECONDS)
        self._deal = int(state["deal"])
        [row] = client.deal(self._deal)["assignments"]
        price = int(row["price"])
        self._say.fact(
            f"deal {self._deal}: peer {row['peer']} at {format_usdc(price)} USDC per 10^12 work;"
            f" {meter.address} signs what was done"
        )
        client.wait_for_interface(self._deal, WAIT_SECONDS)
        self._market.start_watching(METER, ["meter", "run", "--port", "0", "--key", METER])
        for number in range(CALLS):
            client.call(self._deal, "greeting", "greeting", [f"caller {number}"])
        self._say.fact(f"{CALLS} calls; no time is billed, the balance is what it was")
        self._next_epoch()
        paid = self._wait("the meter signs, the peer redeems", self._find_redemption)
        work = int(paid["work"])
        self._say.fact(
            f"the meter checked {work:,} work against the committed root and signed;"
            f" the peer redeemed {format_usdc(int(paid['paid']))} USDC"
        )
        if int(paid["paid"]) != due(work, price) or int(paid["owed"]):
            raise NotAsPromised(f"{work} work at {price} is not {paid['paid']}")
        if int(paid["balance"]) != DEPOSIT - int(paid["paid"]):
            raise NotAsPromised(f"the deal has {paid['balance']} left")

    def convict_a_liar(self, deal: int) -> None:
        """Have a peer of a reserved deal commit a root of nothing, and nobody lift a hand."""
        wiring, number = self._market.wiring, self._market.peer_ids[LIAR]
        hunter = self._open_account("hunter", 200 * FLT)
        before = self._read_stakes(hunter)
        [told] = [one for one in self._live(deal) if one["peer"] == number]
        self._say.fact(f"peer {number} serves assignment {told['id']} of deal {deal}, and will lie")
        self._market.services.pop(METER).stop()
        self._market.start_watching("hunter", ["audit", "watch", "--port", "0", "--key", "hunter"])
        self._lie()
        outcome = self._wait_epochs(int(told["id"]))
        seized = int(outcome["seized"])
        self._say.fact(
            f"the hunter asked for receipts, the peer had none that leads to its root:"
            f" {outcome['outcome']} in both its deals, each for {format_flt(seized)} FLT of bond"
        )
        after = self._read_stakes(hunter)
        rows = [
            (name, format_flt(before[name]), format_flt(amount))
            for name, amount in after.items()
            if amount != before[name]
        ]
        self._say.table(["FLT", "#before", "#after"], rows)
        if sum(after.values()) != sum(before.values()):
            raise NotAsPromised("FLT is missing or was made")
        freed = wiring.lens.assignments([int(told["id"])])[0]
        if freed.state:
            raise NotAsPromised("the convicted assignment is still there")
        self._say.fact("its unclaimed epochs went back to the developer; half and more is burned")

    def take_the_rest(self) -> None:
        """Stop the metered deal and take its balance once vouchers have had their time."""
        client = self._developer()
        client.stop(self._deal)
        for _ in range(METERED_NOTICE + 1):
            self._next_epoch()
        left = self._market.wiring.lens.deals([self._deal])[0].balance
        client.take(self._deal, left)
        self._say.fact(
            f"{METERED_NOTICE} epochs after its end the rest of deal {self._deal} is the"
            f" developer's: {format_usdc(left)} USDC"
        )

    def _lie(self) -> None:
        """Commit a root of nothing for the epoch that ends, before the peer can.

        The peer only sleeps meanwhile: one that starts anew sees that the root is not its own, and
        commits nothing more.
        """
        wiring = self._market.wiring
        _, wallet = load_peer_keys(wiring, LIAR)
        number = self._market.peer_ids[LIAR]
        asleep = self._market.peers[LIAR].pid
        self.liar = number
        _signal(asleep, signal.SIGSTOP)
        try:
            epoch = self._next_epoch() - 1
            garbage = sha256(b"nothing of the kind")
            wiring.sender(wallet).send(wiring.proofs.call("commit", epoch, [(number, garbage)]))
        finally:
            _signal(asleep, signal.SIGCONT)
        self._say.fact(f"peer {number} committed a root for epoch {epoch} that it made up")

    def _wait_epochs(self, assignment: int) -> dict[str, Any]:
        """Let epochs pass until a case about an assignment has convicted its peer."""
        wiring = self._market.wiring
        answered_in = ANSWER_EPOCHS * wiring.deployment.parameters.epoch_seconds
        for _ in range(MOST_EPOCHS):
            self._next_epoch()
            case = self._find_case(assignment)
            if case is not None and wiring.clock.refresh() >= case["opened_at"] + answered_in:
                return self._wait("the hunter has it resolved", lambda: self._convicted(assignment))
        raise TimedOut(f"nobody was convicted within {MOST_EPOCHS} epochs")

    def _find_case(self, assignment: int) -> dict[str, Any] | None:
        """Return the newest case about an assignment, if somebody opens one within a moment."""
        until = time.monotonic() + ASK_SECONDS
        while not (cases := self._list_cases(assignment)):
            if time.monotonic() > until:
                return None
            time.sleep(0.1)
        return cases[-1]

    def _convicted(self, assignment: int) -> dict[str, Any] | None:
        wanted = CaseOutcome.CONVICTED.name.lower()
        cases = self._list_cases(assignment)
        return next((case for case in cases if case["outcome"] == wanted), None)

    def _list_cases(self, assignment: int) -> list[dict[str, Any]]:
        return list(self._developer().matcher.items("/v1/cases", {"assignment": assignment}))

    def _find_redemption(self) -> dict[str, Any] | None:
        items = list(self._developer().matcher.items(f"/v1/deals/{self._deal}/redemptions"))
        return items[-1] if items else None

    def _read_stakes(self, hunter: Account) -> dict[str, int]:
        """Return where the FLT of a conviction may be, at one block: others act meanwhile."""
        return read_still(self._market.wiring, lambda block: self._stakes_at(hunter, block))

    def _stakes_at(self, hunter: Account, block: int) -> dict[str, int]:
        wiring = self._market.wiring
        names = ("developer", "beta")
        people = {name: wiring.account(name).address for name in names} | {"hunter": hunter.address}
        stakes = {
            f"{name}: free in Audits": wiring.audits.free(at, block) for name, at in people.items()
        }
        stakes |= {f"{name}: wallet": wiring.flt.balance(at, block) for name, at in people.items()}
        bonded = wiring.staking.stake(people["beta"], block)
        stakes["beta: staked, bonded, leaving"] = bonded.free + bonded.locked + bonded.leaving
        audits = wiring.flt.balance(wiring.deployment.audits, block)
        owed = sum(amount for name, amount in stakes.items() if name.endswith("Audits"))
        stakes["burned, or held for cases"] = audits - owed
        return stakes

    def _open_account(self, name: str, flt: int) -> Account:
        """Return a new account with coins for gas and some FLT of the developer's."""
        wiring = self._market.wiring
        account = load_or_create_account(wiring.home.keys, name, wiring.password(name))
        self._market.anvil.cheats.set_balance(account.address, COINS)
        developer = wiring.sender(wiring.account("developer"))
        developer.send(wiring.flt.call("transfer", account.address, flt))
        return account

    def _live(self, deal: int) -> list[dict[str, Any]]:
        return list(self._developer().deal(deal)["assignments"])

    def _wait(self, what: str, find: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        until = time.monotonic() + WAIT_SECONDS
        with self._say.waiting(what):
            while (found := find()) is None:
                if time.monotonic() > until:
                    raise TimedOut(f"{what}: not within {WAIT_SECONDS:.0f} s")
                time.sleep(0.1)
        return found


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        # It may have been killed, as the story's tests do.
        os.kill(process, number)
