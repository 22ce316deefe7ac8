"""Name content as IPFS does: CIDv1, base32, raw or dag-pb blocks, sha2-256 (DESIGN 8.4)."""

import base64
import binascii
from dataclasses import dataclass

from wasmarket.kernel.addresses import raw, to_hash
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash

RAW = 0x55
DAG_PB = 0x70
CODECS = {RAW: "raw", DAG_PB: "dag-pb"}
MAX_BLOCK_BYTES = 2 * 1024 * 1024
"""Largest block anybody in the IPFS network passes on."""

CID_BYTES = 36
_VERSION = 1
_SHA2_256 = 0x12
_DIGEST_BYTES = 32
_ADVICE = "give a CIDv1 in lower-case base32: `b…`, raw or dag-pb, sha2-256"


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """The id of a block: how its bytes are read (`codec`) and their sha2-256 (`digest`)."""

    codec: int
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise InvalidInput(f"codec {self.codec:#x} is not supported", remedy=_ADVICE)
        if len(self.digest) != _DIGEST_BYTES:
            raise InvalidInput(f"a digest has 32 bytes, this has {len(self.digest)}")

    def __bytes__(self) -> bytes:
        """Return the 36 bytes of its binary form."""
        return bytes((_VERSION, self.codec, _SHA2_256, _DIGEST_BYTES)) + self.digest

    def __str__(self) -> str:
        """Return its one text form, 59 characters."""
        return "b" + base64.b32encode(bytes(self)).decode("ascii").rstrip("=").lower()


def raw_cid(block: bytes) -> Cid:
    """Return the id of a raw block."""
    return Cid(RAW, sha256(block))


def dag_pb_cid(block: bytes) -> Cid:
    """Return the id of an encoded dag-pb node."""
    return Cid(DAG_PB, sha256(block))


def decode_cid(data: bytes) -> Cid:
    """Read the binary form. Raises InvalidInput for any other version, codec, hash or length."""
    if len(data) != CID_BYTES or data[0] != _VERSION:
        raise InvalidInput(f"{data[:40].hex()} is not a binary CIDv1", remedy=_ADVICE)
    if data[2] != _SHA2_256 or data[3] != _DIGEST_BYTES:
        raise InvalidInput(f"hash function {data[2]:#x} is not supported", remedy=_ADVICE)
    return Cid(data[1], data[4:])


def parse_cid(text: str, *, field: str | None = None) -> Cid:
    """Read the text form; every other spelling of the same id is refused. Raises InvalidInput."""
    if not isinstance(text, str):
        raise InvalidInput(f"{text!r} is not a CID", field=field, remedy=_ADVICE)
    if len(text) == 46 and text.startswith("Qm"):
        raise InvalidInput(
            f"{text} is a CIDv0",
            field=field,
            remedy="convert it with `ipfs cid base32`, or publish with `--cid-version=1`",
        )
    try:
        if not text.startswith("b"):
            raise ValueError(f"multibase prefix {text[:1]!r}")
        cid = decode_cid(base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8)))
    except (ValueError, binascii.Error, InvalidInput) as error:
        raise InvalidInput(
            f"{text[:80]!r} is not a CID of ours: {error}", field=field, remedy=_ADVICE
        ) from error
    if str(cid) != text:
        raise InvalidInput(
            f"{text!r} is not the canonical form", field=field, remedy=f"write {cid}"
        )
    return cid


def app_cid(app: Hash) -> Cid:
    """Return the id of the manifest that the chain knows as `app`."""
    return Cid(RAW, raw(app))


def app_hash(cid: Cid) -> Hash:
    """Return what the chain calls the manifest `cid`. Raises InvalidInput unless it is raw."""
    if cid.codec != RAW:
        raise InvalidInput(
            f"{cid} is not a raw block", remedy="publish the manifest as one raw block"
        )
    return to_hash(cid.digest)


def check_block(cid: Cid, block: bytes) -> None:
    """Raise BadContent unless `block` hashes to `cid`."""
    if sha256(block) != cid.digest:
        raise BadContent(
            f"{len(block)} bytes that were given as {cid} do not hash to it",
            remedy="fetch the block from another source",
        )
