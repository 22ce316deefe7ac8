"""What a developer sets for the meter."""

from dataclasses import dataclass

from wasmarket.kernel.units import FLT


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """Table `[meter]`. Seconds are wall-clock."""

    host: str = "127.0.0.1"
    port: int = 8603
    folder: str = ""
    """Folder of the journal; empty: `meter` under the home."""
    key: str = "meter"
    """Account in keys/ that signs usage and pays for asks."""
    poll_seconds: float = 2.0
    request_seconds: float = 10.0
    """Longest wait for a peer's answer."""
    patience_epochs: int = 1
    """How many epochs a peer may withhold its papers before it is asked on chain."""
    budget_flt: int = 20
    """Most FLT, whole, that may be out or lost for asks and accusations; what comes back counts no
    more."""
    seen_percent: float = 1.0
    """Share of the calls through the gateway that hosts the meter that are held against what peers
    commit; their inputs are kept for running them again."""
    seen_input_bytes: int = 65_536
    """Longest input of a call that is held so."""
    seen_bytes: int = 256 << 20
    """Most bytes of inputs that are kept; the oldest go first."""
    rerun_percent: float = 1.0
    """Share of the calls with a known input, and of a deterministic service, that are run again,
    if this process may run functions (`meter run --rerun`)."""
    accuse: bool = False
    """Whether a wrong value is brought before a jury; the stake counts in the budget."""

    @property
    def budget(self) -> int:
        """Return the budget in FLT base units."""
        return self.budget_flt * FLT
