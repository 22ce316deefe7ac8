"""What a developer asks of a matcher beside an offer, as a value, as JSON, and signed (EIP-712).

The chain knows nothing of it: a matcher honours it, and match records show whether it did. Limits
that are not given ask for nothing. In JSON only what is given is written. Lists are signed in the
order in which they are given, weights in the order of their providers' addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from wasmarket.kernel.addresses import parse_address, raw
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.selection.peer_document import check_plain, parse_claim_kind
from wasmarket.kernel.selection.sites import is_site_id
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.signing.offers import PriceKind, parse_uint
from wasmarket.kernel.signing.signatures import NO_SIGNATURE, parse_signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest
from wasmarket.kernel.units import Address, Hash

WISH_TYPE = (
    "Wish(bytes32 offer,uint256 min_uptime_ppm,uint256 max_evictions,uint256 min_age_epochs,"
    "uint256 max_latency_ms,string gateway,uint256 budget_per_month,uint256 min_speed,"
    "string[] data_centers,string[] claims,address[] weighted_providers,uint256[] weights_ppm)"
)
_WISH = keccak(WISH_TYPE.encode())

PPM = 1_000_000
LEAST_WEIGHT, MOST_WEIGHT = 100_000, 10_000_000
"""A provider counts for no less than a tenth and no more than ten times its price."""
MAX_ENTRIES = 16
"""Data centers, claims and weights, each."""
MONTH_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Wish:
    """Limits for the peers of one offer, and how its developer likes providers.

    `min_uptime_ppm`: share of its active epochs that a peer proved, and `max_evictions`, over the
    last 30 final epochs; `min_age_epochs` since its registration; `max_latency_ms` as `gateway`
    measured it, where it did; `budget_per_month`: USDC base units that all units may cost in 30
    days; `min_speed`: 10^6 fuel per second and unit, by the peer's benchmark; `data_centers`: any
    of these; `claims`: all of these. `provider_weights` are (provider, ppm): its prices are
    multiplied by so much where providers are compared, and nowhere else.
    """

    min_uptime_ppm: int = 0
    max_evictions: int = ANY
    min_age_epochs: int = 0
    max_latency_ms: int = 0
    gateway: str = ""
    budget_per_month: int = 0
    min_speed: int = 0
    data_centers: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    provider_weights: tuple[tuple[Address, int], ...] = ()

    def peer_limits(self) -> "Wish":
        """Return what of it excludes peers."""
        return replace(self, budget_per_month=0, provider_weights=())

    @property
    def limits_peers(self) -> bool:
        """Whether any peer could be excluded by it."""
        return self.peer_limits() != NO_WISH

    @property
    def goes_by_history(self) -> bool:
        """Whether it asks for what the chain's history says of peers."""
        return bool(self.min_uptime_ppm or self.min_age_epochs or self.max_evictions != ANY)

    def most_per_epoch(self, epoch_seconds: int) -> int | None:
        """Return what all units may cost in an epoch, rounded down; None: whatever."""
        if not self.budget_per_month:
            return None
        return self.budget_per_month * epoch_seconds // MONTH_SECONDS


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class SignedWish:
    """A wish and its developer's signature over it and the offer that it is beside."""

    wish: Wish
    signature: str

    def is_by(self, developer: Address, offer: Hash, domain: Domain) -> bool:
        """Whether the developer signed this wish beside this offer."""
        try:
            signature = parse_signature(self.signature)
            if signature == NO_SIGNATURE:
                return False
            return recover(digest(domain, hash_wish(self.wish, offer)), signature) == developer
        except MarketError:
            return False


def hash_wish(wish: Wish, offer: Hash) -> bytes:
    """Return the EIP-712 struct hash of a wish beside an offer."""
    providers = [provider for provider, _ in wish.provider_weights]
    weights = [weight for _, weight in wish.provider_weights]
    return keccak(
        _WISH
        + raw(offer)
        + _uint(wish.min_uptime_ppm)
        + _uint(wish.max_evictions)
        + _uint(wish.min_age_epochs)
        + _uint(wish.max_latency_ms)
        + keccak(wish.gateway.encode())
        + _uint(wish.budget_per_month)
        + _uint(wish.min_speed)
        + keccak(b"".join(keccak(text.encode()) for text in wish.data_centers))
        + keccak(b"".join(keccak(text.encode()) for text in wish.claims))
        + keccak(b"".join(raw(provider).rjust(32, b"\0") for provider in providers))
        + keccak(b"".join(map(_uint, weights)))
    )


