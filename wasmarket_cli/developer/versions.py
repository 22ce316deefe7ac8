"""Switch a deal to a new version and wait until its peers serve it; compare what they offer."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from wasmarket.client.deal_peers.served_versions import ServedVersion
from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.errors import Conflict, MarketError
from wasmarket.kernel.units import Hash

LOOK_SECONDS = 0.3


def list_losses(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return what callers of an old version could miss in the new one, in words.

    Both as `GET /v1/deals/{deal}/interface` gives services: functions with arguments and outputs.
    """
    new = _functions(after)
    losses = []
    for name, shape in sorted(_functions(before).items()):
        if name not in new:
            losses.append(f"{name} is gone")
        elif new[name] != shape:
            losses.append(f"{name} takes or returns other types")
    records = _records(after)
    for name, fields in sorted(_records(before).items()):
        if name in records and records[name] != fields:
            losses.append(f"the record {name} has other fields")
    return losses


def check_losses(
    client: DeveloperClient, deal: int, after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return what a deal's callers would lose; nothing if no peer can say what it serves now."""
    try:
        before = client.interface(deal)
    except MarketError:
        return []
    return list_losses(before, after)


def refuse_losses(losses: Iterable[str]) -> None:
    """Raise Conflict where a script would take functions away without saying so."""
    told = "; ".join(losses)
    if told:
        raise Conflict(
            f"callers lose functions: {told}", field="app", remedy="say --yes if that is meant"
        )


def wait_for_version(
    client: DeveloperClient, deal: int, app: Hash, seconds: float
) -> list[ServedVersion]:
    """Return what each peer of a deal serves once all have switched, one failed, or time is up.

    The index knows of the version by then as well: who asks for the status next is told of it.
    """
    until = time.monotonic() + seconds
    while True:
        served = client.served_versions(deal)
        has_failed = any(one.failure for one in served if one.wanted == app)
        is_over = has_failed or (served and all(one.app == app for one in served))
        if is_over and client.deal(deal)["app"] == app:
            return served
        if time.monotonic() > until:
            return served
        time.sleep(LOOK_SECONDS)


def _functions(services: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {
        f"{service}.{function['name']}": (
            [entry["type"] for entry in function["arguments"]],
            function["output"],
        )
        for service, interface in services.items()
        for function in interface["functions"]
    }


def _records(services: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"{service}.{record['name']}": record["fields"]
        for service, interface in services.items()
        for record in interface["records"]
    }
