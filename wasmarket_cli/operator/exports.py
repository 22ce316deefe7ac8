"""`wasmarket export`: the market as files for spreadsheets and data frames."""

import csv
from pathlib import Path

import click

from wasmarket.kernel.errors import ConfigError
from wasmarket.store.analyst_views import VIEWS, AnalystView, read_view
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Session, open_database
from wasmarket_cli.files.parquet import ParquetWriter
from wasmarket_cli.options import json_option
from wasmarket_cli.output import count, print_json, say
from wasmarket_cli.wiring import wire

BY_NAME = {view.name: view for view in VIEWS}


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--table", "names", multiple=True, type=click.Choice(sorted(BY_NAME)), help="[all]")
@click.option(
    "--format", "form", type=click.Choice(("csv", "parquet")), default="csv", show_default=True
)
@json_option
@click.pass_context
def export(
    ctx: click.Context, folder: Path, names: tuple[str, ...], form: str, as_json: bool
) -> None:
    """Write the market's tables into FOLDER, one file each, all as of one block.

    The columns are those of the SQL views (docs/how-to/analyse-the-market.md). The store is only
    read, and may be in use.
    """
    database = open_database(wire(ctx).store_url)
    written: dict[str, int] = {}
    try:
        _make(folder)
        with database.read() as session:
            block = fetch_indexed(session).block
            for name in names or sorted(BY_NAME):
                written[name] = _write(session, BY_NAME[name], folder / f"{name}.{form}", form)
    finally:
        database.close()
    if as_json:
        print_json({"block": block, "folder": str(folder), "rows": written})
    else:
        rows = count(sum(written.values()), "row")
        say(f"{rows} in {count(len(written), 'file')} in {folder}, as of block {block:,}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {folder}: {error.strerror}", remedy="give another folder"
        ) from error


def _write(session: Session, view: AnalystView, path: Path, form: str) -> int:
    """Write a view beside its file and then in its place; return how many rows."""
    partial = path.with_name(f"{path.name}.partial")
    rows = 0
    try:
        if form == "csv":
            with partial.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow([name for name, _ in view.columns])
                for page in read_view(session, view):
                    writer.writerows(page)
                    rows += len(page)
        else:
            with partial.open("wb") as binary, ParquetWriter(binary, view.columns) as parquet:
                for page in read_view(session, view):
                    parquet.write(page)
                    rows += len(page)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", remedy="make room, or give another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return rows
