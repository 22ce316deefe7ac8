"""What the wiring makes for those who talk to a chain; loading it takes a second of a processor.

So the wiring imports it where a part is asked for: `wasmarket status` asks for none.
"""

from wasmarket.chain.clock import ChainClock
from wasmarket.chain.contracts.bindings import (
    Audits,
    Erc20,
    Market,
    MarketLens,
    Meter,
    Proofs,
    Staking,
)
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.planned import PlannedSender
from wasmarket.chain.sending.sender import Sender
from wasmarket.client.contracts import MarketContracts

__all__ = [
    "Audits",
    "ChainClock",
    "Decoder",
    "Erc20",
    "Market",
    "MarketContracts",
    "MarketLens",
    "Meter",
    "PlannedSender",
    "Proofs",
    "Rpc",
    "Sender",
    "Staking",
]
