"""What the calls of one function did since the process started."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from peer.receipts.chain_file import CallRecord
from wasmarket.kernel.documents.receipts import CallStatus

NEWEST: Final = 10
ANSWERED: Final = int(CallStatus.ANSWERED)


@dataclass(slots=True)
class FunctionTally:
    """Counts, and of the newest calls the time (chain's, seconds) and, if answered, how long."""

    answered: int = 0
    failed: int = 0
    duration_us: int = 0
    """Of all that were answered."""
    newest_us: deque[int] = field(default_factory=lambda: deque(maxlen=NEWEST))
    newest_at: deque[int] = field(default_factory=lambda: deque(maxlen=NEWEST))

    def add(self, call: CallRecord) -> None:
        """Count a call."""
        self.newest_at.append(call.time)
        if call.status != ANSWERED:
            self.failed += 1
            return
        self.answered += 1
        self.duration_us += call.duration_us
        self.newest_us.append(call.duration_us)
