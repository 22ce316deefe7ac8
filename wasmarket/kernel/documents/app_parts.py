"""Name the parts of an app as its manifest describes them (DESIGN 8.4); read some of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wasmarket.kernel.documents.aqua_types import FlowInterface
from wasmarket.kernel.documents.canonical_json import MAX_INTEGER
from wasmarket.kernel.documents.content_ids import Cid
from wasmarket.kernel.documents.json_fields import JsonFields, check_text
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket.kernel.shown import shown
from wasmarket.kernel.traits import trait_mask

MAX_CALL_MS = 600_000
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_SCHEDULE = 2**31 - 1
MAX_STORAGE_FILES = 2**31 - 1
MAX_SETTINGS = 256
MAX_OVERRIDES = MAX_SETTINGS + 2
MAX_ORIGINS = 64
MAX_CORS_HEADERS = 64
_ORIGIN = re.compile(r"\*|https?://(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[1-9][0-9]{0,4})?")
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}")
MAX_CREDIT = 2**48 - 1
"""What an assignment can ever be paid (CONTRACTS 2)."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Wasm module of a service; `memory_limit` in bytes, None: the service's limit alone."""

    name: str
    cid: Cid
    memory_limit: int | None = None
    logger_enabled: bool = True
    logging_mask: int = 0
    envs: Mapping[str, str] = field(default_factory=dict)
    mapped_dirs: Mapping[str, str] = field(default_factory=dict)
    mounted_binaries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """Linked modules that are called through the last one; `total_memory_limit` in bytes.

    A deterministic one answers the same to the same call, wherever it runs.
    """

    name: str
    total_memory_limit: int
    modules: tuple[Module, ...]
    abi: str = "marine"
    instance: str = "fresh"
    deterministic: bool = False

    @property
    def facade(self) -> Module:
        """Return the module whose functions are called."""
        return self.modules[-1]


@dataclass(frozen=True, slots=True)
class HttpEffector:
    """Outbound HTTP to these hosts only, each a lower-case name with or without `:port`."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effectors:
    """The host capabilities that an app asks for."""

    http: HttpEffector | None = None
    ipfs: bool = False
    kv: bool = False
    programs: tuple[str, ...] = ()
    """Programs of the host that modules mount, by the names that providers give them."""
    secrets: tuple[str, ...] = ()
    """Names of the deal's secrets that functions may read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of those asked for, as `kernel.traits` knows them."""
        asked = {
            "http": self.http is not None,
            "ipfs": self.ipfs,
            "kv": self.kv,
            "secret": bool(self.secrets),
        }
        return tuple(name for name, wanted in asked.items() if wanted)


SETTING = "settings."
FUEL = "limits.fuel"
CREDIT = "limits.credit"
"""Places in a manifest whose values may be given for one deal; a setting's name goes behind."""

