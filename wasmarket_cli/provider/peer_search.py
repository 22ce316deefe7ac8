"""`wasmarket peer sites`, `find` and `latencies`: what wishes name, and which peers fulfil it."""

from itertools import islice
from typing import Any

import click

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.regions import region_code, region_index
from wasmarket.kernel.selection.peer_document import parse_claim_kind
from wasmarket.kernel.selection.sites import parse_site_id, sites
from wasmarket_cli.options import ADDRESS, Checked, json_option
from wasmarket_cli.output import print_json, print_table, say, write_time
from wasmarket_cli.wiring import wire

REGION = Checked("region", region_index)
SITE = Checked("site", parse_site_id)
CLAIM = Checked("claim", lambda text: parse_claim_kind(text, "claim"))
LARGE = click.IntRange(0, 2**32 - 1)


@click.command("sites")
@click.option("--country", help="Only of this country, e.g. DE")
@json_option
def list_sites(country: str | None, as_json: bool) -> None:
    """List the data centers that peers and wishes name; others are named by a hash."""
    code = None if country is None else region_code(region_index(country))
    found = [site for site in sites().values() if code in (None, site.country)]
    if as_json:
        print_json(
            [
                {
                    "id": site.id,
                    "name": site.name,
                    "city": site.city,
                    "country": site.country,
                    "area": site.area,
                    "source": site.source,
                }
                for site in found
            ]
        )
        return
    rows = [(site.id, site.name, site.city, site.country, site.area) for site in found]
    print_table("Data centers", ["id", "name", "city", "country", "area"], rows)


@click.command("find")
@click.option("--region", type=REGION, help="Country that it is registered in, e.g. DE")
@click.option("--site", type=SITE, help="Data center, as it says")
@click.option("--memory", type=LARGE, default=0, help="Least MiB per unit")
@click.option("--min-speed", type=LARGE, default=0, help="10^6 fuel per second and unit")
@click.option("--claim", "claims", type=CLAIM, multiple=True, help="Claiming this (repeatable)")
@click.option("--provider", type=ADDRESS, help="Only this provider's")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most")
@json_option
@click.pass_context
def find_peers(
    ctx: click.Context,
    region: int | None,
    site: str | None,
    memory: int,
    min_speed: int,
    claims: tuple[str, ...],
    provider: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List peers of the market by where they stand, what they are, and what they claim."""
    wiring = wire(ctx)
    matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
    params: dict[str, Any] = {
        "region": region,
        "site": site,
        "min_memory_mib": memory,
        "min_speed": min_speed,
        "claim": list(claims),
        "provider": provider,
    }
    asked = {name: value for name, value in params.items() if value not in (None, 0, [])}
    if region == 0:
        asked["region"] = 0
    found = []
    for row in matcher.items("/v1/peers", asked):
        found.append(row)
        if len(found) == limit:
            break
    if as_json:
        print_json(found)
        return
    print_table(
        "Peers",
        ["#peer", "country", "data center", "#free units", "#MiB per unit", "#speed", "claims"],
        [_row(row) for row in found],
    )
    if not found:
        say("no peer of the market is like that")


@click.command("latencies")
@click.option("--by", "gateway", metavar="GATEWAY", help="Only of this one, by its URL")
@click.option("--peer", type=click.IntRange(1), help="Only of this peer")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most")
@json_option
@click.pass_context
def list_latencies(
    ctx: click.Context, gateway: str | None, peer: int | None, limit: int, as_json: bool
) -> None:
    """List the gateways whose measurements the matcher takes, and what they say of peers."""
    wiring = wire(ctx)
    matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
    gateways = matcher.get("/v1/measuring-gateways")
    asked = {name: v for name, v in {"gateway": gateway, "peer": peer}.items() if v is not None}
    found = list(islice(matcher.items("/v1/latencies", asked), limit))
    if as_json:
        print_json({"gateways": gateways, "latencies": found})
        return
    if not gateways:
        say("this matcher takes no measurements: a wish for a latency is refused")
        return
    print_table(
        "For `--latency-by`",
        ["gateway", "says it is in", "#peers measured"],
        [(row["gateway"], row["region"], row["peers"]) for row in gateways],
    )
    print_table(
        "Nine of ten answers began within",
        ["#peer", "gateway", "#ms", "#answers", "last"],
        [
            (row["peer"], row["gateway"], row["ms"], row["answers"], write_time(row["at"]))
            for row in found
        ],
    )


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    told = row["document"]
    site = "" if told is None or told["site"] is None else told["site"]["id"]
    claims = "" if told is None else ", ".join(claim["kind"] for claim in told["claims"])
    speed = "" if told is None or not told["speed"] else told["speed"]
    country = region_code(row["region"])
    return row["id"], country, site, row["free"], row["memory_mib"], speed, claims
