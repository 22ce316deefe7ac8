"""Read every setting once: flag > environment > profile > file > default (DESIGN 8.8)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wasmarket.client.home import Home
from wasmarket.kernel.config import PREFIX, build_settings, environment_table
from wasmarket.kernel.errors import ConfigError

TABLES = (
    "chain",
    "store",
    "indexer",
    "matcher",
    "peer",
    "gateway",
    "meter",
    "payments",
    "keeper",
    "outbound",
    "client",
)

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`[store]`: the database of indexer, matcher and gateway; empty: SQLite in the home."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """`[client]`: what the developer's and provider's commands talk to.

    `key` names the account in `keys/`; empty: the only one there.
    """

    matcher: str = "http://127.0.0.1:8600"
    gateway: str = "http://127.0.0.1:8601"
    payments: str = "http://127.0.0.1:8604"
    key: str = ""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """The layers of settings of one run, and the home they belong to."""

    home: Home
    environ: Mapping[str, str]
    tables: Mapping[str, Any] = field(default_factory=dict)
    profile: str | None = None
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By table: what was given for this run as a whole; beats all but a command's own flags."""

    def read(
        self, kind: type[Settings], table: str, flags: Mapping[str, Any] | None = None
    ) -> Settings:
        """Return the settings of one table. Raises ConfigError."""
        layers: list[tuple[str, Mapping[str, Any]]] = [
            (str(self.home.config), self._table(self.tables, table))
        ]
        if self.profile:
            profiles = self.tables.get("profile", {})
            if self.profile not in profiles:
                raise ConfigError(
                    f"there is no profile {self.profile!r} in {self.home.config}",
                    field="profile",
                    remedy=f"add [profile.{self.profile}] or choose from {sorted(profiles)}",
                )
            named = profiles[self.profile]
            layers.append((f"profile {self.profile}", self._table(named, table)))
        layers.append(("environment", environment_table(self.environ, table)))
        layers.append(("flags", {**self.flags.get(table, {}), **(flags or {})}))
        return build_settings(kind, table, layers)

    def _table(self, tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        table = tables.get(name, {})
        if not isinstance(table, Mapping):
            raise ConfigError(f"{self.home.config}: [{name}] is not a table", field=name)
        return table


def load_configuration(
    home: Home,
    environ: Mapping[str, str],
    profile: str | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Configuration:
    """Read `wasmarket.toml` of a home, if there is one. Raises ConfigError."""
    tables: dict[str, Any] = {}
    try:
        tables = tomllib.loads(home.config.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"cannot read {home.config}: {error}", remedy="mend the file, or move it away"
        ) from error
    for name in tables:
        if name not in (*TABLES, "profile"):
            raise ConfigError(
                f"{home.config}: there is no table [{name}]",
                field=name,
                remedy=f"the tables are {', '.join(TABLES)} and profile.NAME",
            )
    _check_environment(environ)
    return Configuration(
        home, environ, tables, profile or environ.get(f"{PREFIX}PROFILE"), flags or {}
    )


def _check_environment(environ: Mapping[str, str]) -> None:
    """Refuse a misspelt table in a variable's name, which would silently do nothing."""
    for name in environ:
        table, separator, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and separator and table.lower() not in TABLES:
            raise ConfigError(
                f"{name}: there is no table [{table.lower()}]",
                field=name,
                remedy=f"the tables are {', '.join(TABLES)}",
            )
