"""What is set for the keeper."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """Table `[keeper]`. Seconds are wall-clock."""

    host: str = "127.0.0.1"
    port: int = 8606
    policy: str = ""
    """The policy file; empty: `keeper.toml` under the home."""
    folder: str = ""
    """Folder of the journal; empty: `keeper` under the home."""
    poll_seconds: float = 15.0
    """Pause between looks at deals and earnings."""
    alarm_seconds: float = 60.0
    """Pause between looks at peers."""
    request_seconds: float = 5.0
    """Longest wait for a peer's answer, and for whoever takes notices."""
