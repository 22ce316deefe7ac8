"""Hash and sign offers and permits with eth_account, which shares no code with the contracts."""

from dataclasses import asdict
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data

from tests.model.terms import DeveloperOffer, ProviderOffer

DEVELOPER_OFFER = (
    "address developer,bytes32 app,uint256 min_units,uint256 units,uint256 max_units_per_provider,"
    "uint256 min_regions,address meter,uint256 max_price,uint256 epochs,uint256 deposit,"
    "uint256 min_memory_mib,uint256 regions,uint256 traits,address[] providers,"
    "uint256 providers_mode,address matcher,uint256 tip,uint256 valid_until,uint256 counter,"
    "uint256 salt"
)
PROVIDER_OFFER = (
    "uint256 peer,uint256 kind,uint256 price,address developer,uint256 valid_until,"
    "uint256 counter,uint256 salt"
)
USAGE = "uint256 assignment,uint256 work"
HEAD = "uint256 assignment,uint256 sequence,bytes32 receipt"
PERMIT = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
SCHEMAS = {
    "DeveloperOffer": DEVELOPER_OFFER,
    "ProviderOffer": PROVIDER_OFFER,
    "Usage": USAGE,
    "Head": HEAD,
    "Permit": PERMIT,
}

Offer = DeveloperOffer | ProviderOffer


class Signature(NamedTuple):
    """A compact signature (EIP-2098), or whatever an attacker puts in its place."""

    r: bytes
    vs: bytes


EMPTY = Signature(bytes(32), bytes(32))


def fields_of(schema: str) -> list[dict[str, str]]:
    """Turn `type name,…` into the members of an EIP-712 type."""
    pairs = (member.split(" ") for member in schema.split(","))
    return [{"type": kind, "name": name} for kind, name in pairs]


def compact(signed: Any) -> Signature:
    """Fold v into the top bit of s."""
    vs = signed.s | (signed.v - 27) << 255
    return Signature(signed.r.to_bytes(32, "big"), vs.to_bytes(32, "big"))


class Domain:
    """What signatures are bound to: a name, a chain and a contract."""

    def __init__(self, name: str, chain_id: int, contract: str) -> None:
        self.fields = {
            "name": name,
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        }
        self.hash_of = lru_cache(maxsize=None)(self._hash_of)
        self.sign = lru_cache(maxsize=None)(self._sign)

    @cached_property
    def separator(self) -> bytes:
        """The EIP-712 domain separator."""
        return self._encode(ProviderOffer(1, 1)).header

    def _encode(self, offer: Offer) -> SignableMessage:
        message = asdict(offer)
        if isinstance(offer, DeveloperOffer):
            message["providers"] = list(offer.providers)
        return self.encode(type(offer).__name__, message)

    def encode(self, kind: str, message: dict[str, Any]) -> SignableMessage:
        """Build the signable form of a struct."""
        return encode_typed_data(self.fields, {kind: fields_of(SCHEMAS[kind])}, message)

    def _hash_of(self, offer: Offer) -> bytes:
        return bytes(self._encode(offer).body)

    def _sign(self, offer: Offer, key: bytes) -> Signature:
        return compact(Account.sign_message(self._encode(offer), key))

    def sign_struct(self, key: bytes, kind: str, message: dict[str, Any]) -> Signature:
        """Sign a struct of that name."""
        return compact(Account.sign_message(self.encode(kind, message), key))

    def sign_permit(self, key: bytes, message: dict[str, Any]) -> Signature:
        """Sign an EIP-2612 permit."""
        return compact(Account.sign_message(self.encode("Permit", message), key))
