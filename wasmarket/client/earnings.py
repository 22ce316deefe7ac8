"""Find what a provider has earned, from the chain alone, and send it to the wallet unasked."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wasmarket.chain.contracts.packed_words import AssignmentCode
from wasmarket.chain.contracts.views import OnchainAssignment
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import BadContent, MarketError
from wasmarket.kernel.events import Claimed, Skipped
from wasmarket.kernel.units import Address, format_usdc

logger = logging.getLogger(__name__)

OVER = ("cleared", "closed")
"""States of an assignment that is over, and paid or paid by vouchers."""
PAGE = 1_000
"""Assignments asked for at once."""

BATCH = 64
"""Ids that Market and MarketLens take at once."""


def is_over(view: OnchainAssignment) -> bool:
    """Whether it has ended with nothing left to claim; its record may stay for a while."""
    if view.state == AssignmentCode.ENDED:
        return view.next > view.end_of
    return view.state == AssignmentCode.CLOSED


@dataclass(frozen=True, slots=True)
class Due:
    """What a claim of one assignment would pay now. USDC base units."""

    assignment: int
    deal: int
    peer: int
    paid: int
    refund: int


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What claims paid, and which assignments were left out."""

    claimed: list[Claimed]
    skipped: list[Skipped]

    @property
    def paid(self) -> int:
        """USDC base units that went to providers."""
        return sum(event.paid for event in self.claimed)

    @property
    def refunded(self) -> int:
        """USDC base units of unproven epochs that went back to developers."""
        return sum(event.refunded for event in self.claimed)


class Earnings:
    """The assignments of one provider's peers.

    Which they are the matcher knows; what each is worth, and whose it is, the chain says. While no
    matcher answers, the chain alone is asked: about every assignment, but about each only once.
    """

    def __init__(self, wiring: Wiring, provider: Address) -> None:
        self._wiring = wiring
        self._provider = provider
        self._matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
        self._peers: dict[int, bool] = {0: False}
        self._mine: set[int] = set()
        self._seen = 0

    def find(self) -> Iterator[tuple[int, OnchainAssignment]]:
        """Yield the provider's assignments that are not over and paid, by number."""
        try:
            numbers = self._fetch_numbers()
        except MarketError as error:
            logger.warning("the matcher was not asked", extra={"why": error.detail})
            yield from self._scan()
        else:
            yield from self._check(numbers)

    def _fetch_numbers(self) -> list[int]:
        """Return the assignments that the matcher knows of the provider and that are not over.

        Raises Unreachable, TimedOut, BadContent.
        """
        asked = {"provider": self._provider, "limit": PAGE}
        try:
            found = {
                int(entry["id"])
                for entry in self._matcher.items("/v1/assignments", asked)
                if entry["state"] not in OVER
            }
        except (KeyError, TypeError, ValueError) as error:
            raise BadContent("the matcher's list of assignments cannot be read") from error
        return sorted(found)

    def _scan(self) -> Iterator[tuple[int, OnchainAssignment]]:
        """Yield the same from the chain alone: all of it the first time, then what is new."""
        count = self._wiring.lens.read("assignment_count")
        for ids in batches([*sorted(self._mine), *range(self._seen + 1, count + 1)]):
            found = dict(self._check(ids))
            self._mine = (self._mine - set(ids)) | found.keys()
            self._seen = max(self._seen, ids[-1])
            yield from found.items()

    def _check(self, numbers: Sequence[int]) -> Iterator[tuple[int, OnchainAssignment]]:
        """Yield those that are the provider's, as the chain says."""
        lens = self._wiring.lens
        for ids in batches(numbers):
            views = lens.assignments(ids)
            unknown = sorted({view.peer for view in views} - self._peers.keys())
            for peer, row in zip(unknown, lens.peers(unknown), strict=True):
                self._peers[peer] = row.provider == self._provider
            for assignment, view in zip(ids, views, strict=True):
                if self._peers[view.peer] and not is_over(view):
                    yield assignment, view

    def find_due(self) -> Iterator[Due]:
        """Yield those with something to claim."""
        for assignment, view in self.find():
            if view.paid + view.refund:
                yield Due(assignment, view.deal, view.peer, view.paid, view.refund)


class Payouts:
    """Claims what is final every so many epochs; the provider need not ask for its money."""

    def __init__(
        self,
        find_due: Callable[[], Iterator[Due]],
        claim: Callable[[Sequence[int]], ClaimResult],
        read_epoch: Callable[[], int],
        every: int,
    ) -> None:
        """`claim` also sends what it pays to the wallet. `every`: epochs from one to the next."""
        self._find_due = find_due
        self._claim = claim
        self._read_epoch = read_epoch
        self._every = every
        self._turn = -1

    def step(self) -> None:
        """Claim what is due if a turn has begun since the last claim, and at the first step.

        Raises Refused, Unreachable: the turn is tried again.
        """
        turn = self._read_epoch() // self._every
        if turn == self._turn:
            return
        due = [entry.assignment for entry in self._find_due()]
        if due:
            result = self._claim(due)
            logger.info(
                "paid",
                extra={
                    "assignments": len(result.claimed),
                    "usdc": format_usdc(result.paid),
                    "refunded": format_usdc(result.refunded),
                },
            )
        self._turn = turn


def batches(ids: Sequence[int]) -> Iterator[list[int]]:
    """Cut ids into lists that the contracts take."""
    for first in range(0, len(ids), BATCH):
        yield list(ids[first : first + BATCH])
