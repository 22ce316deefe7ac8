"""Decide who may call a deal: its access document, set by the developer (DESIGN 8.7)."""

import hmac
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kernel.addresses import parse_address
from kernel.errors import Conflict, Forbidden, InvalidInput, Unauthorized
from kernel.hashing import sha256
from kernel.json_fields import JsonFields
from kernel.units import Address
from peer.folder import write_atomically

logger = logging.getLogger(__name__)

MODES = ("public", "signers", "keys")
MAX_ENTRIES = 1_000
MAX_VERSION = 2**53 - 1
KEY_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call. `key_hashes` are sha256 of API keys in lower-case hex; the highest `version`
    wins.
    """

    version: int = 0
    mode: str = "public"
    signers: tuple[Address, ...] = ()
    key_hashes: tuple[str, ...] = field(default=())


NOBODY = Access(0, "keys")


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
    )
    fields.finish()
    return access


def dump_access(access: Access) -> dict[str, Any]:
    """Write an access document as JSON values."""
    return {
        "version": access.version,
        "mode": access.mode,
        "signers": list(access.signers),
        "key_hashes": list(access.key_hashes),
    }


def check_key(access: Access, header: str | None) -> None:
    """Check the API key of a call (`Authorization: Bearer <key>`).

    Raises Unauthorized without one, Forbidden for one that is not listed.
    """
    if not header or not header.startswith(KEY_SCHEME):
        raise Unauthorized(
            "this deal is called with an API key",
            field="Authorization",
            remedy="send `Authorization: Bearer <key>`",
        )
    digest = sha256(header.removeprefix(KEY_SCHEME).strip().encode()).hex()
    if not any(hmac.compare_digest(digest, known) for known in access.key_hashes):
        raise Forbidden("the API key is not on the deal's list", field="Authorization")


def check_signer(access: Access, signer: Address) -> None:
    """Raise Forbidden unless `signer` may call."""
    if signer not in access.signers:
        raise Forbidden(f"{signer} is not on the deal's list", field="Authorization")


class AccessFile:
    """A deal's access document on disk; public until the developer says otherwise."""

    def __init__(self, path: Path) -> None:
        """Read what is there. A damaged file lets nobody in until the developer sends another."""
        self._path = path
        self.current = Access()
        if path.exists():
            try:
                self.current = parse_access(msgspec.json.decode(path.read_bytes()))
            except (msgspec.DecodeError, InvalidInput):
                logger.exception("damaged access document", extra={"path": str(path)})
                self.current = NOBODY

    def replace(self, access: Access) -> bool:
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
        write_atomically(self._path, msgspec.json.encode(dump_access(access)))
        self.current = access
        return True


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
