"""Fetch an app that was published before from where it was published."""

import httpx

from wasmarket.app.file import App
from wasmarket.client.service import raise_problem
from wasmarket.client.wiring import Wiring
from wasmarket.content.exporter import walk
from wasmarket.kernel.documents.content_ids import Cid, check_block
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import ContentNotFound, NotFound, Unreachable

GONE = "build it from the sources of then, and `wasmarket update`"


def fetch_app(wiring: Wiring, cid: Cid) -> App:
    """Return an app with all its blocks, as the gateway has them.

    Raises ContentNotFound where a part is not kept any more, BadContent, Unreachable.
    """
    blocks: dict[Cid, bytes] = {}

    def get(part: Cid) -> bytes:
        blocks[part] = block = fetch_block(wiring, part)
        return block

    manifest = parse_manifest(get(cid))
    for module in manifest.module_cids:
        for _ in walk(module, get):
            pass
    return App(manifest, cid, blocks)


def fetch_block(wiring: Wiring, cid: Cid) -> bytes:
    """Return one block of the gateway's. Raises ContentNotFound, BadContent, Unreachable."""
    gateway = wiring.client.gateway.rstrip("/")
    try:
        answer = wiring.http.get(f"{gateway}/ipfs/{cid}", params={"format": "raw"})
        raise_problem(answer)
    except httpx.HTTPError as error:
        raise Unreachable(f"the gateway at {gateway} cannot be reached: {error}") from error
    except NotFound as error:
        raise ContentNotFound(f"the gateway does not keep {cid} any more", remedy=GONE) from error
    check_block(cid, answer.content)
    return answer.content
