"""Where the store is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`[store]` of wasmarket.toml: a SQLAlchemy URL; empty means the SQLite file of the home."""

    url: str = ""
