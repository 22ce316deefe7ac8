"""The peer's own signed document, made anew when what it says changes or it grows old."""

import json
import logging
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.folder import write_atomically
from peer.machine import detect_hardware
from peer.parts import PeerParts
from peer.policy.document_table import (
    USUAL_DOCUMENT,
    DocumentTerms,
    parse_document_terms,
)
from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.errors import ConfigError, InvalidInput, NotFound
from wasmarket.kernel.selection.peer_document import (
    Benchmark,
    Hardware,
    PeerDocument,
    benchmark_json,
    parse_benchmark,
)
from wasmarket.kernel.selection.signed_document import sign_peer_document
from wasmarket.kernel.signing.typed_data import Domain

logger = logging.getLogger(__name__)

TERMS = "document.toml"
"""In the peer's folder: what the document says, where the policy says nothing of it."""
BENCHMARK = "benchmark.json"
"""In the peer's folder: what the last benchmark measured."""
VALID_SECONDS = 7 * 86_400
RENEW_SECONDS = 86_400
"""A document as old as this is made anew, so that readers always have days left."""


@dataclass(frozen=True, slots=True)
class SignedPeerDocument:
    """A document, its canonical bytes, and the signature of the peer's key over them."""

    document: PeerDocument
    content: bytes
    signature: bytes


class OwnDocument:
    """Signs what the policy, the machine and the last benchmark say. Thread-safe."""

    def __init__(
        self,
        key: Ed25519PrivateKey,
        domain: Domain,
        folder: Path,
        terms: Callable[[], DocumentTerms | None],
        number: Callable[[], int],
        now: Callable[[], int],
    ) -> None:
        """`number` is the peer's on chain, 0 while that is not known; `now` is the chain's time.

        `terms` are the policy's, None for those in `folder`, which is the peer's own. The machine
        is looked at once.
        """
        self._key = key
        self._domain = domain
        self._folder = folder
        self._terms = terms
        self._number = number
        self._now = now
        self._found: Hardware | None = None
        self._signed: SignedPeerDocument | None = None
        self._lock = threading.Lock()

    @classmethod
    def of_peer(
        cls,
        parts: PeerParts,
        key: Ed25519PrivateKey,
        domain: Domain,
        number: Callable[[], int],
        now: Callable[[], int],
    ) -> "OwnDocument":
        """Return the document of a peer that is put together from `parts`."""
        return cls(key, domain, parts.folder, lambda: parts.policy.current.document, number, now)

    def read(self) -> SignedPeerDocument:
        """Return the document as it is now. Raises NotFound for none, Unreachable before the chain
        was read."""
        terms = self._terms() or read_terms(self._folder)
        number = self._number()
        if not terms.publish:
            raise NotFound("this peer publishes no document of itself")
        if not number:
            raise NotFound(
                "the peer has not yet found itself on chain", remedy="register it, and ask again"
            )
        now = self._now()
        with self._lock:
            if self._found is None:
                self._found = detect_hardware(self._folder)
            wanted = make_document(
                terms, self._found, read_benchmark(self._folder), self._domain, number, now
            )
            kept = self._signed
            if kept is None or not _still_says(kept.document, wanted, now):
                kept = self._signed = SignedPeerDocument(
                    wanted, *sign_peer_document(self._key, wanted)
                )
            return kept


def make_document(
    terms: DocumentTerms,
    found: Hardware,
    benchmark: Benchmark | None,
    domain: Domain,
    number: int,
    now: int,
) -> PeerDocument:
    """Return what a peer says from `now` on; `found` is its machine."""
    return PeerDocument(
        chain_id=domain.chain_id,
        market=domain.contract,
        peer=number,
        issued=now,
        expires=now + VALID_SECONDS,
        site=terms.site,
        hardware=terms.complete(found),
        claims=terms.claims,
        benchmark=benchmark,
    )


def read_terms(folder: Path) -> DocumentTerms:
    """Return what `peer document set` keeps in a peer's folder. Raises ConfigError."""
    path = folder / TERMS
    try:
        return parse_document_terms(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return USUAL_DOCUMENT
    except (OSError, ValueError, InvalidInput) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            remedy="write it anew: `wasmarket peer document set`",
        ) from error


def read_benchmark(folder: Path) -> Benchmark | None:
    """Return what the last benchmark of this peer measured, None if it is not known."""
    try:
        return parse_benchmark(json.loads((folder / BENCHMARK).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, InvalidInput) as error:
        logger.warning("the benchmark's result is not readable", extra={"why": str(error)[:200]})
        return None


def keep_benchmark(folder: Path, ran: Benchmark) -> None:
    """Keep a benchmark's result for the documents to come. Raises OSError."""
    write_atomically(folder / BENCHMARK, dump_canonical(benchmark_json(ran)))


def _still_says(kept: PeerDocument, wanted: PeerDocument, now: int) -> bool:
    """Whether a document says the same as a new one would, and is fresh. A chain that was turned
    back gets a new one, too."""
    same = (kept.peer, kept.site, kept.hardware, kept.claims, kept.benchmark) == (
        wanted.peer,
        wanted.site,
        wanted.hardware,
        wanted.claims,
        wanted.benchmark,
    )
    return same and 0 <= now - kept.issued < RENEW_SECONDS
