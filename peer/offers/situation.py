"""Read from the chain what an offer depends on: the time, the account's counter, the machines."""

from collections.abc import Sequence

from peer.offers.reconciler import Situation
from peer.policy.pricing import Machine
from wasmarket.chain.contracts.bindings import Market, MarketLens
from wasmarket.chain.reading.blocks import Reader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import Refused
from wasmarket.kernel.units import Address

BATCH = 64
"""Ids that MarketLens takes at once."""


class SituationReader:
    """Reads for one provider; its peers as given, or all that it has."""

    def __init__(self, reader: Reader, deployment: Deployment, provider: Address) -> None:
        self._reader = reader
        self._market = Market(reader, deployment)
        self._lens = MarketLens(reader, deployment)
        self._provider = provider

    def read(self, peers: Sequence[int] | None = ()) -> Situation:
        """Return what holds at the newest block, for `peers` or, if none is named, all.

        None: for no peer, since it is not known yet which.

        Raises Unreachable, and Refused for a peer that is not the provider's.
        """
        head = self._reader.fetch_head()
        named: Sequence[int] = peers or ()
        if peers is not None and not peers:
            named = range(1, self._lens.read("peer_count", block=head.hash) + 1)
        machines = []
        for first in range(0, len(named), BATCH):
            ids = list(named[first : first + BATCH])
            for number, view in zip(ids, self._lens.peers(ids, block=head.hash), strict=True):
                if view.provider == self._provider:
                    machines.append(Machine(number, view.units, view.region, view.traits))
                elif peers:
                    raise Refused(
                        f"peer {number} belongs to {view.provider}, not to {self._provider}",
                        field="peer",
                        remedy="choose the provider's key",
                    )
        counter = self._market.account(self._provider, block=head.hash).counter
        return Situation(head.timestamp, counter, tuple(machines))
