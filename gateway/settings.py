"""What an operator sets for a gateway."""

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Table `[gateway]`. Seconds are wall-clock unless named chain time."""

    host: str = "127.0.0.1"
    port: int = 8601
    folder: str = ""
    """Folder of the content blocks; empty: `gateway` under the home."""
    matcher: str = ""
    """URL of a matcher that says where deals run; empty: read the store."""
    aliases: dict[str, int] = field(default_factory=dict)
    """Short names of deals: `/{alias}/{service}/{function}`."""
    call_seconds: float = 620.0
    """Longest wait for a peer's answer; peers end calls earlier by the app's own limit."""
    connect_seconds: float = 2.0
    directory_seconds: float = 1.0
    """How long what is known of a deal is used before it is asked for again."""
    patience_seconds: float = 2.0
    """How long a call is tried again while all peers say that the deal is starting."""
    rest_seconds: float = 5.0
    """How long a peer that failed comes last."""
    max_body_bytes: int = 64 * MIB
    max_upload_bytes: int = 256 * MIB
    """Largest upload in one request."""
    quota_bytes: int = 1024 * MIB
    """Most bytes that one signer may keep here."""
    collect_seconds: float = 600.0
    """Pause between removals of content that nobody keeps."""
