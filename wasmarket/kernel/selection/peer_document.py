"""What a peer says of itself: where it stands, its hardware, its speed, and what it claims.

Canonical JSON of at most `MAX_BYTES`, signed by the peer's key (`signing.peer_documents`). Nothing
in it is proved but who said it: hardware and claims are the provider's word, the benchmark is the
peer's own measurement. Text is plain: no character that a terminal would obey.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.documents.canonical_json import MAX_INTEGER, dump_canonical, parse_canonical
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.sites import DataCenter, custom_site, is_site_id, sites
from wasmarket.kernel.terminal_text import clean_for_terminal
from wasmarket.kernel.units import Address, Hash

VERSION = 1
MAX_BYTES = 8_192
MAX_CLAIMS = 16
MAX_WORKLOADS = 8
MAX_TEXT = 120
MAX_URL = 300
MAX_VALID_SECONDS = 31 * 86_400
"""How long a document may hold: what it says may be checked by nobody, but it is never old."""

CLAIM_KIND = r"[a-z0-9]+(_[a-z0-9]+)*"
"""What the kind of a claim looks like, as a regular expression."""
MAX_CLAIM_KIND = 32
"""Characters of the kind of a claim."""
_KIND = re.compile(CLAIM_KIND)
_URL = re.compile(r"https?://[!-~]+")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine as its provider names it; 0 and empty: not said.

    `cores` and `memory_mib` of the whole machine, `storage_gib` GiB, `network_mbps` 10^6 bit/s.
    """

    cpu: str = ""
    cores: int = 0
    memory_mib: int = 0
    storage_gib: int = 0
    network_mbps: int = 0


NO_HARDWARE = Hardware()


