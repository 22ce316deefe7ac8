"""`wasmarket example`: copy an app that works, to deploy or to change."""

import shutil
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

import wasmarket_cli
from wasmarket.kernel.errors import Conflict
from wasmarket_cli.options import json_option
from wasmarket_cli.output import show_done

NAMES = (
    *("effectors", "greeting", "greeting-v2", "site"),
    *("data-processing", "messaging", "notes-api", "process-control", "workflow"),
)


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@json_option
def example(name: str, folder: Path | None, as_json: bool) -> None:
    """Copy the example app NAME to FOLDER (its name, if none is given)."""
    target = folder or Path(name)
    if target.exists():
        raise Conflict(f"{target} is there already", field="folder", remedy="name another folder")
    with as_file(find_examples() / name) as source:
        # A project's own memory of deals is no part of it.
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".wasmarket", "build"))
    text = f"{target} holds the app; next: `wasmarket deploy {target} --units 2`"
    show_done(as_json, text, folder=str(target), name=name)


def find_examples() -> Traversable:
    """Return the folder of examples: in the package, or beside the packages of a checkout."""
    installed = files("wasmarket_cli") / "examples"
    if installed.is_dir():
        return installed
    return Path(wasmarket_cli.__file__).resolve().parents[1] / "examples"