FUEL_SCHEDULE = 1
"""The costs of instructions that fuel is counted by now (CONTRACTS 18)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: milliseconds, bytes in, bytes out, fuel (None: not metered).

    `fuel_schedule` is the number of the costs by which fuel is counted; metered deals need it.
    `credit` is what a metered deal may owe each peer, USDC base units (None: as the peer likes).
    `storage_bytes` and `storage_files` are what all services together may keep on a peer between
    calls (None: what the peer allows).
    """

    call_ms: int = 5_000
    input_bytes: int = 1_048_576
    output_bytes: int = 1_048_576
    fuel: int | None = None
    fuel_schedule: int | None = None
    credit: int | None = None
    storage_bytes: int | None = None
    storage_files: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The function that is called to see whether the app is well."""

    service: str
    function: str


@dataclass(frozen=True, slots=True)
class Site:
    """The function that answers HTTP requests: a message in, a message out (decision 0018)."""

    service: str
    function: str


@dataclass(frozen=True, slots=True)
class CorsRules:
    """Pages of which origins may call (`*`: any), and with which headers besides the usual."""

    origins: tuple[str, ...]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A script in AIR that is started like a function; it may take `ttl_ms`."""

    name: str
    script: str
    interface: FlowInterface
    ttl_ms: int
    access: str = "callers"
    """Who starts it: `callers` of the deal, or only its `developer`."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An app as its developer published it."""

    name: str
    services: tuple[Service, ...]
    effectors: Effectors = field(default_factory=Effectors)
    limits: Limits = field(default_factory=Limits)
    health: Health | None = None
    site: Site | None = None
    flows: tuple[Flow, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Plain values that every module finds in its environment."""
    overrides: tuple[str, ...] = ()
    """Places above whose values were given for one deal, in order; its later versions keep them."""
    cors: CorsRules | None = None
    """None: the gateway's rules hold for calls, and a site's function minds them itself."""

    @property
    def traits(self) -> int:
        """Return the trait bits of the effectors asked for."""
        return trait_mask(self.effectors.names)

    @property
    def module_cids(self) -> tuple[Cid, ...]:
        """Return the ids of all modules, each once, in order of first use."""
        return tuple(dict.fromkeys(m.cid for service in self.services for m in service.modules))

    def service(self, name: str) -> Service:
        """Return a service by name. Raises NotFound."""
        for service in self.services:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in self.services)
        raise NotFound(f"{self.name} has no service {name!r:.80}", remedy=f"it has: {known}")


def read_limits(fields: JsonFields) -> Limits:
    """Read the limits of a manifest. Raises InvalidInput that names the field."""
    usual = Limits()
    limits = Limits(
        call_ms=fields.integer("call_ms", 1, MAX_CALL_MS, usual.call_ms),
        input_bytes=fields.integer("input_bytes", 0, MAX_BODY_BYTES, usual.input_bytes),
        output_bytes=fields.integer("output_bytes", 0, MAX_BODY_BYTES, usual.output_bytes),
        fuel=fields.optional_integer("fuel", 1, MAX_INTEGER),
        fuel_schedule=fields.optional_integer("fuel_schedule", 1, MAX_SCHEDULE),
        credit=fields.optional_integer("credit", 1, MAX_CREDIT),
        storage_bytes=fields.optional_integer("storage_bytes", 1, MAX_INTEGER),
        storage_files=fields.optional_integer("storage_files", 1, MAX_STORAGE_FILES),
    )
    if limits.fuel is None and limits.fuel_schedule is not None:
        raise InvalidInput(
            "limits.fuel_schedule is given, and no fuel is counted",
            field="limits.fuel_schedule",
            remedy="set `fuel`, or leave it out",
        )
    fields.finish()
    return limits


def check_overrides(manifest: Manifest) -> None:
    """Check that each place said to be given for a deal has a value, and comes once.

    Raises InvalidInput.
    """
    limits = manifest.limits
    places = {f"{SETTING}{name}" for name in manifest.settings}
    places |= {FUEL} if limits.fuel is not None else set()
    places |= {CREDIT} if limits.credit is not None else set()
    for index, place in enumerate(manifest.overrides):
        path = f"overrides[{index}]"
        if not isinstance(place, str) or place not in places:
            raise InvalidInput(
                f"{path} is {shown(place)}, which the manifest does not have",
                field=path,
                remedy=f"name `{SETTING}NAME`, `{FUEL}` or `{CREDIT}`, where it has that",
            )
        if place in manifest.overrides[:index]:
            raise InvalidInput(f"overrides has {place!r} twice", field=path, remedy="name it once")


def read_cors(fields: JsonFields) -> CorsRules | None:
    """Read the rules for pages of other origins, if there are any. Raises InvalidInput."""
    if not fields.has("cors"):
        fields.take("cors", None)
        return None
    entry = JsonFields(fields.take("cors"), "cors")
    origins = entry.items("origins", 1, MAX_ORIGINS)
    for index, origin in enumerate(origins):
        what = "an origin in lower case, as `https://shop.example.org`, or `*`"
        check_text(origin, _ORIGIN, what, f"cors.origins[{index}]")
    if "*" in origins and len(origins) > 1:
        raise InvalidInput(
            "cors.origins names origins beside '*', which is any",
            field="cors.origins",
            remedy="leave one of both out",
        )
    headers = entry.items("headers", 0, MAX_CORS_HEADERS, [])
    for index, name in enumerate(headers):
        check_text(name, _HEADER, "a header's name in lower case", f"cors.headers[{index}]")
    entry.finish()
    return CorsRules(tuple(origins), tuple(headers))


def dump_cors(rules: CorsRules) -> dict[str, list[str]]:
    """Write the rules as a manifest has them."""
    return {"origins": list(rules.origins), "headers": list(rules.headers)}


def dump_limits(limits: Limits) -> dict[str, int | None]:
    """Write limits as a manifest has them; what was added later only where it is said."""
    document = {
        "call_ms": limits.call_ms,
        "input_bytes": limits.input_bytes,
        "output_bytes": limits.output_bytes,
        "fuel": limits.fuel,
    }
    for name in ("fuel_schedule", "credit", "storage_bytes", "storage_files"):
        value: int | None = getattr(limits, name)
        if value is not None:
            document[name] = value
    return document
