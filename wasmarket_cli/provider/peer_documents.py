"""`wasmarket peer document`: what a peer of this home says of itself, and how to have it say so."""

import tomllib
from pathlib import Path
from typing import Any

import click
import tomli_w

from peer.folder import PeerFolder, public_key, write_atomically
from peer.machine import detect_hardware
from peer.own_document import TERMS, make_document, read_benchmark, read_terms
from peer.policy.document_table import DocumentTerms, parse_document_terms
from peer.policy.file import PolicyFile
from peer.settings import PeerSettings
from wasmarket.chain.contracts.views import OnchainPeer
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Conflict, InvalidInput, NotFound, Unreachable
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.selection.peer_document import PeerDocument, dump_peer_document, to_json
from wasmarket.kernel.selection.sites import parse_site_id
from wasmarket.kernel.units import Hash
from wasmarket.serving.peers.documents import MAX_ANSWER, PATH, open_answer
from wasmarket_cli.options import Checked, json_option
from wasmarket_cli.output import print_facts, print_json, print_table, say, write_time
from wasmarket_cli.provider.peer_benchmark import show_benchmark
from wasmarket_cli.provider.peer_keys import URL, find_peer
from wasmarket_cli.wiring import wire

SITE = Checked("site", parse_site_id)
LARGE = click.IntRange(0, 2**32)


@click.group()
def document() -> None:
    """Data center, hardware, speed and claims of a peer, as it signs them."""


@document.command()
@click.argument("name", default="peer")
@click.option("--url", help="Where a peer is reached [where NAME runs on this machine]")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, url: str | None, as_json: bool) -> None:
    """Show what the peer NAME says of itself; of one that runs, what it signed."""
    wiring = wire(ctx)
    folder = None if url else find_peer(wiring, name)
    where = url or _find_url(folder)
    if where is None:
        assert folder is not None
        found, is_signed = _draft(wiring, folder), False
    else:
        found, is_signed = _fetch(wiring, where, folder), True
    if as_json:
        print_json(to_json(found) | {"speed": found.speed, "signed": is_signed})
        return
    show_document(found)
    if not is_signed:
        say(f"not signed yet: it is once `wasmarket peer run {name}` runs")


@document.command("set")
@click.argument("name", default="peer")
@click.option("--site", type=SITE, help="Data center; `wasmarket peer sites` lists them")
@click.option("--site-name", help="A site that is not listed: what it is called")
@click.option("--site-city", help="Its city")
@click.option("--site-country", help="Its country, e.g. DE")
@click.option("--site-area", help="Its part of the world [none]")
@click.option("--cpu", help="Model of the processor [found out]")
@click.option("--cores", type=LARGE, help="Cores of the machine [found out]")
@click.option("--memory", type=LARGE, help="MiB of the machine [found out]")
@click.option("--storage", type=LARGE, help="GiB of the disk [found out]")
@click.option("--network", type=LARGE, help="10^6 bit/s [found out]")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="KIND[=TEXT]",
    help="e.g. renewable='100 % wind' (repeatable); replaces all claims",
)
@click.option("--detect/--no-detect", default=None, help="Find out what is not set")
@click.option("--publish/--no-publish", default=None, help="Show a document at all")
@click.option("--reset", is_flag=True, help="Forget what was set before")
@json_option
@click.pass_context
def set_document(
    ctx: click.Context,
    name: str,
    site: str | None,
    site_name: str | None,
    site_city: str | None,
    site_country: str | None,
    site_area: str | None,
    cpu: str | None,
    cores: int | None,
    memory: int | None,
    storage: int | None,
    network: int | None,
    claims: tuple[str, ...],
    detect: bool | None,
    publish: bool | None,
    reset: bool,
    as_json: bool,
) -> None:
    """Set what the peer NAME says of itself; what is not named stays as it was."""
    wiring = wire(ctx)
    folder = find_peer(wiring, name)
    if _read_policy(wiring) is not None:
        raise Conflict(
            "the peer's policy file has a table [document], which counts",
            field="policy",
            remedy="change it there, or take the table out",
        )
    table: dict[str, Any] = {} if reset else _read_table(folder)
    described = {"name": site_name, "city": site_city, "country": site_country, "area": site_area}
    described = {key: value for key, value in described.items() if value is not None}
    if site and described:
        raise InvalidInput("give --site or --site-name …, not both", field="site")
    if site or described:
        table["site"] = site or described
    hardware = {
        "cpu": cpu,
        "cores": cores,
        "memory_mib": memory,
        "storage_gib": storage,
        "network_mbps": network,
    }
    machine = table.get("hardware", {})
    machine |= {key: value for key, value in hardware.items() if value is not None}
    if machine:
        table["hardware"] = machine
    if claims:
        table["claims"] = [_read_claim(text) for text in claims]
    for key, value in (("detect", detect), ("publish", publish)):
        if value is not None:
            table[key] = value
    # Nothing half-written: what is refused is not kept.
    terms = parse_document_terms(table)
    found = _build(wiring, folder, terms)
    dump_peer_document(found)
    write_atomically(folder / TERMS, tomli_w.dumps(table).encode())
    if as_json:
        print_json(to_json(found) | {"speed": found.speed, "signed": False})
        return
    show_document(found)
    say(f"kept in {folder / TERMS}; a running peer says so within a minute")


