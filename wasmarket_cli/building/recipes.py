"""Read from an `app.toml` which modules are built from which sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmarket.app.app_toml import locate, read_app_toml
from wasmarket.app.file import FILE_NAME
from wasmarket.kernel.errors import InvalidInput

LANGUAGES: Final = ("python", "js", "ts", "rust", "c", "go", "as", "zig")
COMPONENTS: Final = ("python", "js", "ts")
"""Languages whose modules become components; the others keep the raw ABI."""
IN_A_COMPONENT: Final = ("http", "ipfs", "kv", "secret")
REMEDY: Final = 'write build = { language = "python", source = "app.py" }'


@dataclass(frozen=True, slots=True)
class Recipe:
    """One module to build: its sources, where it goes, and what it may import."""

    language: str
    source: Path
    target: Path
    effectors: tuple[str, ...]
    is_deterministic: bool


def read_recipes(folder: Path) -> list[Recipe]:
    """Return what is to be built of the app in `folder`, nothing if all its modules are there.

    Raises InvalidInput.
    """
    file = folder / FILE_NAME if folder.is_dir() else folder
    document = read_app_toml(file)
    effectors = document.get("effectors", {})
    listed = effectors if isinstance(effectors, Mapping) else {}
    asked = tuple(name for name in IN_A_COMPONENT if name in listed)
    recipes = []
    for place, service in _list_tables(document, "service"):
        for inner, module in _list_tables(service, "module"):
            table = module.get("build")
            if isinstance(table, Mapping) and "language" in table:
                field = f"{place}.{inner}.build"
                try:
                    recipes.append(_read_recipe(file, field, service, module, table, asked))
                except InvalidInput as error:
                    raise locate(error, file) from error
    return recipes


def _list_tables(parent: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the tables of an array with their places in it."""
    found = parent.get(name, [])
    # What is no array of tables is refused when the app is loaded.
    for number, entry in enumerate(found if isinstance(found, list) else ()):
        if isinstance(entry, Mapping):
            yield f"{name}[{number}]", entry


def _read_recipe(
    file: Path,
    field: str,
    service: Mapping[str, Any],
    module: Mapping[str, Any],
    table: Mapping[str, Any],
    asked: tuple[str, ...],
) -> Recipe:
    language, source, path = table.get("language"), table.get("source"), module.get("path")
    if language not in LANGUAGES:
        raise InvalidInput(
            f"language is {language!r}",
            field=f"{field}.language",
            remedy=f"choose from {', '.join(LANGUAGES)}",
        )
    if not isinstance(source, str) or not isinstance(path, str):
        raise InvalidInput("a module says no source or no path", field=field, remedy=REMEDY)
    abi = service.get("abi", "marine")
    wanted = "component" if language in COMPONENTS else "raw"
    if abi != wanted:
        raise InvalidInput(
            f"a module of {language} has abi = {wanted!r}, the service says {abi!r}",
            field=f"{field.partition('.')[0]}.abi",
            remedy=f'write abi = "{wanted}" in its [[service]]',
        )
    recipe = Recipe(
        language,
        file.parent / source,
        file.parent / path,
        asked,
        service.get("deterministic") is True,
    )
    if not recipe.source.is_file():
        raise InvalidInput(f"there is no {recipe.source}", field=f"{field}.source")
    return recipe
