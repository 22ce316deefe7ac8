"""JSON of offers, explanations, quotes and depth."""

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from wasmarket.kernel.selection.peer_document import MAX_TEXT
from wasmarket.kernel.selection.wishes import LEAST_WEIGHT, MAX_ENTRIES, MOST_WEIGHT, PPM
from wasmarket.kernel.signing.offers import MAX_PROVIDERS, DeveloperOffer, ProviderOffer
from wasmarket.kernel.units import Hash
from wasmarket.serving.amounts import UINT_SCHEMA, Uint
from wasmarket.serving.texts import ADDRESS_SCHEMA, HASH_SCHEMA, AddressText, HashText
from wasmarket.store.enums import OfferStatus

_LIST_SCHEMA = {"type": "array", "items": ADDRESS_SCHEMA, "maxItems": MAX_PROVIDERS}
_SCHEMAS: dict[str, Any] = {
    "developer": ADDRESS_SCHEMA,
    "matcher": ADDRESS_SCHEMA,
    "meter": ADDRESS_SCHEMA,
    "app": HASH_SCHEMA,
    "providers": _LIST_SCHEMA,
}


def _terms_schema(kind: type[ProviderOffer] | type[DeveloperOffer]) -> dict[str, Any]:
    """Describe the JSON of an offer; the kernel parses it (kernel.offers.parse_offer)."""
    names = [member.name for member in fields(kind)]
    return {
        "type": "object",
        "title": kind.__name__,
        "properties": {name: _SCHEMAS.get(name, UINT_SCHEMA) for name in names},
        "required": names,
        "additionalProperties": False,
    }


AskTerms = Annotated[dict[str, Any], WithJsonSchema(_terms_schema(ProviderOffer))]
BidTerms = Annotated[dict[str, Any], WithJsonSchema(_terms_schema(DeveloperOffer))]
AnyTerms = Annotated[
    dict[str, Any],
    WithJsonSchema({"anyOf": [_terms_schema(ProviderOffer), _terms_schema(DeveloperOffer)]}),
]
SignatureText = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "signature",
            "pattern": "^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{130})$",
            "description": "r and vs (EIP-2098), or r, s and v",
        }
    ),
]


_WEIGHTS_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "integer",
        "minimum": LEAST_WEIGHT,
        "maximum": MOST_WEIGHT,
    },
    "maxProperties": MAX_ENTRIES,
}
_NUMBER_SCHEMA = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_TEXTS_SCHEMA = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": MAX_ENTRIES,
    "uniqueItems": True,
}
WishTerms = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "title": "Wish",
            "properties": {
                "min_uptime_ppm": _NUMBER_SCHEMA | {"maximum": PPM},
                "max_evictions": _NUMBER_SCHEMA,
                "min_age_epochs": _NUMBER_SCHEMA,
                "max_latency_ms": _NUMBER_SCHEMA,
                "gateway": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
                "budget_per_month": UINT_SCHEMA,
                "min_speed": _NUMBER_SCHEMA,
                "data_centers": _TEXTS_SCHEMA,
                "claims": _TEXTS_SCHEMA,
                "provider_weights": _WEIGHTS_SCHEMA,
            },
            "additionalProperties": False,
        }
    ),
]


class PermitBody(BaseModel):
    """An EIP-2612 permit of the developer for Market."""

    model_config = ConfigDict(extra="forbid")

    value: Uint
    deadline: Uint
    signature: SignatureText


class DeveloperOfferBody(BaseModel):
    """A bid. Without a signature its hash must be approved on chain."""

    model_config = ConfigDict(extra="forbid")

    offer: BidTerms
    signature: SignatureText | None = None
    permit: PermitBody | None = None
    target: Annotated[int, Field(ge=1, lt=2**16)] | None = None
    """Units wanted for now, of a new offer; the rest is room for replacements."""
    target_authorization: Annotated[str, Field(max_length=512)] | None = None
    """Authorization header of `PUT /v1/developer-offers/{hash}/target` with `{"units":N}`."""
    wish: WishTerms | None = None
    """What is asked of this matcher beside a new offer; the chain does not know it."""
    wish_signature: SignatureText | None = None
    """The developer's EIP-712 signature over the wish and the offer's hash."""


class ProviderOfferBody(BaseModel):
    """An ask. Without a signature its hash must be approved on chain."""

    model_config = ConfigDict(extra="forbid")

    offer: AskTerms
    signature: SignatureText | None = None


class OfferView(BaseModel):
    """What became of an offer; `reasons` say why it has no (more) units."""

    hash: HashText
    status: str
    deal: int | None
    reasons: list[str]


def listed(name: Hash) -> OfferView:
    """Say that an offer is new and has met nobody yet."""
    return OfferView(hash=name, status=OfferStatus.POSTED.value, deal=None, reasons=[])


class FullOfferView(OfferView):
    """An offer with its terms, as everybody can check them."""

    offer: AnyTerms
    signature: SignatureText | None
    source: str
    received_at: int
    wish: WishTerms | None = None
    wish_signature: SignatureText | None = None


class SupplyView(BaseModel):
    """Peers and their units."""

    peers: int
    units: int


class ExclusionView(BaseModel):
    """What a constraint excludes: of everything, and after all others."""

    constraint: str
    alone: SupplyView
    last: SupplyView


class RelaxationView(BaseModel):
    """A smallest single change and what it gives; `price` is the dearest unit's. `peers`: how many
    more peers a change of the wish lets in, null for one of the offer."""

    field: str
    from_: Annotated[str | list[str], Field(serialization_alias="from")]
    to: str | list[str]
    units: int
    price: Uint
    peers: int | None


class PriceDistanceView(BaseModel):
    """By how much `max_price` must rise, all else equal: `any` until the offer gets its first
    units, `all` until it gets all it wants. "0": it does now; null: no price does it."""

    any: Uint | None
    all: Uint | None


class ExplanationView(BaseModel):
    """Why an offer has the units it has; `notes`: what else keeps units from it, and by whose
    measurements a wish for a latency goes. `together`: a smallest set of limits that would all
    have to go for it to get more."""

    hash: HashText
    want: int
    units: int
    price_distance: PriceDistanceView
    excluded: list[ExclusionView]
    together: list[str]
    relaxations: list[RelaxationView]
    notes: list[str]
    block: int


class RequirementJson(BaseModel):
    """What a quote is asked for; members as in a developer offer."""

    model_config = ConfigDict(extra="forbid")

    units: Annotated[int, Field(ge=1, lt=2**16)]
    kind: Annotated[int, Field(ge=0, le=1)] = 0
    min_units: Annotated[int, Field(ge=1, lt=2**16)] = 1
    max_units_per_provider: Uint = 0
    min_regions: Annotated[int, Field(ge=0, le=256)] = 0
    max_price: Uint = 2**48 - 1
    deposit: Uint = 2**64 - 1
    min_memory_mib: Uint = 0
    regions: Uint = 0
    traits: Uint = 0
    providers: Annotated[list[AddressText], Field(max_length=MAX_PROVIDERS)] = []
    providers_mode: Annotated[int, Field(ge=0, le=2)] = 0
    developer: AddressText | None = None
    wish: WishTerms | None = None


class QuoteView(BaseModel):
    """So many units cost `total` per epoch (or 10^12 work), the dearest of them `price_max`."""

    units: int
    total: Uint
    price_max: Uint


class LevelView(BaseModel):
    """Free units at one price."""

    price: Uint
    peers: int
    units: int


class DepthView(BaseModel):
    """What a region sells, cheapest first."""

    region: int
    peers: int
    units: int
    levels: list[LevelView]