@document.command()
@click.argument("name", default="peer")
@click.option("--number", type=click.IntRange(1), help="Its number, to compare with the chain")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, number: int | None, as_json: bool) -> None:
    """Check what the peer NAME would say: that it can be signed, and fits what the chain says."""
    wiring = wire(ctx)
    folder = find_peer(wiring, name)
    found = _draft(wiring, folder)
    size = len(dump_peer_document(found))
    notes = []
    if found.site is None:
        notes.append("it names no data center: no wish for one finds this peer")
    if found.benchmark is None:
        notes.append(f"no speed was measured: `wasmarket peer benchmark {name}`")
    if number is not None:
        region = region_code(_chain_peer(wiring, number).region)
        if found.site is not None and found.site.country not in ("", region):
            raise InvalidInput(
                f"the site is in {found.site.country}, peer {number} is registered in {region}:"
                " matchers pass the document over",
                field="site",
                remedy="name the site where the machine is",
            )
    if as_json:
        print_json({"bytes": size, "notes": notes})
        return
    for text in notes:
        say(f"note: {text}", err=True)
    say(f"the document of {name} has {size} bytes and can be signed")


def show_document(found: PeerDocument) -> None:
    """Show a document; whatever strangers wrote is one plain line."""
    site, machine = found.site, found.hardware
    print_facts(
        "Peer document",
        [
            ("peer", found.peer or "not registered"),
            ("data center", "none named" if site is None else f"{site.name} ({site.id})"),
            ("place", "" if site is None else f"{site.city} {site.country} {site.area}".strip()),
            ("processor", machine.cpu or "not said"),
            ("cores", machine.cores or "not said"),
            ("memory", f"{machine.memory_mib} MiB" if machine.memory_mib else "not said"),
            ("storage", f"{machine.storage_gib} GiB" if machine.storage_gib else "not said"),
            ("network", f"{machine.network_mbps} Mbit/s" if machine.network_mbps else "not said"),
            ("speed of a unit", _speed(found.speed)),
            ("holds until", write_time(found.expires)),
        ],
    )
    if found.claims:
        print_table(
            "Claims, which nobody here has checked",
            ["claim", "says", "see"],
            [(claim.kind, claim.text, claim.url) for claim in found.claims],
        )
    if found.benchmark is not None:
        show_benchmark(found.benchmark)


def _speed(speed: int) -> str:
    return f"{speed} · 10^6 fuel per second" if speed else "not measured"


def _fetch(wiring: Wiring, where: str, folder: Path | None) -> PeerDocument:
    """Return what a peer that runs has signed, checked with its key."""
    response = wiring.http.get(f"{where.rstrip('/')}{PATH}")
    if response.status_code != 200:
        raise Unreachable(
            f"{where} answers {response.status_code}: {response.text[:200]}",
            remedy="is a peer reached there, and does it publish a document?",
        )
    content = response.content[: MAX_ANSWER + 1]
    number = int(response.json()["document"]["peer"])
    if folder is not None:
        key = public_key(PeerFolder(folder).load_key())
    else:
        matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
        key = Hash(matcher.get(f"/v1/peers/{number}")["key"])
    return open_answer(
        content, wiring.domain, key=key, peer=number, now=wiring.clock.refresh()
    ).document


def _chain_peer(wiring: Wiring, number: int) -> OnchainPeer:
    """Return a peer as the chain has it. Raises NotFound."""
    [found] = wiring.lens.peers([number])
    if found.provider == ZERO_ADDRESS:
        raise NotFound(f"there is no peer {number}", field="number")
    return found


def _draft(wiring: Wiring, folder: Path) -> PeerDocument:
    return _build(wiring, folder, _read_policy(wiring) or read_terms(folder))


def _build(wiring: Wiring, folder: Path, terms: DocumentTerms) -> PeerDocument:
    hardware = detect_hardware(folder)
    ran = read_benchmark(folder)
    return make_document(terms, hardware, ran, wiring.domain, 0, wiring.clock.refresh())


def _read_policy(wiring: Wiring) -> DocumentTerms | None:
    path = wiring.configuration.read(PeerSettings, "peer").policy
    return PolicyFile(Path(path)).current.document if path else None


def _read_table(folder: Path) -> dict[str, Any]:
    read_terms(folder)
    path = folder / TERMS
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _read_claim(text: str) -> dict[str, str]:
    kind, sign, says = text.partition("=")
    return {"kind": kind.strip(), "text": says.strip()} if sign else {"kind": kind.strip()}


def _find_url(folder: Path | None) -> str | None:
    if folder is None:
        return None
    try:
        return (folder / URL).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
