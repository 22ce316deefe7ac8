"""Keep a peer's state in files, so that a crash at any point loses nothing.

Layout (DESIGN 8.8): `key`, `blocks/`, `cache/`, `services/<deal>/`, `receipts/<assignment>/`, and
beside them `commitments/`, `kept/<wallet>/` (copies of others), `nonces/` and `chain.json`.
"""

import fcntl
import itertools
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import ConfigError, Conflict
from wasmarket.kernel.units import Hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_BYTES = 32
PRIVATE = 0o600

_numbers = itertools.count(1)


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data`: after a crash there is the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two threads may write the same file: each has a name of its own until it is whole.
    number = next(_numbers)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{number}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # A full disk must not fill up with what did not fit.
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class PeerFolder:
    """Where each thing of one peer lies."""

    def __init__(self, path: Path) -> None:
        """Create the folders that are missing."""
        self.path = path
        self.blocks = path / "blocks"
        self.cache = path / "cache"
        self.services = path / "services"
        self.receipts = path / "receipts"
        self.commitments = path / "commitments"
        self.chain = path / "chain.json"
        self.vouchers = path / "vouchers"
        self.kept = path / "kept"
        folders = (
            self.blocks,
            self.cache,
            self.services,
            self.receipts,
            self.commitments,
            self.vouchers,
        )
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)

    def service(self, deal: int) -> Path:
        """Return the folder of a deal's state."""
        return self.services / str(deal)

    def receipts_of(self, assignment: int) -> Path:
        """Return the folder of an assignment's receipts."""
        return self.receipts / str(assignment)

    def lock(self) -> IO[str]:
        """Take the folder for this process as long as the file returned is open.

        Raises Conflict if another process has it: two peers would fork the receipts' chains.
        """
        file = (self.path / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise Conflict(
                f"another process runs the peer in {self.path}", remedy="end it first"
            ) from error
        return file

    def load_key(self) -> "Ed25519PrivateKey":
        """Return the peer's key, made at the first call; its file holds the raw seed."""
        # Clients check apps and read folders without this package, which is larger than they are.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        path = self.path / "key"
        if not path.exists():
            write_atomically(path, Ed25519PrivateKey.generate().private_bytes_raw(), PRIVATE)
        seed = path.read_bytes()
        if len(seed) != SEED_BYTES:
            raise ConfigError(
                f"{path} is not an Ed25519 seed of {SEED_BYTES} bytes",
                remedy="restore it from a backup; without it, register a new peer",
            )
        return Ed25519PrivateKey.from_private_bytes(seed)


def public_key(key: "Ed25519PrivateKey") -> Hash:
    """Return the public key as it is registered on chain."""
    return to_hash(key.public_key().public_bytes_raw())
