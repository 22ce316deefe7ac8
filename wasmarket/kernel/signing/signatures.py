"""Sign and recover secp256k1 signatures in the compact form that the contracts take.

Compact form: EIP-2098, `r` and `vs` (s with the parity bit on top). `s` is always the lower half
of the curve's order, so that one signature has one form.
"""

from dataclasses import dataclass

from coincurve import PrivateKey, PublicKey

from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import InvalidInput, InvalidSignature
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PARITY = 1 << 255
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signature:
    """A compact signature; all zero means "none": the hash must be approved on chain."""

    r: int
    vs: int

    @property
    def is_empty(self) -> bool:
        """Whether this stands for "no signature"."""
        return self.r == 0 and self.vs == 0

    def to_hex(self) -> str:
        """Write the 64 bytes as `0x` and hex digits."""
        return "0x" + self.r.to_bytes(32, "big").hex() + self.vs.to_bytes(32, "big").hex()

    def split(self) -> tuple[int, int, int]:
        """Return (v, r, s) with v 27 or 28, as `permit` and `ecrecover` take them."""
        return 27 + (self.vs >> 255), self.r, self.vs & (_PARITY - 1)


NO_SIGNATURE = Signature(0, 0)


def parse_signature(text: str, *, field: str | None = "signature") -> Signature:
    """Read 64 (compact) or 65 (r, s, v) bytes of hex. Raises InvalidSignature."""
    try:
        if not text.startswith("0x"):
            raise ValueError
        data = bytes.fromhex(text[2:])
    except (ValueError, AttributeError, TypeError):
        data = b""
    r, rest = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big")
    if len(data) == 64:
        return Signature(r, rest)
    if len(data) != 65:
        raise InvalidSignature(
            "a signature has 64 or 65 bytes",
            field=field,
            remedy="give 0x and the hex digits of r, vs or of r, s, v",
        )
    parity = data[64] - 27 if data[64] >= 27 else data[64]
    if parity not in (0, 1) or rest >= _PARITY:
        raise InvalidSignature("the signature's v or s is out of range", field=field)
    return Signature(r, rest | parity << 255)


def address_of(key: bytes) -> Address:
    """Return the account address of a private key. Raises InvalidInput unless it has 32 bytes."""
    if len(key) != KEY_BYTES:
        # coincurve would pad a shorter one without a word.
        raise InvalidInput(f"a private key has {KEY_BYTES} bytes, this has {len(key)}")
    return _to_account(PrivateKey(key).public_key)


def sign(digest: bytes, key: bytes) -> Signature:
    """Sign a 32-byte digest with a private key (32 bytes)."""
    raw = PrivateKey(key).sign_recoverable(digest, hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return Signature(r, s | raw[64] << 255)


def recover(digest: bytes, signature: Signature, *, field: str | None = "signature") -> Address:
    """Return the account that signed `digest`. Raises InvalidSignature, also for a high `s`."""
    s = signature.vs & (_PARITY - 1)
    if not 0 < signature.r < _ORDER or not 0 < s <= _ORDER // 2:
        raise InvalidSignature("r or s is out of range", field=field)
    raw = signature.r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([signature.vs >> 255])
    try:
        return _to_account(PublicKey.from_signature_and_message(raw, digest, hasher=None))
    except Exception as error:
        # coincurve raises bare Exception for a point that is not on the curve.
        raise InvalidSignature("no key gives this signature", field=field) from error


def _to_account(key: PublicKey) -> Address:
    return to_address(keccak(key.format(compressed=False)[1:])[12:])
