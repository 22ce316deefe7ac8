"""Read the events that triggers wait for: confirmed, each once, on from where it stopped.

The firing of an event is known by its place, block × 1,000,000 + index in the block, which is the
same for all peers. What a reorg undoes before an event has its confirmations never fires.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wasmarket.chain.contracts.fragment_logs import decode_log
from wasmarket.chain.errors import ReorgTooDeep
from wasmarket.chain.reading.blocks import BlockRef, Log, RawLog, Reader, Rollback
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import InvalidInput, Unreachable
from wasmarket.kernel.events import Event
from wasmarket.kernel.events.fragments import EventFragment, is_wanted
from wasmarket.kernel.units import Address, Hash, Timestamp

PLACES: Final = 1_000_000
"""Of events in a block; no block has as many."""
MOST_READ: Final = 100
"""Events after which a turn reads no further block."""
TAIL: Final = 64


class ContractEvent(Event, frozen=True):
    """An event of some contract: its arguments as JSON values, or why they cannot be read."""

    values: dict[str, Any] = msgspec.field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EventFiring:
    """An event that a trigger wants, by the firing that it is."""

    id: int
    event: ContractEvent


class FragmentDecoder:
    """Decodes the logs of one event of one contract."""

    def __init__(self, contract: Address, fragment: EventFragment) -> None:
        self._contract = contract
        self._fragment = fragment

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return the contract."""
        return (self._contract,)

    @property
    def topics(self) -> Mapping[Address, tuple[str, ...]]:
        """Return the first topic of the event's logs."""
        return {self._contract: (self._fragment.topic,)}

    def decode_all(
        self, raws: Iterable[RawLog], timestamps: Mapping[str, Timestamp]
    ) -> tuple[Log[Event], ...]:
        """Return the event's logs in log order, also those that do not fit its ABI."""
        ours = (raw for raw in raws if self._is_ours(raw))
        logs = (self._decode(raw, timestamps[raw.block_hash]) for raw in ours)
        return tuple(sorted(logs, key=lambda log: (log.block_number, log.log_index)))

    def _is_ours(self, raw: RawLog) -> bool:
        is_its = raw.address.lower() == self._contract.lower()
        return is_its and bool(raw.topics) and raw.topics[0] == self._fragment.topic

    def _decode(self, raw: RawLog, timestamp: Timestamp) -> Log[Event]:
        try:
            event = ContractEvent(decode_log(self._fragment, raw))
        except InvalidInput as error:
            event = ContractEvent(problem=error.detail)
        return Log(
            event,
            self._contract,
            raw.number,
            Hash(raw.block_hash),
            Hash(raw.transaction_hash),
            raw.index,
            timestamp,
        )


class EventWatch:
    """Reads one trigger's events. One thread at a time."""

    def __init__(
        self, reader: Reader, deployment: Deployment, trigger: Trigger, *, check_headers: bool
    ) -> None:
        """`deployment` says which chain it is, and what else must be there."""
        self._reader = reader
        self._confirmations = trigger.confirmations
        self._filters = trigger.wanted
        self._tail: list[BlockRef] = []
        self._follower = Follower(
            reader,
            deployment,
            FragmentDecoder(parse_address(trigger.contract), trigger.fragment),
            confirmations=trigger.confirmations,
            check_headers=check_headers,
        )

    def read(self, passed: int) -> tuple[list[EventFiring], int]:
        """Return some firings behind `passed` (0: only what comes from now on), and how far was
        read. Raises errors of the chain.
        """
        if not self._tail:
            passed = self._begin(passed)
        found: list[EventFiring] = []
        try:
            for update in self._follower.poll(self._tail):
                if isinstance(update, Rollback):
                    # Deeper than the confirmations: what replaces those blocks is fired as well.
                    passed = min(passed, _end_of(update.to.number))
                    found = [firing for firing in found if firing.id <= passed]
                    self._tail = [ref for ref in self._tail if ref.number <= update.to.number]
                    continue
                found += self._choose(update.logs, passed)
                passed = _end_of(update.ref.number)
                self._tail = [*self._tail[1 - TAIL :], update.ref]
                if len(found) >= MOST_READ:
                    break
        except ReorgTooDeep:
            self._tail = []
            raise
        return found, passed

    def _begin(self, passed: int) -> int:
        """Find the block to go on behind; return what is passed with it."""
        head = self._reader.fetch_head()
        if passed:
            number = passed // PLACES - (passed != _end_of(passed // PLACES))
        else:
            number = max(0, head.number - self._confirmations)
        [ref] = self._reader.fetch_headers([number])
        if ref is None:
            raise Unreachable(
                f"{self._reader.origin} is at block {head.number} and does not know block {number}",
                remedy="it is behind, or of another chain",
            )
        self._tail = [ref]
        return passed or _end_of(number)

    def _choose(self, logs: Iterable[Log[Event]], passed: int) -> list[EventFiring]:
        chosen = []
        for log in logs:
            number = log.block_number * PLACES + log.log_index
            event = log.event
            assert isinstance(event, ContractEvent)
            if number > passed and (event.problem or is_wanted(event.values, self._filters)):
                chosen.append(EventFiring(number, event))
        return chosen


def _end_of(block: int) -> int:
    """Return the firing behind all of a block's."""
    return block * PLACES + PLACES - 1
