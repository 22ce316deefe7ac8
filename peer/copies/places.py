"""Read `[peer] receipt_copies`: folders, buckets of S3-compatible stores, other peers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from peer.copies.at_peer import CopiesAtPeer
from peer.copies.s3 import S3Copies
from peer.copies.signature_v4 import S3Credentials
from peer.copies.store import CopyStore
from peer.settings import PeerSettings
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import ConfigError
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_client

S3: Final = "s3+"
PEER: Final = "peer+"
REQUEST_SECONDS: Final = 30.0
"""Longest silence of a store; a long file may take longer."""


@dataclass(frozen=True, slots=True)
class CopyPlaces:
    """Folders, and URLs of what is no folder."""

    folders: tuple[Path, ...]
    urls: tuple[str, ...]


def parse_places(places: Sequence[str]) -> CopyPlaces:
    """Tell folders from URLs. Raises ConfigError for a URL that does not say what is there."""
    folders, urls = [], []
    for place in places:
        if place.startswith((S3, PEER)) and _is_http(place.partition("+")[2]):
            urls.append(place)
        elif "://" in place:
            raise ConfigError(
                f"{place!r:.200} is no place for copies",
                field="peer.receipt_copies",
                remedy="write a folder, s3+https://HOST/BUCKET/PREFIX or peer+https://HOST:PORT",
            )
        else:
            folders.append(Path(place).expanduser())
    return CopyPlaces(tuple(folders), tuple(urls))


def open_stores(
    urls: Sequence[str],
    settings: PeerSettings,
    owner: Address,
    domain: Domain,
    wallet: Account | None,
    now: Callable[[], int],
) -> list[CopyStore]:
    """Return the stores at these URLs for the copies of the peer with the wallet `owner`.

    Without `wallet` they are only read. `now` is the chain's time. Raises ConfigError,
    InvalidInput.
    """
    stores: list[CopyStore] = []
    for url in urls:
        # The operator named it: it may be in the same house.
        client = create_client(
            Outbound(False, trusted=[url.partition("+")[2]]), timeout=REQUEST_SECONDS
        )
        if url.startswith(S3):
            stores.append(S3Copies(url, owner, _read_credentials(settings), client))
        else:
            stores.append(CopiesAtPeer(url, owner, client, domain, wallet, now))
    return stores


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _read_credentials(settings: PeerSettings) -> S3Credentials:
    path = Path(settings.s3_secret_file).expanduser()
    try:
        secret = path.read_text(encoding="utf-8").strip() if settings.s3_secret_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", field="peer.s3_secret_file") from error
    return S3Credentials(settings.s3_key_id, secret, settings.s3_region)
