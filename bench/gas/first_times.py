"""What the figures beside flatter: offers with every term on, and who does something for once.

The other rows are of offers without tip, cap, traits and list, from an allowance without an end,
and of accounts that have been paid before.
"""

from typing import Any

from bench.gas import measures as m
from bench.gas.town import DEPOSIT, Town

Figures = dict[str, int]
TRAIT = 1
REGION = 3
"""Where the town's peers are."""
TIP = 30_000
NAMED = 4
"""Providers in the list of an offer."""


def measure_all_terms(town: Town) -> Figures:
    """A match of an offer that says all that it may, paid from an allowance that falls."""
    provider = town.providers[0]
    town.register(provider, traits=TRAIT)
    peer = len(town.peers) + 1
    town.approve(10 * (DEPOSIT + TIP))
    terms: dict[str, Any] = {
        "max_units_per_provider": 1,
        "min_regions": 1,
        "epochs": 30,
        "min_memory_mib": 1_024,
        "regions": 1 << REGION,
        "traits": TRAIT,
        "providers": tuple(account.address for account in town.providers[:NAMED]),
        "providers_mode": 1,
        "tip": TIP,
    }
    asks = [town.ask(peer, developer=town.developer.address) for _ in range(2)]
    figures = [town.match(town.bid(1, **terms), [ask])[0] for ask in asks]
    return {m.MATCH_ALL_TERMS: figures[1]}


def measure_first_times(town: Town) -> Figures:
    """The first claim for a provider and the first stop of a developer, who had nothing free."""
    [assignment] = town.deal_on([1])
    deal = town.newest_deal()
    town.activate([assignment])
    town.wait_epochs()
    town.commit([1])
    town.wait_epochs()
    claimed = town.node.send(town.matcher, town.market.call("claim", [assignment]))
    stopped = town.node.send(town.developer, town.market.call("stop", deal))
    return {m.CLAIM_FIRST: claimed, m.STOP_FIRST: stopped}
