"""What a provider sets for one peer; built once by the composition root."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Table `[peer]`. Seconds are wall-clock; `folder` holds all that the peer keeps."""

    folder: str = ""
    """Folder of the state; empty: `peers/<name>` under the home of the installation."""
    name: str = "peer"
    peer_id: int = 0
    """Number on chain; 0: the first registration that names this peer's key and wallet."""
    host: str = "127.0.0.1"
    port: int = 8610
    policy: str = ""
    """Path of the policy file; empty: the default policy."""
    offer_key: str = ""
    """Name of the provider's account that signs offers by the policy; empty: this process makes
    none, and holds no key but its own.
    """
    gateways: tuple[str, ...] = ()
    """URLs of trustless gateways that are asked for content."""
    poll_seconds: float = 1.0
    fetch_seconds: float = 20.0
    """How long sources are tried for a new assignment before it is refused."""
    retry_seconds: float = 15.0
    """Pause after a failed update, start or transaction."""
    idle_seconds: float = 300.0
    """How long a worker process without calls is kept; the next call starts another. 0: for ever,
    and as many as the deal has units."""
    pin_workers: bool = True
    """Whether each worker gets a core of its own, where the machine has one for every unit that
    the peer is registered with."""
    receipt_flush_ms: int = 5
    """How long receipts may wait for the disk."""
    http_trusted: tuple[str, ...] = ()
    """URLs of hosts with private addresses that apps may reach by the effector `http` if they name
    them; all other private addresses are out of reach."""
    claim_every_epochs: int = 0
    """Claim for the provider every so many epochs, at the wallet's cost; 0: never."""
    log_bytes: int = 1024 * 1024
    """Most bytes that the log of one deal takes on disk."""
    keep_storage_seconds: int = 7 * 86_400
    """How long, in chain time, storage stays after a deal is over on this peer."""
    keep_receipt_epochs: int = 30
    """How many epochs receipts stay after their own is final; at least 16, since the chain may ask
    for them as long."""
    settle_blocks: int = 12
    """How many blocks of an epoch must be there before the one before it is committed; never more
    than the blocks in which a match is to be answered."""
    receipt_copies: tuple[str, ...] = ()
    """Where copies of receipts and closed epochs go. Folders, best on another disk, also get what
    was signed; `s3+https://HOST/BUCKET/PREFIX` and `peer+https://HOST:PORT` (another peer whose
    policy names this one's wallet) get epochs once they are closed. Whoever has a copy can answer
    for the peer."""
    s3_key_id: str = ""
    """Access key for the buckets of `receipt_copies`."""
    s3_secret_file: str = ""
    """Path of a file that holds the secret of that key."""
    s3_region: str = "us-east-1"
    keep_code_bytes: int = 256 << 20
    """Most bytes of compiled code that is kept for apps that nothing here runs now."""
    reserve_bytes: int = 256 << 20
    """Bytes of the disk that services leave to the peer's own files; of a small disk a tenth."""
    avm: str = ""
    """Path of AquaVM's module (npm `@fluencelabs/avm` 0.62.0), which runs scripts; empty: that of
    a checkout's tools, and no scripts where there is none."""
    avm_cache: str = ""
    """Folder of AquaVM's compiled code, which peers of one owner may share; empty: under the
    peer's own."""
    p2p_port: int = 0
    """Port on which clients that speak libp2p over WebSocket are served; 0: none are."""
    p2p_address: str = ""
    """Multiaddr under which they reach it, without the peer's id; empty: of `host` and port."""
    p2p_tls_cert: str = ""
    """Path of a PEM certificate chain with which that port speaks TLS, so that web pages served
    over https reach it; it is read again when it changes. Empty: no TLS, for a proxy's port."""
    p2p_tls_key: str = ""
    """Path of its key."""
    particles_per_minute: int = 6_000
    """New particles that are taken from one initiator; from one address ten times as many."""
    sweep_seconds: float = 60.0
    """Pause between removals of what need not be kept any more."""
