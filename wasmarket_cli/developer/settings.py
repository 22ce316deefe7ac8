"""`--setting`, `--defaults`: values of an app for one deal, kept by its next versions."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from wasmarket.app.file import App
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.deal_values import fetch_manifest, keep_deal_values
from wasmarket.kernel.documents.app_parts import SETTING
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.units import Hash
from wasmarket_cli.output import say


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--setting` and `--defaults` to a command."""
    for option in (
        click.option(
            "--defaults",
            is_flag=True,
            help="Drop the values that were given for this deal before: app.toml's hold",
        ),
        click.option(
            "--setting",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help="Another value of a setting, for this deal and its next versions (repeatable)",
        ),
    ):
        command = option(command)
    return command


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


def keep_given(client: DeveloperClient, before: Hash, app: App) -> App:
    """Return a new version with what was given for the deal that runs `before`, and say so.

    Raises as `keep_deal_values`.
    """
    remedy = "--defaults takes all values from app.toml; --setting gives them anew"
    kept = keep_deal_values(client.gateway, before, app, remedy)
    for place, value in kept.kept.items():
        say(f"{_write(place)} keeps what was given for this deal: {value!r:.80}", err=True)
    for place in kept.gone:
        say(f"{_write(place)} was given for this deal, and the app has it no more", err=True)
    return kept.app


def list_setting_changes(client: DeveloperClient, deal: int, after: Mapping[str, str]) -> list[str]:
    """Return which settings a deal has otherwise now, in words; nothing if that cannot be read."""
    try:
        before = fetch_manifest(client.gateway, client.deal(deal)["app"]).settings
    except MarketError:
        return []
    return [
        f"{name}: {before[name]!r:.80} becomes {after[name]!r:.80}"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]


def _write(place: str) -> str:
    """Write a place in a manifest as people name it: `setting LEVEL`, `limits.fuel`."""
    return f"setting {place[len(SETTING) :]}" if place.startswith(SETTING) else place
