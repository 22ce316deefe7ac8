"""Sign and authenticate HTTP requests (DESIGN 8.2).

The header is `Authorization: Wasmarket <address>:<expires>:<nonce>:<signature>`. The time is the
chain's. That a nonce counts once is for the service to remember; it need not remember it for
longer than MAX_LIFETIME, because a request may not expire later than that.
"""

from dataclasses import dataclass

from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.errors import Expired, InvalidSignature, Unauthorized
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.offers import parse_uint
from wasmarket.kernel.signing.signatures import (
    Signature,
    address_of,
    parse_signature,
    recover,
    sign,
)
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_request
from wasmarket.kernel.units import Address, Hash

SCHEME = "Wasmarket"
MAX_LIFETIME = 3_600
"""Seconds of chain time by which `expires` may lie ahead."""

_FIELD = "Authorization"


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of an HTTP request. `target` is path and query, `expires` chain time."""

    method: str
    target: str
    body: bytes
    expires: int
    nonce: Hash

    def digest(self, domain: Domain) -> bytes:
        """Return the 32 bytes to sign."""
        body = sha256(self.body)
        return digest(
            domain, hash_request(self.method, self.target, body, self.expires, self.nonce)
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """The parts of an Authorization header."""

    address: Address
    expires: int
    nonce: Hash
    signature: Signature


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was sent, kept to show later what its signer asked for."""

    method: str
    target: str
    body: str
    authorization: str

    def recover(self, domain: Domain) -> Credentials:
        """Return who signed it. Raises Unauthorized, InvalidSignature."""
        return recover_credentials(
            self.authorization, self.method, self.target, sha256(self.body.encode()), domain
        )


def sign_request(request: Request, domain: Domain, key: bytes) -> str:
    """Return the value of the Authorization header for `request`."""
    body, expires, nonce = sha256(request.body), request.expires, request.nonce
    return sign_request_hash(request.method, request.target, body, expires, nonce, domain, key)


def sign_request_hash(
    method: str,
    target: str,
    body_sha256: bytes,
    expires: int,
    nonce: Hash,
    domain: Domain,
    key: bytes,
) -> str:
    """Return what `sign_request` does, of a request whose body has this SHA-256."""
    signed = digest(domain, hash_request(method, target, body_sha256, expires, nonce))
    return f"{SCHEME} {address_of(key)}:{expires}:{nonce}:{sign(signed, key).to_hex()}"


def parse_authorization(header: str | None) -> Credentials:
    """Read an Authorization header. Raises Unauthorized."""
    scheme, _, rest = (header or "").strip().partition(" ")
    parts = rest.strip().split(":")
    if scheme != SCHEME or len(parts) != 4:
        raise Unauthorized(
            "the request is not signed" if not header else "the Authorization header is malformed",
            field=_FIELD,
            remedy=f"send `Authorization: {SCHEME} <address>:<expires>:<nonce>:<signature>`",
        )
    return Credentials(
        address=parse_address(parts[0], field=_FIELD),
        expires=parse_uint(parts[1], field=_FIELD),
        nonce=parse_hash(parts[2], field=_FIELD),
        signature=parse_signature(parts[3], field=_FIELD),
    )


def authenticate(
    header: str | None, method: str, target: str, body: bytes, domain: Domain, now: int
) -> Credentials:
    """Return who signed the request at chain time `now`.

    Raises Unauthorized (no or malformed header), Expired, InvalidSignature.
    """
    return authenticate_hash(header, method, target, sha256(body), domain, now)


def authenticate_hash(
    header: str | None, method: str, target: str, body_sha256: bytes, domain: Domain, now: int
) -> Credentials:
    """Return who signed a request whose body has this SHA-256. Raises as `authenticate`."""
    check_lifetime(parse_authorization(header), now)
    return recover_credentials(header, method, target, body_sha256, domain)


def recover_credentials(
    header: str | None, method: str, target: str, body_sha256: bytes, domain: Domain
) -> Credentials:
    """Return who signed the request, whenever that was: a signature outlives what it allows.

    Raises Unauthorized, InvalidSignature.
    """
    credentials = parse_authorization(header)
    hashed = hash_request(method, target, body_sha256, credentials.expires, credentials.nonce)
    signed = digest(domain, hashed)
    if recover(signed, credentials.signature, field=_FIELD) != credentials.address:
        raise InvalidSignature(
            "the signature is not by the named address, or is of another request",
            field=_FIELD,
            remedy=f"sign `{method} {target:.200}` and this body, under this chain and Market",
        )
    return credentials


def check_lifetime(credentials: Credentials, now: int) -> None:
    """Raise Expired, or Unauthorized for what expires later than any request may."""
    if credentials.expires < now:
        raise Expired(
            f"the request expired {now - credentials.expires} s ago (chain time)",
            field=_FIELD,
            remedy="sign it again",
        )
    if credentials.expires > now + MAX_LIFETIME:
        raise Unauthorized(
            f"the request expires more than {MAX_LIFETIME} s ahead (chain time)", field=_FIELD
        )