@dataclass(frozen=True, slots=True)
class PeerClaim:
    """Something that the provider says and nobody here has checked: `kind` is what is filtered by
    (`renewable`, `iso_27001`), `text` and `url` say more."""

    kind: str
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """What one workload of a benchmark did: `work` in fuel, `microseconds` on one unit."""

    name: str
    work: int
    microseconds: int


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A run of `wasmarket peer benchmark` at `at` (seconds) with `units` workers at once.

    `suite` names the workloads by hash; `latency_us` is of a call that does nothing, median and
    99th percentile, in microseconds.
    """

    suite: Hash
    at: int
    units: int
    workloads: tuple[Workload, ...]
    latency_us: tuple[int, int]

    @property
    def speed(self) -> int:
        """Work per second of one unit, in 10^6 fuel: all work by all time, rounded down."""
        took = sum(entry.microseconds for entry in self.workloads)
        return sum(entry.work for entry in self.workloads) // took if took else 0


@dataclass(frozen=True, slots=True)
class PeerDocument:
    """The document; times in seconds of the chain. It holds until `expires`."""

    chain_id: int
    market: Address
    peer: int
    issued: int
    expires: int
    site: DataCenter | None = None
    hardware: Hardware = NO_HARDWARE
    claims: tuple[PeerClaim, ...] = ()
    benchmark: Benchmark | None = None

    @property
    def speed(self) -> int:
        """Work per second of one unit, in 10^6 fuel; 0: not measured."""
        return 0 if self.benchmark is None else self.benchmark.speed

    @property
    def claim_kinds(self) -> tuple[str, ...]:
        """What is claimed, each kind once, in order of the alphabet."""
        return tuple(sorted({claim.kind for claim in self.claims}))


def dump_peer_document(document: PeerDocument) -> bytes:
    """Return the one spelling of a document. Raises InvalidInput for one that is too large."""
    content = dump_canonical(to_json(document))
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"the document has {len(content)} bytes, {MAX_BYTES} are the most",
            field="document",
            remedy="make fewer claims, or shorter ones",
        )
    return content


def to_json(document: PeerDocument) -> dict[str, Any]:
    """Return a document as JSON values."""
    machine, ran = document.hardware, document.benchmark
    return {
        "version": VERSION,
        "chain_id": document.chain_id,
        "market": document.market,
        "peer": document.peer,
        "issued": document.issued,
        "expires": document.expires,
        "site": _site_json(document.site),
        "hardware": {
            "cpu": machine.cpu,
            "cores": machine.cores,
            "memory_mib": machine.memory_mib,
            "storage_gib": machine.storage_gib,
            "network_mbps": machine.network_mbps,
        },
        "claims": [
            {"kind": claim.kind, "text": claim.text, "url": claim.url} for claim in document.claims
        ],
        "benchmark": None if ran is None else benchmark_json(ran),
    }


def benchmark_json(ran: Benchmark) -> dict[str, Any]:
    """Return a benchmark as JSON values."""
    return {
        "suite": ran.suite,
        "at": ran.at,
        "units": ran.units,
        "workloads": [
            {"name": entry.name, "work": entry.work, "microseconds": entry.microseconds}
            for entry in ran.workloads
        ],
        "latency_us": {"p50": ran.latency_us[0], "p99": ran.latency_us[1]},
    }


def parse_peer_document(content: bytes) -> PeerDocument:
    """Read the canonical bytes of a document. Raises InvalidInput that names the field."""
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the document has more than {MAX_BYTES} bytes", field="document")
    return read_peer_document(parse_canonical(content))


def read_peer_document(value: Any) -> PeerDocument:
    """Read a document from JSON values. Raises InvalidInput that names the field."""
    fields = JsonFields(value)
    fields.integer("version", VERSION, VERSION)
    issued = fields.integer("issued", 0, MAX_INTEGER)
    document = PeerDocument(
        chain_id=fields.integer("chain_id", 1, MAX_INTEGER),
        market=parse_address(fields.take("market"), field="market"),
        peer=fields.integer("peer", 1, MAX_INTEGER),
        issued=issued,
        expires=fields.integer("expires", issued + 1, issued + MAX_VALID_SECONDS),
        site=parse_site(fields.take("site", None)),
        hardware=parse_hardware(fields.take("hardware")),
        claims=parse_claims(fields.items("claims", 0, MAX_CLAIMS)),
        benchmark=parse_benchmark(fields.take("benchmark", None)),
    )
    fields.finish()
    return document


def parse_site(value: Any) -> DataCenter | None:
    """Read a site: an id of the list, or a description with the hash that names it.

    An id of a newer list than ours is kept, and its country is then not known. Raises InvalidInput.
    """
    if value is None:
        return None
    fields = JsonFields(value, "site")
    name = fields.take("id")
    if not isinstance(name, str) or not is_site_id(name):
        raise InvalidInput("site.id names no data center", field="site.id")
    if not name.startswith("0x"):
        fields.finish()
        return sites().get(name, DataCenter(name, name, "", "", ""))
    found = custom_site(
        check_plain(fields.take("name"), "site.name", least=1),
        check_plain(fields.take("city"), "site.city", least=1),
        fields.text("country", _COUNTRY, "an ISO code such as DE"),
        check_plain(fields.take("area", ""), "site.area"),
    )
    fields.finish()
    if found.id != name:
        raise InvalidInput(
            "site.id is not the hash of the site's description",
            field="site.id",
            remedy=f"it is {found.id}",
        )
    return found


def parse_hardware(value: Any) -> Hardware:
    """Read what is said of a machine; what is missing is not said. Raises InvalidInput."""
    fields = JsonFields(value, "hardware")
    found = Hardware(
        cpu=check_plain(fields.take("cpu", ""), "hardware.cpu"),
        cores=fields.integer("cores", 0, 2**16, 0),
        memory_mib=fields.integer("memory_mib", 0, 2**32, 0),
        storage_gib=fields.integer("storage_gib", 0, 2**32, 0),
        network_mbps=fields.integer("network_mbps", 0, 2**32, 0),
    )
    fields.finish()
    return found


def parse_claims(values: list[Any]) -> tuple[PeerClaim, ...]:
    """Read claims, each kind once. Raises InvalidInput."""
    claims: list[PeerClaim] = []
    for index, value in enumerate(values):
        path = f"claims[{index}]"
        fields = JsonFields(value, path)
        kind = parse_claim_kind(fields.take("kind"), f"{path}.kind")
        text = check_plain(fields.take("text", ""), f"{path}.text")
        url = fields.take("url", "")
        if url and (not isinstance(url, str) or len(url) > MAX_URL or not _URL.fullmatch(url)):
            raise InvalidInput(f"{path}.url is no URL", field=f"{path}.url")
        fields.finish()
        if any(claim.kind == kind for claim in claims):
            raise InvalidInput(f"{path}.kind {kind!r} appears twice", field=f"{path}.kind")
        claims.append(PeerClaim(kind, text, url or ""))
    return tuple(claims)


def parse_claim_kind(value: Any, field: str) -> str:
    """Return the kind of a claim. Raises InvalidInput."""
    if not isinstance(value, str) or len(value) > MAX_CLAIM_KIND or not _KIND.fullmatch(value):
        raise InvalidInput(
            f"{field} is no kind of claim",
            field=field,
            remedy="write lower-case words joined by _, e.g. renewable or iso_27001",
        )
    return value


def parse_benchmark(value: Any) -> Benchmark | None:
    """Read a benchmark. Raises InvalidInput."""
    if value is None:
        return None
    fields = JsonFields(value, "benchmark")
    workloads = tuple(
        Workload(
            check_plain(entry.take("name"), entry.path("name"), least=1),
            entry.integer("work", 1, MAX_INTEGER),
            _last(entry, "microseconds"),
        )
        for entry in fields.objects("workloads", 1, MAX_WORKLOADS)
    )
    latency = JsonFields(fields.take("latency_us"), "benchmark.latency_us")
    found = Benchmark(
        suite=parse_hash(fields.take("suite"), field="benchmark.suite"),
        at=fields.integer("at", 0, MAX_INTEGER),
        units=fields.integer("units", 1, 2**16),
        workloads=workloads,
        latency_us=(latency.integer("p50", 0, 10**9), latency.integer("p99", 0, 10**9)),
    )
    latency.finish()
    fields.finish()
    return found


def check_plain(value: Any, field: str, *, least: int = 0) -> str:
    """Return a short line of text that no reader need fear. Raises InvalidInput."""
    if (
        not isinstance(value, str)
        or not least <= len(value) <= MAX_TEXT
        or clean_for_terminal(value) != value
    ):
        raise InvalidInput(
            f"{field} is not a line of {least} to {MAX_TEXT} plain characters", field=field
        )
    return value


def _last(fields: JsonFields, name: str) -> int:
    found = fields.integer(name, 1, MAX_INTEGER)
    fields.finish()
    return found


def _site_json(site: DataCenter | None) -> Mapping[str, str] | None:
    if site is None:
        return None
    return {"id": site.id} if site.is_listed else {"id": site.id} | site.describe()
