"""What developers ask of a matcher beside their offers, kept as they signed it.

An offer does not say that fewer units are wanted for now, or that an assignment is to be replaced.
Only a signed request does, and it goes into the book document, so that nobody has to believe the
matcher that its developer wanted so.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from wasmarket.kernel.errors import BadContent, MarketError
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.signing.targets import METHOD, target_body, target_path
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address, Hash

MAX_TEXT = 4_096
"""Characters of each part; requests of ours have a few hundred."""


class _Target(msgspec.Struct):
    units: int | None


class _Replacement(msgspec.Struct):
    assignment: int


def target_request(offer: Hash, units: int, authorization: str) -> SignedRequest:
    """Return the request that a developer signs to say how many units are wanted for now."""
    return SignedRequest(METHOD, target_path(offer), target_body(units), authorization)


def replacement_path(deal: int) -> str:
    """Return where a replacement is asked for."""
    return f"/v1/deals/{deal}/replacements"


def find_target(
    proofs: Iterable[SignedRequest], offer: Hash, developer: Address, domain: Domain
) -> int | None:
    """Return how many units a developer asked for by a signed request, None if it cannot be shown.

    Two of them show nothing: an honest matcher shows the one that it follows.
    """
    found = [
        _body_of(proof, _Target)
        for proof in proofs
        if _is_by(proof, METHOD, target_path(offer), developer, domain)
    ]
    units = [body.units for body in found if body is not None and body.units is not None]
    return units[0] if len(units) == 1 else None


def find_replacements(
    proofs: Iterable[SignedRequest], deal: int, developer: Address, domain: Domain
) -> frozenset[int]:
    """Return which assignments of a deal its developer asked to be replaced, as can be shown."""
    found = (
        _body_of(proof, _Replacement)
        for proof in proofs
        if _is_by(proof, "POST", replacement_path(deal), developer, domain)
    )
    return frozenset(body.assignment for body in found if body is not None)


def dump_proof(proof: SignedRequest) -> dict[str, str]:
    """Write a signed request as JSON."""
    return {
        "method": proof.method,
        "target": proof.target,
        "body": proof.body,
        "authorization": proof.authorization,
    }


def load_proof(value: Any) -> SignedRequest:
    """Read a signed request from JSON. Raises BadContent."""
    names = ("method", "target", "body", "authorization")
    if not isinstance(value, dict) or value.keys() != set(names):
        raise BadContent("a signed request has method, target, body and authorization")
    parts = [value[name] for name in names]
    if not all(isinstance(part, str) and len(part) <= MAX_TEXT for part in parts):
        raise BadContent("the parts of a signed request are short texts")
    return SignedRequest(*parts)


def _is_by(
    proof: SignedRequest, method: str, path: str, developer: Address, domain: Domain
) -> bool:
    # A proxy in front may have put the matcher below a path of its own.
    if proof.method != method or not proof.target.lower().endswith(path):
        return False
    try:
        return proof.recover(domain).address == developer
    except MarketError:
        return False


def _body_of(proof: SignedRequest, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(proof.body.encode(), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
