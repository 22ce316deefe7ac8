"""Have peers convicted that contradict themselves, ask those that show nothing, drop them all."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.checks import Suspicion
from meter.journal import Journal
from wasmarket.chain.contracts.bindings import Audits, Erc20, Market
from wasmarket.chain.sending.transactions import ContractCall, Submitter, TransactionReceipt
from wasmarket.kernel import events
from wasmarket.kernel.audits.evidence import Called, Summed
from wasmarket.kernel.audits.juries import DRAW_PART
from wasmarket.kernel.audits.times import ANSWER_EPOCHS, CHALLENGE_EPOCHS
from wasmarket.kernel.errors import Reverted, Unfunded
from wasmarket.kernel.events.audits import CaseState
from wasmarket.kernel.reasons import DropReason

PHASES = {CaseState.OPEN: 1, CaseState.DRAWN: 2, CaseState.SHOWN: 1}
"""Epochs that each phase of an accusation lasts."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditContracts:
    """What is called against liars."""

    market: Market
    audits: Audits
    flt: Erc20


class Accuser:
    """Acts by the policy: contradictions always, asks within the budget. One thread uses it."""

    def __init__(
        self,
        journal: Journal,
        contracts: AuditContracts,
        sender: Submitter,
        *,
        ask_fee: int,
        stake: int,
        budget: int,
        accuses: bool = False,
    ) -> None:
        """`ask_fee`, `stake` (of an accusation, its fees included) and `budget` in FLT base units;
        `accuses`: whether a wrong value is brought before a jury.
        """
        self._stake = stake
        self._accuses = accuses
        self._journal = journal
        self._contracts = contracts
        self._sender = sender
        self._fee = ask_fee
        self._budget = budget
        self._tried: dict[int, int] = {}
        self.obstacle = ""
        """Why an ask is not made, empty if all are."""

    def act(self, facts: ChainFacts, suspicion: Suspicion) -> bool:
        """Do what is to be done about a lie; return whether that is all.

        Raises Unreachable and other errors of the node.
        """
        finding, held = suspicion.finding, suspicion.held
        if finding.contradiction is not None:
            self._contradict(suspicion)
        elif finding.accused is not None and finding.summed is not None:
            if self._accuses and not self._accuse(suspicion, finding.summed, finding.accused):
                return False
        elif finding.must_ask and not self._ask(facts, suspicion):
            return False
        if not self._journal.book(held.id).is_given_up:
            self._journal.write("gave up", **_name(held), epoch=suspicion.epoch)
        self._drop(facts, held)
        return True

    def conclude(self, facts: ChainFacts, interesting: set[int]) -> None:
        """Write down cases that are over; have those resolved whose time is up.

        Anybody's: a liar's friend may ask and never resolve.
        """
        for case in [case for case in self._journal.cases if case in facts.closed]:
            said = {"case": case, "outcome": facts.closed[case]}
            logger.info("a case is over", extra=said)
            self._journal.write("closed", **said)
        if facts.head is None:
            return
        now, number = facts.head.timestamp, facts.head.number
        for case, function in list(_find_due(facts, interesting, now)):
            # Blocks are counted too: tried again with each new one.
            if self._tried.get(case) != number:
                self._tried[case] = number
                try:
                    self._send(self._contracts.audits.call(function, case))
                except Reverted as error:
                    logger.info("not yet", extra={"case": case, "why": error.detail})

    def _contradict(self, suspicion: Suspicion) -> None:
        found, held = suspicion.finding.contradiction, suspicion.held
        assert found is not None
        signature = None if found.head is None else found.head.signature
        call = self._contracts.audits.call(
            "contradict",
            held.id,
            int(found.kind),
            found.summed,
            found.called,
            found.other,
            found.other_called,
            0 if signature is None else signature.r,
            0 if signature is None else signature.vs,
        )
        said = _name(held) | {"epoch": suspicion.epoch, "kind": int(found.kind)}
        try:
            receipt = self._send(call)
        except Reverted as error:
            # Somebody else was first, or it is too late.
            logger.warning("a contradiction was refused", extra=said | {"why": error.detail})
            self._journal.write("refused", **said, why=error.detail)
            return
        seized = sum(event.seized for event in receipt.find(events.Contradicted))
        self._journal.write("contradicted", **said, seized=str(seized))

    def _ask(self, facts: ChainFacts, suspicion: Suspicion) -> bool:
        held, epoch = suspicion.held, suspicion.epoch
        already = {(asked.assignment, asked.epoch) for asked in facts.asks.values()}
        if (held.id, epoch) in self._journal.asked | already:
            return True
        if facts.epoch > epoch + CHALLENGE_EPOCHS:
            return True
        if self._journal.spent + self._fee > self._budget:
            self.obstacle = "the budget for asks is used up"
            return False
        try:
            self._allow(self._fee)
            call = self._contracts.audits.call("ask", held.id, epoch, suspicion.finding.sequence)
            [opened] = self._send(call).find(events.Opened)
        except Unfunded as error:
            self.obstacle = error.detail
            return False
        except Reverted as error:
            logger.warning("an ask was refused", extra={"why": error.detail})
            self._journal.write("refused", **_name(held), epoch=epoch, why=error.detail)
            return True
        self.obstacle = ""
        self._journal.write(
            "asked",
            **_name(held),
            epoch=epoch,
            sequence=suspicion.finding.sequence,
            case=opened.case,
            fee=self._fee,
        )
        return True

    def _accuse(self, suspicion: Suspicion, summed: Summed, called: Called) -> bool:
        held = suspicion.held
        if self._journal.spent + self._stake > self._budget:
            self.obstacle = "the budget does not cover the stake of an accusation"
            return False
        try:
            self._allow(self._stake)
            call = self._contracts.audits.call("accuse", held.id, summed, called)
            [opened] = self._send(call).find(events.Opened)
        except (Reverted, Unfunded) as error:
            logger.warning("an accusation was refused", extra={"why": error.detail})
            self._journal.write("refused", **_name(held), epoch=suspicion.epoch, why=error.detail)
            return True
        self.obstacle = ""
        self._journal.write(
            "accused", **_name(held), epoch=suspicion.epoch, case=opened.case, fee=self._stake
        )
        return True

    def _allow(self, amount: int) -> None:
        """Let Audits take fees and stakes, once for the whole budget."""
        contracts, me = self._contracts, self._sender.address
        if contracts.audits.read("free", me) >= amount:
            return
        if contracts.flt.allowance(me, contracts.audits.address) < amount:
            call = contracts.flt.call("approve", contracts.audits.address, self._budget)
            self._send(call)

    def _drop(self, facts: ChainFacts, held: KnownAssignment) -> None:
        """Let the deal be refilled from others, if the deal is this account's."""
        deal = facts.deals[held.deal]
        if deal.developer != self._sender.address or held.end is not None:
            return
        try:
            self._send(
                self._contracts.market.call("drop", [held.id], int(DropReason.WRONG_RESULTS))
            )
        except Reverted as error:
            logger.info("not dropped", extra={"assignment": held.id, "why": error.detail})
            return
        self._journal.write("dropped", **_name(held))

    def _send(self, call: ContractCall) -> TransactionReceipt:
        receipt = self._sender.send(call)
        logger.info("sent", extra={"call": call.description, "tx": receipt.tx_hash})
        return receipt


def _find_due(facts: ChainFacts, interesting: set[int], now: int) -> Iterator[tuple[int, str]]:
    """Yield the cases whose phase is over, or whose jury may be drawn, and what is to be called."""
    seconds = facts.epoch_seconds
    for case, asked in facts.asks.items():
        if asked.assignment in interesting and now >= asked.since + ANSWER_EPOCHS * seconds:
            yield case, "resolve"
    for case, trial in facts.trials.items():
        if trial.assignment not in interesting:
            continue
        passed = now - trial.since
        if trial.state == CaseState.OPEN and max(1, seconds // DRAW_PART) <= passed < seconds:
            yield case, "draw"
        elif passed >= PHASES[trial.state] * seconds:
            yield case, "resolve"


def _name(held: KnownAssignment) -> dict[str, int]:
    return {"deal": held.deal, "assignment": held.id, "peer": held.peer}
