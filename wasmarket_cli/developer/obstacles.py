"""Find what stands between a developer and units that are on offer: wishes, peers not there."""

from dataclasses import fields, replace
from typing import Any

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.regions import regions_of
from wasmarket.kernel.selection.wishes import Wish
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.traits import trait_mask, traits_of
from wasmarket_cli.developer.requirements import Needs
from wasmarket_cli.output import count

NO_LIMITS = frozenset({"provider_weights", "gateway"})
"""What of a wish excludes nobody by itself."""


def find_obstacles(
    client: DeveloperClient, needs: Needs, most: int, kind: PriceKind = PriceKind.RESERVED
) -> list[str]:
    """Say for each wish, alone, how many units there would be without it, where that is more.

    Peers that do not answer the matcher are counted, too: their offers are passed over. `most` is
    what there is with all wishes. Asks for one quote a wish.
    """
    lines = []
    for text, relaxed in _relaxations(needs):
        curve = client.quote(relaxed.to_json(kind=kind))
        units = max((int(row["units"]) for row in curve), default=0)
        if units > most:
            lines.append(f"without {text} there are {units}")
    if silent := _count_unreachable(client):
        lines.append(f"{count(silent, 'peer')} with offers not counted: no answer to the matcher")
    return lines


def _count_unreachable(client: DeveloperClient) -> int:
    """Return how many peers with offers the matcher passes over: they do not answer it."""
    peers = client.matcher.get("/v1/status")["extra"].get("peers")
    return int(peers["unreachable"]) if peers else 0


def _relaxations(needs: Needs) -> list[tuple[str, Needs]]:
    names = traits_of(needs.traits)
    found = [
        (f"the trait {name}", replace(needs, traits=needs.traits & ~trait_mask([name])))
        for name in names
    ]
    if len(names) > 1:
        found.append((f"the traits {', '.join(names)}", replace(needs, traits=0)))
    if needs.regions:
        regions = ",".join(regions_of(needs.regions))
        found.append((f"the regions {regions:.60}", replace(needs, regions=0)))
    if needs.memory:
        found.append((f"{needs.memory} MiB per unit", replace(needs, memory=0)))
    if needs.min_regions:
        found.append((f"{needs.min_regions} different regions", replace(needs, min_regions=0)))
    if needs.per_provider:
        found.append(
            (f"the cap of {needs.per_provider} a provider", replace(needs, per_provider=0))
        )
    asked = needs.wish
    for member in fields(Wish):
        if getattr(asked, member.name) != member.default and member.name not in NO_LIMITS:
            lifted: dict[str, Any] = {member.name: member.default}
            without = replace(needs, wish=replace(asked, **lifted))
            found.append((f"the wish {member.name}", without))
    return found
