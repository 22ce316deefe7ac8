"""Walk, hand over and remove folders that a guest made, however deep, wide or hostile they are.

Nothing here recurses, follows a link, writes a long path or holds more than two folders open. A
guest may change the tree meanwhile: a step to a folder that is not where it was ends the walk.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ALL: Final = 2**63
OPEN_TO_OWNER: Final = 0o700


class Unsteady(Exception):
    """The tree changed under the walk: what was seen of it is not all."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree takes on the disk: bytes, and names of files and folders."""

    bytes: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder that is open while it is looked at."""

    folder: int
    name: str
    status: os.stat_result


def walk(root: Path | int) -> Iterator[Entry]:
    """Yield every name below `root`, a folder, each before what is in it.

    Raises OSError if the root cannot be opened, Unsteady if the tree changes.
    """
    folder = os.open(root, FOLDER) if isinstance(root, Path) else os.open(".", FOLDER, dir_fd=root)
    # For each folder on the way down: which it is, and the folders in it that are still to come.
    above: list[tuple[tuple[int, int], list[str]]] = []
    try:
        inner: list[str] = []
        yield from _look(folder, inner)
        while True:
            if inner:
                name = inner.pop()
                above.append((_identity(folder), inner))
                folder = _step(folder, name, None)
                inner = []
                yield from _look(folder, inner)
            elif above:
                wanted, inner = above.pop()
                folder = _step(folder, "..", wanted)
            else:
                return
    finally:
        os.close(folder)


def measure(root: Path | int, most: Usage | None = None) -> Usage:
    """Return what a tree takes; stop once it is more than `most`. Raises OSError, Unsteady.

    Files with holes count as if they had none: the holes can be filled at any time.
    """
    taken, entries = 0, 0
    limit = most or Usage(ALL, ALL)
    for entry in walk(root):
        entries += 1
        taken += size_of(entry.status)
        if taken > limit.bytes or entries > limit.entries:
            break
    return Usage(taken, entries)


def size_of(status: os.stat_result) -> int:
    """Return the bytes that a file or folder takes, or may come to take."""
    taken = status.st_blocks * 512
    return max(taken, status.st_size) if stat.S_ISREG(status.st_mode) else taken


def hand_over(folder: Path, user: int, group: int) -> None:
    """Change the owner of a folder and all in it; links are changed, never followed."""
    if os.lstat(folder).st_uid != user:
        os.lchown(folder, user, group)
    for entry in walk(folder):
        if entry.status.st_uid != user:
            with suppress(FileNotFoundError):
                os.chown(entry.name, user, group, dir_fd=entry.folder, follow_symlinks=False)


def remove(path: Path, most: int = ALL) -> bool:
    """Remove a file, link or folder with all in it; stop after `most` names.

    Return whether it is gone: call it again if not. A folder within is moved up beside the others
    before it is emptied, so that no depth matters. Raises OSError for what cannot be removed.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True
    if not stat.S_ISDIR(status.st_mode):
        path.unlink(missing_ok=True)
        return True
    top = os.open(path, FOLDER)
    try:
        if not _empty(top, most):
            return False
    finally:
        os.close(top)
    path.rmdir()
    return True


def _empty(top: int, most: int) -> bool:
    left = most
    while names := _names(top, min(left, 1_000)):
        for name in names:
            if left <= 0:
                return False
            left -= 1
            if not _unlink(top, name):
                left -= _raise_folders(top, name, left)
                with suppress(OSError):
                    os.rmdir(name, dir_fd=top)
        if left <= 0:
            return False
    return True


def _raise_folders(top: int, name: str, most: int) -> int:
    """Remove what is in a folder of `top`, its folders moved up into `top`; return how many."""
    try:
        folder = os.open(name, FOLDER, dir_fd=top)
    except PermissionError:
        os.chmod(name, OPEN_TO_OWNER, dir_fd=top)
        folder = os.open(name, FOLDER, dir_fd=top)
    done = 0
    try:
        for inner in _names(folder, max(most, 1)):
            done += 1
            if not _unlink(folder, inner):
                os.rename(inner, f".{secrets.token_hex(16)}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    return done


def _unlink(folder: int, name: str) -> bool:
    """Remove a name unless it is a folder's; return False then."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            return False
        raise
    return True


def _names(folder: int, most: int) -> list[str]:
    names: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) >= most:
                break
    return names


def _look(folder: int, inner: list[str]) -> Iterator[Entry]:
    """Yield what is in a folder; keep the names of folders in `inner`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                inner.append(entry.name)
            yield Entry(folder, entry.name, status)


def _step(folder: int, name: str, wanted: tuple[int, int] | None) -> int:
    """Return another folder, opened from this one, which is closed then.

    Raises Unsteady, with this one still open, if there is none, or not the one that is `wanted`.
    """
    try:
        other = os.open(name, FOLDER, dir_fd=folder)
    except OSError as error:
        raise Unsteady from error
    if wanted is not None and _identity(other) != wanted:
        os.close(other)
        raise Unsteady
    os.close(folder)
    return other


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino
