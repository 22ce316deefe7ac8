"""What a project remembers in `.wasmarket/`, beside its app.toml: its deals, by profile."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmarket.app.file import FILE_NAME
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import ConfigError
from wasmarket.kernel.units import Hash
from wasmarket_cli.output import say

FOLDER: Final = ".wasmarket"
DEFAULT_PROFILE: Final = "default"
MOST_KEPT: Final = 50
"""Deals of a profile, the youngest last."""


@dataclass(frozen=True, slots=True)
class ProjectDeal:
    """An offer that was signed for the project, and the deal that it made, if it is known."""

    offer: Hash
    deal: int | None


class ProjectFile:
    """The deals of one app on one market, under one profile."""

    def __init__(self, app: Path, wiring: Wiring) -> None:
        """`app` is an app.toml or its folder."""
        folder, name = (app, FILE_NAME) if app.is_dir() else (app.parent, app.name)
        stem = "deals" if name == FILE_NAME else f"deals-{Path(name).stem}"
        self.path = folder / FOLDER / f"{stem}.json"
        self._wiring = wiring

    def read(self) -> list[ProjectDeal]:
        """Return what is remembered, the youngest last. Raises ConfigError for a damaged file."""
        return [
            ProjectDeal(Hash(str(entry["offer"])), entry["deal"])
            for entry in self._load().get(self._key(), [])
        ]

    def remember(self, entry: ProjectDeal) -> None:
        """Keep an offer, or the deal that it has made by now, as the youngest."""
        others = [one for one in self.read() if one.offer != entry.offer]
        try:
            self._write([*others, entry][-MOST_KEPT:])
        except OSError as error:
            # What was signed stands; only the next deployment will not know it.
            say(f"warning: the project cannot remember {entry.offer}: {error}", err=True)

    def forget(self, offer: Hash) -> None:
        """Drop an offer whose deal is over."""
        if self.path.exists():
            self._write([one for one in self.read() if one.offer != offer])

    def has(self, offer: Hash) -> bool:
        """Say whether an offer is the project's."""
        return self.path.exists() and any(one.offer == offer for one in self.read())

    def _key(self) -> str:
        """Return under what the deals of this profile on this market are kept."""
        profile = self._wiring.configuration.profile or DEFAULT_PROFILE
        deployment = self._wiring.deployment
        return f"{profile} {deployment.chain_id} {deployment.market}"

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            deals: dict[str, Any] = document["deals"]
            for entries in deals.values():
                for entry in entries:
                    _check(entry)
            return deals
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{self.path} is not what this command wrote: {error!r}",
                remedy="move it away: `wasmarket status` still knows your deals, and"
                " `wasmarket update DEAL` updates one",
            ) from error

    def _write(self, entries: list[ProjectDeal]) -> None:
        known = self._load()
        known[self._key()] = [{"offer": one.offer, "deal": one.deal} for one in entries]
        self.path.parent.mkdir(exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"wasmarket": 1, "deals": known}, indent=1) + "\n")
        temporary.replace(self.path)


def _check(entry: Any) -> None:
    if not isinstance(entry["offer"], str) or not isinstance(entry["deal"], int | None):
        raise TypeError(entry)
