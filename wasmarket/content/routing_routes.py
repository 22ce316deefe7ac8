"""Say who provides a block, by the IPFS delegated routing API: `/routing/v1/providers/{cid}`."""

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response

from wasmarket.content.folder import BlockFolder
from wasmarket.content.trustless.open_route import OpenRoute
from wasmarket.kernel.documents.content_ids import Cid
from wasmarket.kernel.documents.foreign_cids import read_any_cid
from wasmarket.kernel.multibase import encode_base58
from wasmarket.serving.texts import AnyCidText

NDJSON = "application/x-ndjson"
PROTOCOL = "transport-ipfs-gateway-http"
SECONDS_KEPT = 300

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The providers, none if it is not here", "content": {NDJSON: {}}}
}
_ED25519 = b"\x00\x24\x08\x01\x12\x20"
"""An identity multihash of 36 bytes: libp2p's protobuf of a public key, kind 1, 32 bytes."""

Endpoint = Callable[[], str]
"""Returns the URL under which the own blocks are served to everybody; empty: nowhere."""


def create_routing_router(folder: BlockFolder, public_key: bytes, endpoint: Endpoint) -> APIRouter:
    """Return the route that answers for the blocks of `folder`; `public_key` is Ed25519."""
    router = APIRouter(tags=["content"], route_class=OpenRoute)
    identity = peer_id(public_key)

    @router.get("/routing/v1/providers/{cid}", response_class=JSONResponse, responses=_ANSWERS)
    def find_providers(cid: AnyCidText, accept: Annotated[str, Header()] = "") -> Response:
        """Who has a block: this peer, or nobody that it knows of."""
        wanted = read_any_cid(cid, field="cid").cid
        url = endpoint()
        is_here = isinstance(wanted, Cid) and folder.has(wanted)
        records = [_record(identity, url)] if url and is_here else []
        headers = {
            "Cache-Control": f"public, max-age={SECONDS_KEPT if records else 15}",
            "Vary": "Accept",
        }
        if NDJSON in accept:
            lines = "".join(json.dumps(record) + "\n" for record in records)
            return Response(lines, media_type=NDJSON, headers=headers)
        return JSONResponse({"Providers": records}, headers=headers)

    return router


def peer_id(public_key: bytes) -> str:
    """Return the name that libp2p gives to an Ed25519 key: base58btc of its identity multihash."""
    return encode_base58(_ED25519 + public_key)


def multiaddr(url: str) -> str:
    """Write an HTTP URL as a multiaddr, such as /dns/peer.example/tcp/443/https."""
    parsed = httpx.URL(url)
    try:
        kind = f"ip{ip_address(parsed.host).version}"
    except ValueError:
        kind = "dns"
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    return f"/{kind}/{parsed.host}/tcp/{port}/{parsed.scheme}"


def _record(identity: str, url: str) -> dict[str, Any]:
    return {
        "Schema": "peer",
        "ID": identity,
        "Addrs": [multiaddr(url)],
        "Protocols": [PROTOCOL],
    }
