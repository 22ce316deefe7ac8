"""Turn raw logs into the kernel's events.

Every event of the deployment gets a function of its own, built from the ABI: fields of one word
are read out of the bytes in place (about 2 µs an event), the rest goes through eth_abi, which takes
ten times as long. The tests compare the two.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, call, itemgetter
from struct import Struct
from struct import error as StructError
from typing import Any

from wasmarket.chain.contracts.abi import EventType, decode_values, load_abi
from wasmarket.chain.reading.blocks import Log, RawLog
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import WrongChain
from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.units import Address, Hash, Timestamp

Decode = Callable[[Sequence[str], str], Event]

WORD = 64
ADDRESSES_KEPT = 1 << 14
_BLOCK = attrgetter("block_number")
_INDEX = attrgetter("log_index")


class Decoder:
    """Decode the logs of one deployment. Counts logs it does not know in `unknown`, by topic.

    `topics`: the first topics of each contract's events.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.unknown: Counter[str] = Counter()
        self.addresses: tuple[Address, ...] = tuple(
            deployment.contracts[name].address for name in EVENTS
        )
        self._table: dict[tuple[str, str], tuple[Address, Decode]] = {}
        self.topics: dict[Address, tuple[str, ...]] = {}
        for name, kinds in EVENTS.items():
            address = deployment.contracts[name].address
            events = load_abi(name).events
            for kind in kinds:
                event = events[kind.__name__]
                decode = build_decode(kind, event)
                self._table[address.lower(), event.topic] = address, decode
            self.topics[address] = tuple(events[kind.__name__].topic for kind in kinds)

    def decode(self, raw: RawLog, timestamp: Timestamp) -> Log[Event] | None:
        """Return the log's event; None for one that is not ours. Raises WrongChain if malformed."""
        topic = raw.topics[0] if raw.topics else ""
        found = self._table.get((raw.address, topic))
        if found is None:
            # Most nodes write addresses in small letters.
            found = self._table.get((raw.address.lower(), topic))
        if found is None:
            self.unknown[topic] += 1
            return None
        address, decode = found
        try:
            return Log(
                decode(raw.topics, raw.data),
                address,
                raw.number,
                Hash(raw.block_hash),
                Hash(raw.transaction_hash),
                int(raw.log_index, 16),
                timestamp,
            )
        except (ValueError, IndexError, StructError) as error:
            raise WrongChain(
                f"a log of {address} in transaction {raw.transaction_hash} does not fit its ABI",
                remedy="check that the deployment file belongs to this version",
            ) from error

    def decode_all(
        self, raws: Iterable[RawLog], timestamps: Mapping[str, Timestamp]
    ) -> tuple[Log[Event], ...]:
        """Decode known logs in log order; `timestamps` are those of their blocks, by hash."""
        decoded = (self.decode(raw, timestamps[raw.block_hash]) for raw in raws)
        known = [log for log in decoded if log is not None]
        known.sort(key=_INDEX)
        known.sort(key=_BLOCK)
        return tuple(known)


def build_decode(kind: type[Event], event: EventType) -> Decode:
    """Return a function (topics, data in hex) -> event. Raises WrongChain if fields differ."""
    names = list(kind.__struct_fields__)
    if names != [param.name for param in event.inputs]:
        raise WrongChain(f"event {event.name} has other fields in the ABI than in kernel.events")
    plain = [param for param in event.inputs if not param.indexed]
    if all(param.is_static for param in event.inputs):
        return _build_slicing(kind, event)
    if any(param.indexed and not param.is_static for param in event.inputs):
        raise WrongChain(f"event {event.name} has an indexed field that is only a hash")
    indexed = [param for param in event.inputs if param.indexed]

    def decode(topics: Sequence[str], data: str) -> Event:
        head = bytes.fromhex("".join(topic[2:] for topic in topics[1 : len(indexed) + 1]))
        values = dict(zip((p.name for p in indexed), decode_values(indexed, head), strict=True))
        body = decode_values(plain, bytes.fromhex(data[2:]))
        values.update(zip((p.name for p in plain), body, strict=True))
        return kind(**values)

    return decode


def _build_slicing(kind: type[Event], event: EventType) -> Decode:
    """Return the decoder of an event whose fields fill one word each.

    Words come topics first, then data: a field is its reader and the place of its word.
    """
    indexed = [param for param in event.inputs if param.indexed]
    plain = [param for param in event.inputs if not param.indexed]
    arranged = [*indexed, *plain]
    readers = [_READERS[param.type] for param in arranged]
    topic_count, size = len(indexed) + 1, 2 + WORD * len(plain)
    join = _JOINS[len(indexed)]
    split = Struct(f"{WORD // 2}s" * len(arranged)).unpack
    places = [arranged.index(param) for param in event.inputs]
    # An event's fields are read by C alone where they stand in the order of the words.
    is_arranged = places == sorted(places)
    arrange = itemgetter(*places) if len(places) > 1 else tuple

    def decode(topics: Sequence[str], data: str) -> Event:
        if len(topics) != topic_count or len(data) != size:
            raise ValueError("the log has too many or too few words")
        values = map(call, readers, split(bytes.fromhex(join(topics, data))))
        return kind(*values) if is_arranged else kind(*arrange(tuple(values)))

    return decode


_JOINS: tuple[Callable[[Sequence[str], str], str], ...] = (
    lambda _, data: data[2:],
    lambda topics, data: topics[1][2:] + data[2:],
    lambda topics, data: topics[1][2:] + topics[2][2:] + data[2:],
    lambda topics, data: topics[1][2:] + topics[2][2:] + topics[3][2:] + data[2:],
)
"""The words of a log as hex, by how many of them are topics."""


@lru_cache(ADDRESSES_KEPT)
def _to_address(word: bytes) -> Address:
    return to_address(word[12:])


def _to_hash(word: bytes) -> Hash:
    return Hash("0x" + word.hex())


_READERS: dict[str, Callable[[bytes], Any]] = {
    "uint256": int.from_bytes,
    "bool": any,
    "address": _to_address,
    "bytes32": _to_hash,
}
"""How a field of one word is read, by ABI type."""
