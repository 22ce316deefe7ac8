"""Write an event as the log that its contract would emit: the decoder's inverse, for fakes."""

from wasmarket.chain.contracts.abi import encode_values, load_abi
from wasmarket.kernel.events import EVENTS, Event


def encode_event(event: Event) -> tuple[tuple[str, ...], str]:
    """Return (topics, data) of an event, in hex. Raises InvalidInput for what does not fit."""
    kind = type(event)
    contract = next(name for name, kinds in EVENTS.items() if kind in kinds)
    known = load_abi(contract).events[kind.__name__]
    indexed = [param for param in known.inputs if param.indexed]
    plain = [param for param in known.inputs if not param.indexed]
    head = encode_values(indexed, [getattr(event, param.name) for param in indexed])
    body = encode_values(plain, [getattr(event, param.name) for param in plain])
    words = ["0x" + head[start : start + 32].hex() for start in range(0, len(head), 32)]
    return (known.topic, *words), "0x" + body.hex()
