"""Values that are given for one deal in place of those of `app.toml`; the manifest says which.

So the next version of a deal can keep them, wherever it is made.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wasmarket.app.app_toml import NEAR
from wasmarket.app.file import App, finish_app, name_schedule
from wasmarket.kernel.documents.app_parts import CREDIT, FUEL, SETTING, Limits
from wasmarket.kernel.documents.manifest import Manifest, dump_manifest, read_manifest
from wasmarket.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class KeptValues:
    """A new version with the values that its deal was given before.

    `kept` are values of the deal, by their places in the manifest; `gone` are places that the new
    version does not have.
    """

    app: App
    kept: Mapping[str, str]
    gone: tuple[str, ...]


def limit_fuel(app: App, fuel: int) -> App:
    """Return the app with a limit of fuel for each call: another manifest, so another app.

    Raises InvalidInput for a limit that no manifest takes.
    """
    return _with_limits(app, replace(app.manifest.limits, fuel=fuel), FUEL)


def ask_credit(app: App, credit: int) -> App:
    """Return the app with a wish for credit: what a metered deal of it may owe each peer.

    USDC base units. Another manifest, so another app. Raises InvalidInput as `limit_fuel`.
    """
    return _with_limits(app, replace(app.manifest.limits, credit=credit), CREDIT)


def override_settings(app: App, settings: Mapping[str, str]) -> App:
    """Return the app with other values of some settings: another manifest, so another app.

    Raises InvalidInput for a setting that the app does not have, or a value that none can have.
    """
    known = app.manifest.settings
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, NEAR)
            listed = ", ".join(sorted(known)) or "none"
            raise InvalidInput(
                f"the app has no setting {name!r:.80}",
                field="setting",
                remedy=f"did you mean {near[0]!r}?"
                if near
                else f"it has {listed}: add it to [settings] in app.toml",
            )
    changed = replace(app.manifest, settings={**known, **settings})
    return _replace_manifest(app, changed, *(f"{SETTING}{name}" for name in settings))


def keep_values(app: App, before: Manifest) -> KeptValues:
    """Return a new version of an app with what was given for the deal that runs `before`.

    What is given for the new version itself stays as it is.
    """
    kept: dict[str, str] = {}
    gone = []
    limits = app.manifest.limits
    settings = dict(app.manifest.settings)
    for place in before.overrides:
        if place in app.manifest.overrides:
            continue
        name = place.removeprefix(SETTING)
        if place == FUEL:
            kept[place] = str(before.limits.fuel)
            limits = replace(
                limits, fuel=before.limits.fuel, fuel_schedule=before.limits.fuel_schedule
            )
        elif place == CREDIT:
            kept[place] = str(before.limits.credit)
            limits = replace(limits, credit=before.limits.credit)
        elif name in settings:
            kept[place] = settings[name] = before.settings[name]
        else:
            gone.append(place)
    if not kept:
        return KeptValues(app, {}, tuple(gone))
    changed = replace(app.manifest, limits=limits, settings=settings)
    return KeptValues(_replace_manifest(app, changed, *kept), kept, tuple(gone))


def _with_limits(app: App, limits: Limits, place: str) -> App:
    return _replace_manifest(app, name_schedule(replace(app.manifest, limits=limits)), place)


def _replace_manifest(app: App, manifest: Manifest, *given: str) -> App:
    """Return the app with another manifest, which says what was `given`. Raises InvalidInput."""
    overrides = tuple(sorted({*manifest.overrides, *given}))
    manifest = replace(manifest, overrides=overrides)
    read_manifest(json.loads(dump_manifest(manifest)))
    return finish_app(manifest, {cid: data for cid, data in app.blocks.items() if cid != app.cid})