def dump_wish(wish: Wish) -> dict[str, Any]:
    """Write what a wish asks for as JSON values; equal wishes are written alike."""
    found: dict[str, Any] = {}
    for member in fields(Wish):
        value = getattr(wish, member.name)
        if value == member.default:
            continue
        if member.name == "provider_weights":
            found[member.name] = dict(value)
        elif member.name == "budget_per_month":
            found[member.name] = str(value)
        else:
            found[member.name] = list(value) if isinstance(value, tuple) else value
    return found


def parse_wish(data: Any) -> Wish:
    """Read a wish from JSON. Raises InvalidInput that names the member."""
    if not isinstance(data, Mapping):
        raise InvalidInput("the wish is not an object", field="wish")
    for name in data:
        if name not in _READERS:
            raise InvalidInput(
                f"a wish has no member {name!r:.80}",
                field=f"wish.{name}"[:80],
                remedy=f"it has {', '.join(_READERS)}",
            )
    members: dict[str, Any] = {
        name: read(data[name], f"wish.{name}") for name, read in _READERS.items() if name in data
    }
    wish = Wish(**members)
    if wish.max_latency_ms and not wish.gateway:
        raise InvalidInput("max_latency_ms needs the gateway that measured", field="wish.gateway")
    return wish


def check_wish(wish: Wish, kind: PriceKind) -> None:
    """Raise InvalidInput for a wish that means nothing for deals of a kind."""
    if wish.budget_per_month and kind is PriceKind.METERED:
        raise InvalidInput(
            "a metered deal pays for work, not for time: a month of it has no price beforehand",
            field="wish.budget_per_month",
            remedy="bound it by the deposit and by --credit",
        )


def load_signed_wish(data: Any) -> SignedWish:
    """Read a wish with its signature, as match records have it. Raises InvalidInput."""
    if not isinstance(data, Mapping) or data.keys() != {"wish", "signature"}:
        raise InvalidInput("a signed wish has wish and signature", field="wish")
    signature = data["signature"]
    if not isinstance(signature, str):
        raise InvalidInput("the wish's signature is no text", field="wish_signature")
    return SignedWish(parse_wish(data["wish"]), parse_signature(signature).to_hex())


def dump_signed_wish(signed: SignedWish) -> dict[str, Any]:
    """Write a wish with its signature."""
    return {"wish": dump_wish(signed.wish), "signature": signed.signature}


def _number(most: int) -> Any:
    def read(value: object, field: str) -> int:
        return parse_uint(value, field=field, below=most + 1)

    return read


def _gateway(value: object, field: str) -> str:
    return check_plain(value, field, least=1)


def _texts(value: object, field: str) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) > MAX_ENTRIES:
        raise InvalidInput(f"{field} is not a list of at most {MAX_ENTRIES}", field=field)
    if any(not isinstance(entry, str) for entry in value) or len(set(value)) < len(value):
        raise InvalidInput(f"{field} is not a list of texts, each once", field=field)
    return list(value)


def _sites(value: object, field: str) -> tuple[str, ...]:
    found = _texts(value, field)
    for entry in found:
        if not is_site_id(entry):
            raise InvalidInput(
                f"{field}: {entry!r:.80} is no data center",
                field=field,
                remedy="see `wasmarket peer sites`",
            )
    return tuple(found)


def _claims(value: object, field: str) -> tuple[str, ...]:
    return tuple(parse_claim_kind(entry, field) for entry in _texts(value, field))


def _weights(value: object, field: str) -> tuple[tuple[Address, int], ...]:
    if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
        raise InvalidInput(
            f"{field} is not an object of at most {MAX_ENTRIES} providers", field=field
        )
    found: dict[Address, int] = {}
    for provider, weight in value.items():
        number = parse_uint(weight, field=field)
        if not LEAST_WEIGHT <= number <= MOST_WEIGHT:
            raise InvalidInput(
                f"{field}: a weight is from {LEAST_WEIGHT} to {MOST_WEIGHT} ppm, not {number}",
                field=field,
                remedy="1000000 leaves a price as it is, 900000 lets it count for 10 % less",
            )
        found[parse_address(provider, field=field)] = number
    return tuple(sorted(found.items()))


_READERS: Mapping[str, Any] = {
    "min_uptime_ppm": _number(PPM),
    "max_evictions": _number(ANY),
    "min_age_epochs": _number(2**32 - 1),
    "max_latency_ms": _number(2**32 - 1),
    "gateway": _gateway,
    "budget_per_month": _number(2**64 - 1),
    "min_speed": _number(2**32 - 1),
    "data_centers": _sites,
    "claims": _claims,
    "provider_weights": _weights,
}


def _uint(value: int) -> bytes:
    return value.to_bytes(32, "big")
