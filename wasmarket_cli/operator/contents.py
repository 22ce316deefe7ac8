"""`wasmarket content`: the blocks of a gateway, or of a peer, on this machine."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.settings import GatewaySettings
from peer.chain_state.listener import read_saved
from peer.folder import PeerFolder
from peer.hosting.retention import GRACE_SECONDS, find_needed
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.content.fetcher import Fetcher
from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import Quota, UploadLedger
from wasmarket.content.retention import needed_by_root, remove_unneeded
from wasmarket.kernel.documents.content_ids import Cid, parse_cid
from wasmarket.kernel.errors import Conflict, ContentNotFound, NotFound
from wasmarket.kernel.units import Hash
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client
from wasmarket_cli.options import Checked, json_option
from wasmarket_cli.output import count, print_json, print_table, say, show_done
from wasmarket_cli.provider.peer_keys import find_peer
from wasmarket_cli.wiring import wire

CID = Checked("cid", parse_cid)
PEER = click.option("--peer", "name", metavar="NAME", help="Blocks of this peer [the gateway's]")


@dataclass(frozen=True, slots=True)
class Place:
    """A block folder, and the peer's folder if it is a peer's."""

    blocks: BlockFolder
    peer: PeerFolder | None


@click.group()
def content() -> None:
    """List, pin and remove the blocks that a gateway or a peer keeps on this machine."""


@content.command("ls")
@PEER
@json_option
@click.pass_context
def list_blocks(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """List the blocks, and which are pinned."""
    blocks = _find(wire(ctx), name).blocks
    pins = blocks.pins()
    rows = [(str(cid), blocks.size(cid), cid in pins) for cid in sorted(blocks.cids())]
    rows += [(str(cid), 0, True) for cid in sorted(pins) if not blocks.has(cid)]
    if as_json:
        print_json([{"cid": cid, "bytes": size, "pinned": pin} for cid, size, pin in rows])
        return
    shown = [(cid, size or "missing", "pinned" if pin else "") for cid, size, pin in rows]
    print_table("Blocks", ["cid", "#bytes", ""], shown)
    say(f"{sum(size for _, size, _ in rows):,} bytes")


@content.command()
@click.argument("cid", type=CID)
@click.option("--source", "sources", metavar="URL", multiple=True, help="Fetch it from here")
@PEER
@json_option
@click.pass_context
def pin(
    ctx: click.Context, cid: Cid, sources: tuple[str, ...], name: str | None, as_json: bool
) -> None:
    """Keep CID and all that it stands for: a file, or an app with its modules.

    A source is a trustless gateway, or an IPFS node's RPC (its URL ends in /api/v0).
    """
    wiring = wire(ctx)
    blocks = _find(wiring, name).blocks
    # First: what is fetched now must not be collected before it is pinned.
    blocks.pin(cid)
    if sources:
        outbound = Outbound(wiring.outbound.allow_private_addresses, trusted=sources)
        asyncio.run(_fetch(blocks, cid, sources, outbound))
    missing = [below for below in sorted(needed_by_root(cid, blocks.get)) if not blocks.has(below)]
    if missing:
        raise ContentNotFound(
            f"{cid} is pinned, but {len(missing)} of its blocks are not here, such as {missing[0]}",
            remedy="name a --source that has them",
        )
    show_done(as_json, f"{cid} is pinned", cid=str(cid), pinned=True)


@content.command()
@click.argument("cid", type=CID)
@PEER
@json_option
@click.pass_context
def unpin(ctx: click.Context, cid: Cid, name: str | None, as_json: bool) -> None:
    """Let CID go with the next collection, unless something else needs it."""
    blocks = _find(wire(ctx), name).blocks
    if not blocks.is_pinned(cid):
        raise NotFound(f"{cid} is not pinned", field="cid")
    blocks.unpin(cid)
    show_done(as_json, f"{cid} is no longer pinned", cid=str(cid), pinned=False)


@content.command()
@PEER
@json_option
@click.pass_context
def gc(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Remove blocks that no live deal, no upload in its time and no pin needs.

    Peers and gateways do this by themselves every so often.
    """
    wiring = wire(ctx)
    place = _find(wiring, name)
    removed = _collect_peer(place) if place.peer else _collect_gateway(wiring, place)
    if as_json:
        print_json([str(cid) for cid in removed])
        return
    say(f"{count(len(removed), 'block')} removed")


def _find(wiring: Wiring, name: str | None) -> Place:
    if name is None:
        settings = wiring.configuration.read(GatewaySettings, "gateway")
        path = Path(settings.folder) if settings.folder else wiring.home.gateway
        return Place(BlockFolder(path), None)
    folder = PeerFolder(find_peer(wiring, name))
    return Place(BlockFolder(folder.blocks), folder)


async def _fetch(
    blocks: BlockFolder, cid: Cid, sources: tuple[str, ...], outbound: Outbound
) -> None:
    """Fetch what a CID stands for; an app's modules are known once its manifest is here."""
    async with create_async_client(outbound) as client:
        fetcher = Fetcher(blocks, client)
        await fetcher.fetch_file(cid, sources)
        for below in sorted(needed_by_root(cid, blocks.get)):
            if not blocks.has(below):
                await fetcher.fetch_file(below, sources)


def _collect_peer(place: Place) -> list[Cid]:
    assert place.peer is not None
    saved = read_saved(place.peer.chain)
    if saved is None or saved.chain_view is None:
        raise Conflict(
            f"{place.peer.chain} does not say what the peer runs",
            remedy="run the peer once, so that it reads the chain",
        )
    needed = find_needed(saved.chain_view, place.peer)
    return remove_unneeded(place.blocks, needed, GRACE_SECONDS)


def _collect_gateway(wiring: Wiring, place: Place) -> list[Cid]:
    # The matcher knows every deal; when it is silent nothing is removed.
    matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
    apps = {Hash(deal["app"]) for deal in matcher.items("/v1/deals") if deal["status"] != "ended"}
    settings = wiring.configuration.read(GatewaySettings, "gateway")
    ledger = UploadLedger(place.blocks, Quota(signer_bytes=settings.quota_bytes))
    return ledger.collect_garbage(apps, wiring.clock.refresh())
