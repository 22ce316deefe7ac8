"""EIP-712 hashes of everything that is signed (CONTRACTS section 3, DESIGN 8.2), hashed here alone.

`Permit` is EIP-2612's; its domain is the token's own.
"""

from dataclasses import dataclass

from wasmarket.kernel.addresses import raw, to_hash
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer
from wasmarket.kernel.units import Address, Hash

PROVIDER_OFFER_TYPE = (
    "ProviderOffer(uint256 peer,uint256 kind,uint256 price,address developer,"
    "uint256 valid_until,uint256 counter,uint256 salt)"
)
DEVELOPER_OFFER_TYPE = (
    "DeveloperOffer(address developer,bytes32 app,uint256 min_units,uint256 units,"
    "uint256 max_units_per_provider,uint256 min_regions,address meter,"
    "uint256 max_price,uint256 epochs,uint256 deposit,uint256 min_memory_mib,uint256 regions,"
    "uint256 traits,address[] providers,uint256 providers_mode,address matcher,uint256 tip,"
    "uint256 valid_until,uint256 counter,uint256 salt)"
)
USAGE_TYPE = "Usage(uint256 assignment,uint256 work)"
HEAD_TYPE = "Head(uint256 assignment,uint256 sequence,bytes32 receipt)"
REQUEST_TYPE = "Request(string method,string target,bytes32 body,uint256 expires,bytes32 nonce)"
PERMIT_TYPE = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

_PROVIDER_OFFER = keccak(PROVIDER_OFFER_TYPE.encode())
_DEVELOPER_OFFER = keccak(DEVELOPER_OFFER_TYPE.encode())
_USAGE = keccak(USAGE_TYPE.encode())
_HEAD = keccak(HEAD_TYPE.encode())
_REQUEST = keccak(REQUEST_TYPE.encode())
_PERMIT = keccak(PERMIT_TYPE.encode())
_DOMAIN = keccak(DOMAIN_TYPE.encode())


@dataclass(frozen=True, slots=True)
class Domain:
    """An EIP-712 domain."""

    name: str
    version: str
    chain_id: int
    contract: Address

    def separator(self) -> bytes:
        """Return the domain separator, 32 bytes."""
        return keccak(
            _DOMAIN
            + keccak(self.name.encode())
            + keccak(self.version.encode())
            + _uint(self.chain_id)
            + _address(self.contract)
        )


def market_domain(chain_id: int, market: Address) -> Domain:
    """Return the domain under which offers and requests are signed."""
    return Domain("Wasmarket", "1", chain_id, market)


def hash_offer(offer: Offer) -> Hash:
    """Return the struct hash, which is the offer's name everywhere."""
    if isinstance(offer, ProviderOffer):
        return to_hash(keccak(_PROVIDER_OFFER + _encode_provider_offer(offer)))
    return to_hash(keccak(_DEVELOPER_OFFER + _encode_developer_offer(offer)))


def hash_request(method: str, target: str, body_sha256: bytes, expires: int, nonce: Hash) -> bytes:
    """Return the struct hash of an HTTP request; `target` is path and query."""
    return keccak(
        _REQUEST
        + keccak(method.encode())
        + keccak(target.encode())
        + body_sha256
        + _uint(expires)
        + raw(nonce)
    )


def hash_usage(assignment: int, work: int) -> bytes:
    """Return the struct hash of a voucher: all the work that an assignment was ever used for."""
    return keccak(_USAGE + _uint(assignment) + _uint(work))


def hash_head(assignment: int, sequence: int, receipt: bytes) -> bytes:
    """Return the struct hash by which a peer's wallet stands for one receipt (its sha256)."""
    return keccak(_HEAD + _uint(assignment) + _uint(sequence) + receipt)


def hash_permit(owner: Address, spender: Address, value: int, nonce: int, deadline: int) -> bytes:
    """Return EIP-2612's struct hash; to be signed under the token's domain."""
    return keccak(
        _PERMIT
        + _address(owner)
        + _address(spender)
        + _uint(value)
        + _uint(nonce)
        + _uint(deadline)
    )


def digest(domain: Domain, struct_hash: bytes | Hash) -> bytes:
    """Return what is signed: keccak(0x1901 ‖ separator ‖ struct hash)."""
    inner = raw(struct_hash) if isinstance(struct_hash, str) else struct_hash
    return keccak(b"\x19\x01" + domain.separator() + inner)


def _encode_provider_offer(offer: ProviderOffer) -> bytes:
    return (
        _uint(offer.peer)
        + _uint(offer.kind)
        + _uint(offer.price)
        + _address(offer.developer)
        + _uint(offer.valid_until)
        + _uint(offer.counter)
        + _uint(offer.salt)
    )


def _encode_developer_offer(offer: DeveloperOffer) -> bytes:
    return b"".join(
        (
            _address(offer.developer),
            raw(offer.app),
            _uint(offer.min_units),
            _uint(offer.units),
            _uint(offer.max_units_per_provider),
            _uint(offer.min_regions),
            _address(offer.meter),
            _uint(offer.max_price),
            _uint(offer.epochs),
            _uint(offer.deposit),
            _uint(offer.min_memory_mib),
            _uint(offer.regions),
            _uint(offer.traits),
            keccak(b"".join(_address(entry) for entry in offer.providers)),
            _uint(offer.providers_mode),
            _address(offer.matcher),
            _uint(offer.tip),
            _uint(offer.valid_until),
            _uint(offer.counter),
            _uint(offer.salt),
        )
    )


def _uint(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(value: Address) -> bytes:
    return raw(value).rjust(32, b"\0")
