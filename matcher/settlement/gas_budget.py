"""What a match is worth to the matcher, and so what its gas may cost."""

import logging
from dataclasses import dataclass, replace

from matcher.settings import MatcherSettings
from matcher.settlement.proposals import Proposal
from wasmarket.chain.deploying.plan import LOCAL_CHAIN_ID
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.units import USDC

logger = logging.getLogger(__name__)

WEI = 10**18


@dataclass(frozen=True, slots=True)
class GasBudget:
    """Weighs tips against gas, in USDC base units. `usdc_per_coin` 0: gas is not weighed.

    `subsidy`: what the matcher pays for a match on top of the tip; refills have no tip.
    """

    usdc_per_coin: int = 0
    subsidy: int = 0

    def limit(self, proposal: Proposal) -> ContractCall:
        """Return the proposal's call with the most that its gas may cost."""
        if not self.usdc_per_coin:
            return proposal.call
        worth = find_tip(proposal) + self.subsidy
        # Rounded down: the matcher never pays more than it wanted to.
        return replace(proposal.call, max_cost=worth * WEI // self.usdc_per_coin)


def find_tip(proposal: Proposal) -> int:
    """Return the tip that a match earns: a first match its part of the offer's, a refill none."""
    demand = proposal.match.demand
    if not demand.is_first:
        return 0
    return demand.offer.tip * proposal.match.units // demand.offer.units


def build_budget(settings: MatcherSettings, chain_id: int) -> GasBudget:
    """Read the budget out of the settings; say it where coins cost money and are not weighed.

    What a coin is worth nobody here is trusted to know, so there is no usual value.
    """
    if settings.submit and not settings.usdc_per_coin and chain_id != LOCAL_CHAIN_ID:
        logger.warning(
            "gas is not weighed against tips",
            extra={"setting": "[matcher] usdc_per_coin", "bounded_by": "[chain] max_fee_gwei"},
        )
    return GasBudget(round(settings.usdc_per_coin * USDC), round(settings.gas_subsidy_usdc * USDC))
