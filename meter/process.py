"""One turn of the meter: read the chain, check, sign, bring vouchers, see to cases."""

import logging

from meter.accuser import Accuser
from meter.chain.facts import ChainFacts, KnownAssignment
from meter.chain.reader import ChainReader
from meter.checks import EpochChecker
from meter.journal import Journal
from meter.vouchers import VoucherClerk
from wasmarket.kernel.audits.times import HOLD_EPOCHS
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address

logger = logging.getLogger(__name__)


class Metering:
    """What one thread does over and over."""

    def __init__(
        self,
        reader: ChainReader,
        journal: Journal,
        checker: EpochChecker,
        accuser: Accuser,
        clerk: VoucherClerk | None,
        meter: Address | None,
    ) -> None:
        """`meter`: whose deals are seen to, None: all; without `clerk` nothing is signed."""
        self._reader = reader
        self._journal = journal
        self._checker = checker
        self._accuser = accuser
        self._clerk = clerk
        self._meter = meter
        self.facts: ChainFacts = reader.facts

    def step(self) -> None:
        """Take a turn. One assignment's trouble does not keep the others from theirs; the first is
        raised at the end.
        """
        facts = self.facts = self._reader.step()
        problem: MarketError | None = None
        held = self.find_concerned(facts)
        for assignment in held:
            self._journal.know(assignment.id, assignment.deal, facts.deals[assignment.deal].offer)
            try:
                if not assignment.is_convicted:
                    self._checker.check(facts, assignment)
                if self._clerk is not None:
                    self._clerk.settle(facts, assignment)
            except MarketError as error:
                problem = problem or error
        self._accuser.conclude(facts, {assignment.id for assignment in held})
        if problem is not None:
            raise problem

    def find_concerned(self, facts: ChainFacts) -> list[KnownAssignment]:
        """Return the assignments that may still be checked or paid, of the deals seen to."""
        return [
            held
            for held in facts.find_metered(self._meter)
            if held.end is None or facts.epoch <= held.end + HOLD_EPOCHS
        ]
