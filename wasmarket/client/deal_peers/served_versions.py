"""Which version of an app a peer serves, as the peer says."""

from dataclasses import dataclass

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Hash


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """What one peer of a deal serves: `app` as the chain names it, None if it does not say.

    `wanted` is the version that it is switching to, with `failure` if it cannot.
    """

    peer: int
    app: Hash | None
    wanted: Hash | None = None
    failure: str = ""


def fetch_served_version(gateway: ServiceClient, deal: int, peer: int) -> ServedVersion:
    """Return what one peer of a deal serves; of one that does not say it, that."""
    headers = {"Wasmarket-Peer": str(peer)}
    try:
        said = gateway.send("GET", f"/v1/deals/{deal}", headers=headers).json()
        update = said["update"]
        if update is None:
            return ServedVersion(peer, parse_hash(said["app"]))
        failure = f"{update['detail']}" if update["state"] == "failed" else ""
        return ServedVersion(peer, parse_hash(said["app"]), parse_hash(update["app"]), failure)
    except (MarketError, KeyError, TypeError, ValueError):
        return ServedVersion(peer, None)
