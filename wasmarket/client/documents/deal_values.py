"""What a deal's app is now, and a new version of it that keeps what was given for the deal."""

from wasmarket.app.file import App
from wasmarket.app.overrides import KeptValues, keep_values
from wasmarket.client.service import ServiceClient
from wasmarket.kernel.documents.content_ids import app_cid, check_block
from wasmarket.kernel.documents.manifest import Manifest, parse_manifest
from wasmarket.kernel.errors import ContentNotFound, NotFound
from wasmarket.kernel.units import Hash

NOT_READ = "which values were given for the deal cannot be read"


def fetch_manifest(gateway: ServiceClient, app: Hash) -> Manifest:
    """Return the manifest of an app, as the gateway has it.

    Raises ContentNotFound, BadContent, Unreachable.
    """
    cid = app_cid(app)
    try:
        block = gateway.send("GET", f"/ipfs/{cid}", params={"format": "raw"}).content
    except NotFound as error:
        raise ContentNotFound(f"the gateway does not keep {cid} any more") from error
    check_block(cid, block)
    return parse_manifest(block)


def keep_deal_values(gateway: ServiceClient, before: Hash, app: App, remedy: str) -> KeptValues:
    """Return a new version `app` with what was given for the deal that runs `before`.

    Raises ContentNotFound with a `remedy` where nobody knows what that was, BadContent,
    Unreachable.
    """
    try:
        return keep_values(app, fetch_manifest(gateway, before))
    except ContentNotFound as error:
        raise ContentNotFound(f"{NOT_READ}: {error.detail}", remedy=remedy) from error
