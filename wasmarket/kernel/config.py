"""Turn layers of settings into one frozen value: flag > environment > profile > file > default.

Pure: the composition root reads files and the environment and passes them in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from wasmarket.kernel.errors import ConfigError

PREFIX = "WASMARKET_"

Settings = TypeVar("Settings")
Table = Mapping[str, Any]


def environment_table(environ: Mapping[str, str], table: str) -> dict[str, str]:
    """Pick `WASMARKET_<TABLE>__<KEY>` out of an environment, keys in lower case."""
    start = f"{PREFIX}{table.upper()}__"
    return {
        name[len(start) :].lower(): value
        for name, value in environ.items()
        if name.startswith(start)
    }


def build_settings(
    kind: type[Settings], table: str, layers: Iterable[tuple[str, Table]]
) -> Settings:
    """Merge `layers` (name, table), weakest first, into the frozen dataclass `kind`.

    A layer's name is what the user knows it by (a file, "environment", "flags"); None means
    "not given". Raises ConfigError that names the layer, the key and the remedy.
    """
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, layer in layers:
        for key, value in layer.items():
            if key not in known:
                raise ConfigError(
                    f"{name}: [{table}] has no setting {key!r}",
                    field=f"{table}.{key}",
                    remedy=f"it has {', '.join(sorted(known))}",
                )
            if value is not None:
                merged[key] = _split_list(kind, key, value)
                origin[key] = name
    try:
        return msgspec.convert(merged, type=kind, strict=False)
    except msgspec.ValidationError as error:
        key = str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]
        raise ConfigError(
            f"{origin.get(key, 'settings')}: [{table}] {key}: {str(error).partition(' - ')[0]}",
            field=f"{table}.{key}",
        ) from error


def _split_list(kind: type[Any], key: str, value: object) -> object:
    """Read a comma-separated string where the setting is a tuple (as the environment gives it)."""
    hint = str(kind.__annotations__.get(key, ""))
    if isinstance(value, str) and hint.startswith("tuple"):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value
