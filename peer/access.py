"""Decide who may call a deal: its access document, set by the developer (DESIGN 8.7)."""

import hmac
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from peer.folder import write_atomically
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.particles import parse_peer_id
from wasmarket.kernel.errors import Conflict, Forbidden, InvalidInput, Unauthorized
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address
from wasmarket.serving.callers.api_keys import read_key
from wasmarket.serving.damage import set_aside
from wasmarket.serving.texts import ADDRESS_SCHEMA

logger = logging.getLogger(__name__)

MODES = ("public", "signers", "keys", "peers")
MAX_ENTRIES = 1_000
MAX_DOCUMENT = 192 * 1024
"""Bytes of a document: as many entries of both kinds as there may be, and spaces."""
MAX_VERSION = 2**53 - 1
ASK_DEVELOPER = "ask the deal's developer, who sets its access document"
KEY_HASH = "^[0-9a-f]{64}$"
PEER_ID = "^12D3KooW[1-9A-HJ-NP-Za-km-z]{40,48}$"
ACCESS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "mode"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
        "mode": {"type": "string", "enum": list(MODES)},
        "signers": {"type": "array", "maxItems": MAX_ENTRIES, "items": ADDRESS_SCHEMA},
        "key_hashes": {
            "type": "array",
            "maxItems": MAX_ENTRIES,
            "items": {"type": "string", "pattern": KEY_HASH},
        },
        "peers": {
            "type": "array",
            "maxItems": MAX_ENTRIES,
            "items": {"type": "string", "pattern": PEER_ID},
        },
    },
}
"""Of a document, for the page."""


