"""What an operator sets for a gateway."""

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Table `[gateway]`. Seconds are wall-clock unless named chain time."""

    host: str = "127.0.0.1"
    port: int = 8601
    name: str = ""
    """What it is called beside what it measured of peers, for instance its URL or operator."""
    region: str = ""
    """Where it is, as told beside its measurements, for instance `DE`."""
    folder: str = ""
    """Folder of the content blocks; empty: `gateway` under the home."""
    matcher: str = ""
    """URL of a matcher that says where deals run; empty: read the store."""
    meter: bool = False
    """Whether this process is the home's meter too, by table `[meter]`."""
    explorer_matcher: str = ""
    explorer_payments: str = ""
    """URL of a matcher as browsers reach it, which the explorer's pages read; empty: `matcher`."""
    aliases: dict[str, int] = field(default_factory=dict)
    """Short names of deals: `/{alias}/…`."""
    hosts: dict[str, int] = field(default_factory=dict)
    """Host names that are sites of their own, with their deals."""
    call_seconds: float = 620.0
    """Longest wait for a peer's answer; peers end calls earlier by the app's own limit."""
    connect_seconds: float = 2.0
    directory_seconds: float = 1.0
    """How long what is known of a deal is used before it is asked for again."""
    patience_seconds: float = 2.0
    """How long a call is tried again while all peers say that the deal is starting."""
    rest_seconds: float = 5.0
    """How long a peer that failed comes last."""
    failures: int = 3
    """Failures in a row after which a peer comes last; one is enough where nobody listens."""
    probe_seconds: float = 10.0
    """How often a peer that gets no calls is asked whether it lives; 0: only after a failure."""
    hedge_percentile: float = 0.0
    """Calls that may run twice go to a second peer once they take longer than this percentage of
    the deal's calls; 0: never."""
    max_body_bytes: int = 64 * MIB
    held_body_bytes: int = MIB
    """Bodies up to this are held, so that they can be sent to another peer; longer ones stream."""
    body_seconds: float = 60.0
    """Longest silence of a caller in the middle of a body."""
    rate_per_address: float = 0.0
    """Requests a second from one address; 0: no limit."""
    rate_per_key: float = 0.0
    """Requests a second with one API key; 0: no limit."""
    burst: int = 100
    """Requests at once after a rest, where there is a limit."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies in front, whose X-Forwarded-For and -Proto are believed."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call functions; `*`: any."""
    cors: dict[str, str] = field(default_factory=dict)
    """The same for single deals by alias or number, origins separated by spaces."""
    max_upload_bytes: int = 256 * MIB
    """Largest upload in one request."""
    quota_bytes: int = 1024 * MIB
    """Most bytes that one signer may keep here."""
    collect_seconds: float = 600.0
    """Pause between removals of content that nobody keeps."""
