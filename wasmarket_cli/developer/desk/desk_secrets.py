"""Secrets of an app on a desk: from a file that no version control keeps, or asked for."""

import difflib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from wasmarket.app.app_toml import NEAR
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.secrets import A_NAME, MAX_SECRET_BYTES, NAME
from wasmarket_cli.developer.releases.project_file import FOLDER

FILE: Final = "secrets.toml"
IGNORE: Final = "*\n"
"""The folder's `.gitignore`: nothing of it is to be committed."""
OTHERS: Final = 0o077


class DeskSecrets:
    """The values that the file has now, and those that were asked for, which win."""

    def __init__(self, app: Path, asked: Mapping[str, bytes]) -> None:
        """`app` is the folder of an app, or its app.toml."""
        folder = app if app.is_dir() else app.parent
        self.path = folder / FOLDER / FILE
        self._asked = dict(asked)
        self._stamp = self._look()

    def read(self) -> dict[str, bytes]:
        """Return the values by name. Raises InvalidInput for a file that cannot be read."""
        return read_secret_file(self.path) | self._asked

    def take_change(self) -> bool:
        """Look again: whether the file is another than at the last look."""
        before, self._stamp = self._stamp, self._look()
        return before != self._stamp

    def list_problems(self, wanted: Iterable[str], found: Iterable[str]) -> list[str]:
        """Say what is odd: names without a value, values without a name, a file for all to see."""
        wanted, found = list(wanted), set(found)
        told = [
            f"the secret {name} has no value here: add it to {self.path}, or give --secret {name}"
            for name in wanted
            if name not in found
        ]
        for name in sorted(found - set(wanted)):
            near = difflib.get_close_matches(name, wanted, 1, NEAR)
            meant = f"; did you mean {near[0]}?" if near else ""
            told.append(f"the app does not list the secret {name}{meant}")
        if self._stamp and self._stamp[2] & OTHERS:
            told.append(f"others on this machine can read {self.path}: `chmod 600` it")
        return told

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_mode)


def read_secret_file(path: Path) -> dict[str, bytes]:
    """Return the values of a file: `NAME = "text"`, or `NAME = { file = "path" }` for bytes.

    None where there is no file. Raises InvalidInput that never shows a value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {error}", field="secrets") from error
    return {name: _read_value(path, name, entry) for name, entry in document.items()}


def ask_secrets(names: Iterable[str]) -> dict[str, bytes]:
    """Ask for the values of secrets on the terminal, unseen. Raises InvalidInput without one."""
    asked: dict[str, bytes] = {}
    for name in names:
        _check_name(name)
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"nobody can be asked for the secret {name} here",
                field="secret",
                remedy=f'put it into {FOLDER}/{FILE} beside app.toml: {name} = "…"',
            )
        text = str(click.prompt(f"Value of {name}", hide_input=True, err=True))
        asked[name] = _check_size(name, text.encode())
    return asked


def _read_value(path: Path, name: str, entry: Any) -> bytes:
    _check_name(name)
    if isinstance(entry, str):
        return _check_size(name, entry.encode())
    if isinstance(entry, dict) and entry.keys() == {"file"} and isinstance(entry["file"], str):
        source = path.parent / entry["file"]
        try:
            return _check_size(name, source.read_bytes())
        except OSError as error:
            raise InvalidInput(
                f"cannot read {source} for the secret {name}: {error.strerror}", field="secrets"
            ) from error
    raise InvalidInput(
        f"{path}: {name} is no secret",
        field="secrets",
        remedy=f'write {name} = "text", or {name} = {{ file = "path" }} for bytes',
    )


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name!r:.80} is no name", field="secret", remedy=f"give {A_NAME}")


def _check_size(name: str, value: bytes) -> bytes:
    if len(value) > MAX_SECRET_BYTES:
        raise InvalidInput(
            f"the secret {name} has {len(value)} bytes",
            field="secret",
            remedy=f"a secret has at most {MAX_SECRET_BYTES}",
        )
    return value
