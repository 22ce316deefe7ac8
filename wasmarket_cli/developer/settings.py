"""`--setting NAME=VALUE`: plain values of an app, for one deal."""

from collections.abc import Mapping

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import InvalidInput, MarketError

settings_option = click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another value of a setting, for this deal (repeatable)",
)


def parse_settings(given: tuple[str, ...]) -> dict[str, str]:
    """Return values by name. Raises InvalidInput for what is no NAME=VALUE, or named twice."""
    settings: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name or name in settings:
            raise InvalidInput(
                f"{text[:80]!r} is no NAME=VALUE, or comes a second time",
                field="setting",
                remedy="give each setting once, as --setting NAME=VALUE",
            )
        settings[name] = value
    return settings


def list_setting_changes(client: DeveloperClient, deal: int, after: Mapping[str, str]) -> list[str]:
    """Return which settings a deal has otherwise now, in words; nothing if that cannot be read."""
    try:
        cid = app_cid(client.deal(deal)["app"])
        block = client.gateway.send("GET", f"/ipfs/{cid}", params={"format": "raw"}).content
        before = parse_manifest(block).settings
    except MarketError:
        return []
    return [
        f"{name}: {before[name]!r:.80} becomes {after[name]!r:.80}"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