class KeyWanted(Unauthorized):
    """API key required"""

    slug = "key-wanted"
    scheme = "Bearer"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call. `key_hashes` are sha256 of API keys in lower-case hex, `peers` the ids of those
    whose particles may; the highest `version` wins.
    """

    version: int = 0
    mode: str = "public"
    signers: tuple[Address, ...] = ()
    key_hashes: tuple[str, ...] = field(default=())
    peers: tuple[str, ...] = ()


NOBODY = Access(0, "keys")


def verify_access(
    signed: DeveloperDocument, deal: int, developer: Address, domain: Domain
) -> Access:
    """Return the document that the developer signed for a deal. Raises as its `read`."""
    return parse_access(signed.read(f"/v1/deals/{deal}/access", developer, domain))


def parse_access(document: Any) -> Access:
    """Read an access document. Raises InvalidInput with the field."""
    fields = JsonFields(document)
    access = Access(
        version=fields.integer("version", 1, MAX_VERSION),
        mode=fields.choice("mode", MODES),
        signers=tuple(
            parse_address(entry, field="signers")
            for entry in fields.items("signers", 0, MAX_ENTRIES, [])
        ),
        key_hashes=tuple(
            _key_hash(entry) for entry in fields.items("key_hashes", 0, MAX_ENTRIES, [])
        ),
        peers=tuple(_peer_id(entry) for entry in fields.items("peers", 0, MAX_ENTRIES, [])),
    )
    fields.finish()
    return access


def dump_access(access: Access) -> dict[str, Any]:
    """Write an access document as JSON values; `peers` where there are any."""
    document: dict[str, Any] = {
        "version": access.version,
        "mode": access.mode,
        "signers": list(access.signers),
        "key_hashes": list(access.key_hashes),
    }
    if access.peers:
        document["peers"] = list(access.peers)
    return document


def check_key(access: Access, header: str | None) -> None:
    """Check the API key of a call (`Authorization: Bearer <key>`).

    Raises Unauthorized without one, Forbidden for one that is not listed, and where only particles
    may call.
    """
    if access.mode == "peers":
        raise Forbidden(
            "this deal is called by particles only", remedy="call it from a script or a flow"
        )
    key = read_key(header)
    if key is None:
        raise KeyWanted(
            "this deal is called with an API key",
            field="Authorization",
            remedy="send `Authorization: Bearer <key>`",
        )
    digest = sha256(key.encode()).hex()
    if not any(hmac.compare_digest(digest, known) for known in access.key_hashes):
        raise Forbidden(
            "the API key is not on the deal's list", field="Authorization", remedy=ASK_DEVELOPER
        )


def check_signer(access: Access, signer: Address) -> None:
    """Raise Forbidden unless `signer` may call."""
    if signer not in access.signers:
        raise Forbidden(
            f"{signer} is not on the deal's list", field="Authorization", remedy=ASK_DEVELOPER
        )


def check_initiator(access: Access, peer_id: str) -> None:
    """Raise Forbidden unless particles of this initiator may call."""
    if access.mode == "public" or (access.mode == "peers" and peer_id in access.peers):
        return
    if access.mode == "peers":
        detail = f"{peer_id} is not on the deal's list"
    else:
        detail = f"this deal is called over HTTP only, in mode {access.mode!r}"
    raise Forbidden(detail, remedy=ASK_DEVELOPER)


class AccessFile:
    """A deal's access document on disk; public until the developer says otherwise."""

    def __init__(self, path: Path) -> None:
        """Read what is there. A damaged file lets nobody in until the developer, or another peer,
        sends a document.
        """
        self._path = path
        self._signed_path = path.with_suffix(".signed.json")
        self.current = Access()
        self.signed: DeveloperDocument | None = None
        had_proof = self._read_signed()
        if path.exists():
            self.current = _read_document(path)
        elif had_proof:
            # A crash came between the two files, or one was lost: there was a document.
            self.current = NOBODY if self.signed is None else _parse(self.signed.body, path)
        if self.signed is not None and self.current != _parse(self.signed.body, self._signed_path):
            # One of the two is damaged, and nothing here tells which.
            logger.error("the access document is not the signed one", extra={"path": str(path)})
            self.current = NOBODY

    def close_until_known(self) -> None:
        """Let nobody in until a document comes: there is one somewhere that is not here."""
        self.current, self.signed = NOBODY, None

    def replace(self, access: Access, signed: DeveloperDocument | None = None) -> bool:
        """Take a newer document; return False if it is the one already there.

        Raises Conflict for an older version, or another document of the same version.
        """
        if access == self.current:
            return False
        if access.version <= self.current.version:
            raise Conflict(
                f"version {access.version} is not above {self.current.version}",
                field="version",
                remedy=f"send version {self.current.version + 1}",
            )
        self._take(access, signed)
        return True

    def adopt(self, access: Access, signed: DeveloperDocument) -> bool:
        """Take another peer's document if it wins; say whether it did.

        The higher version wins. Of two documents that a developer signed under one version the
        one with the greater hash does, so that all peers end with the same.
        """
        if (access.version, _rank(signed)) <= (self.current.version, _rank(self.signed)):
            return False
        self._take(access, signed)
        return True

    @property
    def version(self) -> int:
        """Return the version in force, 0 for none."""
        return self.current.version

    @property
    def state(self) -> tuple[int, bytes]:
        """Return what tells one document from another: its version and its hash."""
        return (self.current.version, _rank(self.signed))

    def _take(self, access: Access, signed: DeveloperDocument | None) -> None:
        # The proof first: a crash between the two leaves an older document that others replace.
        if signed is not None:
            write_atomically(self._signed_path, msgspec.json.encode(signed))
        write_atomically(self._path, msgspec.json.encode(dump_access(access)))
        self.current, self.signed = access, signed

    def _read_signed(self) -> bool:
        """Read the proof; return whether there is one, damaged or not."""
        try:
            data = self._signed_path.read_bytes()
        except FileNotFoundError:
            return False
        try:
            self.signed = decode_json(data, DeveloperDocument)
        except msgspec.DecodeError:
            set_aside(self._signed_path, data, "the signed request of an access document")
        return True


def _read_document(path: Path) -> Access:
    data = path.read_bytes()
    try:
        return parse_access(decode_json(data))
    except (msgspec.DecodeError, InvalidInput):
        set_aside(path, data, "an access document: nobody may call until there is another")
        return NOBODY


def _parse(body: str, path: Path) -> Access:
    try:
        return parse_access(decode_json(body))
    except (msgspec.DecodeError, InvalidInput):
        logger.exception("damaged proof of access", extra={"path": str(path)})
        return NOBODY


def _rank(signed: DeveloperDocument | None) -> bytes:
    return b"" if signed is None else signed.rank


def _peer_id(entry: Any) -> str:
    if not isinstance(entry, str):
        raise InvalidInput("peers has an entry that is no peer id", field="peers")
    try:
        parse_peer_id(entry)
    except InvalidInput as error:
        raise InvalidInput(error.detail, field="peers", remedy=error.remedy) from error
    return entry


def _key_hash(entry: Any) -> str:
    if (
        not isinstance(entry, str)
        or len(entry) != 64
        or any(digit not in "0123456789abcdef" for digit in entry)
    ):
        raise InvalidInput(
            "key_hashes has an entry that is no sha256",
            field="key_hashes",
            remedy="give the 64 lower-case hex digits of sha256(key)",
        )
    return entry
