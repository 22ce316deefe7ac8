"""Notice that the sources of an app have changed, by looking at its folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wasmarket.app.file import FILE_NAME
from wasmarket.kernel.errors import MarketError
from wasmarket_cli.building.recipes import read_recipes

LOOK_SECONDS: Final = 0.25
SKIPPED: Final = frozenset({"node_modules", "__pycache__", "target"})
MOST_FILES: Final = 20_000

Stamps = dict[Path, tuple[int, int, int]]


class SourceWatch:
    """What an app's files were like at the last look."""

    def __init__(self, app: Path) -> None:
        """`app` is an app.toml or its folder."""
        self._file = app / FILE_NAME if app.is_dir() else app
        self._built = self._look()
        self._last = self._built

    def has_settled_change(self) -> bool:
        """Look again: whether files differ from those of the last change, and are still now.

        An editor that writes several files makes one change.
        """
        now = self._look()
        is_still, self._last = now == self._last, now
        if not is_still or now == self._built:
            return False
        self._built = now
        return True

    def take_change(self) -> bool:
        """Look again: whether files differ from those of the last change."""
        now = self._look()
        has_changed = now != self._built
        self._built = self._last = now
        return has_changed

    def _look(self) -> Stamps:
        stamps: Stamps = {}
        made = self._list_made()
        for path in _list_files(self._file.parent):
            if path in made:
                continue
            try:
                stat = path.stat()
            except OSError:
                # It went between listing and looking: the next look says so.
                continue
            stamps[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if len(stamps) >= MOST_FILES:
                break
        return stamps

    def _list_made(self) -> frozenset[Path]:
        """Return what builds write, which is no source."""
        try:
            return frozenset(recipe.target for recipe in read_recipes(self._file))
        except MarketError:
            # The file is being written, or wrong: building says which.
            return frozenset()


def _list_files(folder: Path) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        try:
            entries = sorted(waiting.pop().iterdir())
        except OSError:
            continue
        for path in entries:
            if path.name.startswith(".") or path.name in SKIPPED:
                continue
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            elif path.is_file():
                yield path
