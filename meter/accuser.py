"""Have peers convicted that contradict themselves, ask those that show nothing, drop them all."""

import logging
from dataclasses import dataclass

from meter.chain.due_cases import find_due_cases
from meter.chain.facts import ChainFacts, KnownAssignment
from meter.checks import Suspicion
from meter.journal import Journal
from meter.undone import find_undone, find_undropped
from wasmarket.chain.contracts.bindings import Audits, Erc20, Market
from wasmarket.chain.sending.transactions import ContractCall, Submitter, TransactionReceipt
from wasmarket.kernel import events
from wasmarket.kernel.audits.evidence import Called, Summed
from wasmarket.kernel.audits.times import CHALLENGE_EPOCHS
from wasmarket.kernel.errors import Reverted, Unfunded
from wasmarket.kernel.events.audits import CaseKind
from wasmarket.kernel.reasons import DropReason

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
            if self._accuses and not self._accuse(
                facts, suspicion, finding.summed, finding.accused
            ):
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
        if facts.head is None:
            return
        self._do_again(facts, facts.head.number)
        for case in [case for case in self._journal.cases if case in facts.closed]:
            said = {"case": case, "outcome": facts.closed[case]}
            logger.info("a case is over", extra=said)
            self._journal.write("closed", **said)
        now, number = facts.head.timestamp, facts.head.number
        for case, function in list(find_due_cases(facts, interesting, now)):
            # Blocks are counted too: tried again with each new one.
            if self._tried.get(case) != number:
                self._tried[case] = number
                try:
                    self._send(self._contracts.audits.call(function, case))
                except Reverted as error:
                    logger.info("not yet", extra={"case": case, "why": error.detail})

    def _do_again(self, facts: ChainFacts, head: int) -> None:
        """Write down what a reorganisation took back: the checker looks at those epochs again."""
        for assignment, epoch, case in list(find_undone(self._journal, facts, head)):
            said = {"assignment": assignment, "epoch": epoch, "case": case}
            logger.warning("a reorganisation has taken back what was done", extra=said)
            self._journal.write("undone", **said)
        for assignment in list(find_undropped(self._journal, facts, head)):
            del self._journal.drops[assignment]
            self._drop(facts, facts.assignments[assignment])

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
        self._journal.write("contradicted", **said, seized=str(seized), block=receipt.block_number)

    def _ask(self, facts: ChainFacts, suspicion: Suspicion) -> bool:
        held, epoch = suspicion.held, suspicion.epoch
        if not self._has_to_ask(facts, suspicion):
            return True
        if self._journal.spent + self._fee > self._budget:
            self.obstacle = "the budget for asks is used up"
            return False
        try:
            self._allow(self._fee)
            call = self._contracts.audits.call("ask", held.id, epoch, suspicion.finding.sequence)
            receipt = self._send(call)
        except Unfunded as error:
            self.obstacle = error.detail
            return False
        except Reverted as error:
            logger.warning("an ask was refused", extra={"why": error.detail})
            self._journal.write("refused", **_name(held), epoch=epoch, why=error.detail)
            return True
        self.obstacle = ""
        [opened] = receipt.find(events.Opened)
        self._write_case(
            suspicion, CaseKind.ASK, opened.case, opened.sequence, receipt.block_number
        )
        return True

    def _has_to_ask(self, facts: ChainFacts, suspicion: Suspicion) -> bool:
        held, epoch = suspicion.held, suspicion.epoch
        if (held.id, epoch) in self._journal.asked or self._adopt(facts, suspicion, CaseKind.ASK):
            return False
        # Of another receipt it would not be the same: a liar's friend asks for what can be shown.
        question = (CaseKind.ASK, held.id, epoch, suspicion.finding.sequence)
        return facts.epoch <= epoch + CHALLENGE_EPOCHS and all(
            (c.kind, c.assignment, c.epoch, c.sequence) != question for c in facts.opened.values()
        )

    def _adopt(self, facts: ChainFacts, suspicion: Suspicion, kind: CaseKind) -> bool:
        """Write down a case that this account opened before it could; say whether there is one."""
        held, epoch, me = suspicion.held, suspicion.epoch, self._sender.address
        for case, opened in facts.opened.items():
            about = (opened.kind, opened.by, opened.assignment, opened.epoch)
            if about == (kind, me, held.id, epoch):
                if case not in self._journal.known:
                    # It is there in the newest block, in whichever it came.
                    block = 0 if facts.head is None else facts.head.number
                    self._write_case(suspicion, kind, case, opened.sequence, block)
                return True
        return False

    def _write_case(
        self, suspicion: Suspicion, kind: CaseKind, case: int, sequence: int, block: int
    ) -> None:
        self._journal.write(
            "asked" if kind is CaseKind.ASK else "accused",
            **_name(suspicion.held),
            epoch=suspicion.epoch,
            sequence=sequence,
            case=case,
            fee=self._fee if kind is CaseKind.ASK else self._stake,
            block=block,
        )

    def _accuse(
        self, facts: ChainFacts, suspicion: Suspicion, summed: Summed, called: Called
    ) -> bool:
        held = suspicion.held
        if self._adopt(facts, suspicion, CaseKind.ACCUSATION):
            return True
        if self._journal.spent + self._stake > self._budget:
            self.obstacle = "the budget does not cover the stake of an accusation"
            return False
        try:
            self._allow(self._stake)
            call = self._contracts.audits.call("accuse", held.id, summed, called)
            receipt = self._send(call)
        except (Reverted, Unfunded) as error:
            logger.warning("an accusation was refused", extra={"why": error.detail})
            self._journal.write("refused", **_name(held), epoch=suspicion.epoch, why=error.detail)
            return True
        self.obstacle = ""
        [opened] = receipt.find(events.Opened)
        self._write_case(
            suspicion, CaseKind.ACCUSATION, opened.case, opened.sequence, receipt.block_number
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
            receipt = self._send(
                self._contracts.market.call("drop", [held.id], int(DropReason.WRONG_RESULTS))
            )
        except Reverted as error:
            logger.info("not dropped", extra={"assignment": held.id, "why": error.detail})
            return
        self._journal.write("dropped", **_name(held), block=receipt.block_number)

    def _send(self, call: ContractCall) -> TransactionReceipt:
        receipt = self._sender.send(call)
        logger.info("sent", extra={"call": call.description, "tx": receipt.tx_hash})
        return receipt


def _name(held: KnownAssignment) -> dict[str, int]:
    return {"deal": held.deal, "assignment": held.id, "peer": held.peer}
