"""Find where a service sees vaults, and move a particle's folder there and back.

Guests write around these places: nothing in them is followed, and what comes back from one is
looked at as a stranger's.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from peer.runtime.module.service import ServiceSpec, get_mapped_path
from peer.runtime.sandbox.folder_walk import FOLDER, Unsteady, Usage, hand_over, measure, remove
from peer.runtime.sandbox.privileges import NOBODY, is_root

ALIAS: Final = "/tmp/vault"
"""The folder that services of Fluence's peers find vaults in."""
MOST: Final = Usage(bytes=32 << 20, entries=1_000)
"""What one vault may hold."""
_MODE: Final = 0o700


class VaultPlace:
    """The folder of one service that it maps as `ALIAS`."""

    def __init__(self, storage: Path, mapped: PurePosixPath) -> None:
        """`storage` is the service's own; `mapped` leads from there."""
        self.path = storage / mapped
        self._storage = storage
        self._parts = mapped.parts

    def clear(self) -> None:
        """Remove what an earlier run of the peer left. Raises OSError."""
        with self._opened() as folder:
            for name in os.listdir(folder):
                remove(Path(f"/proc/self/fd/{folder}", name), MOST.entries)

    def take(self, home: Path, name: str) -> None:
        """Let the service see the folder `home` as `name`. Raises OSError."""
        if is_root():
            hand_over(home, NOBODY, NOBODY)
        with self._opened() as folder:
            os.rename(home, name, dst_dir_fd=folder)

    def give_back(self, home: Path, name: str) -> str:
        """Move it back; return what is wrong with what is in it, which is removed then."""
        problem = ""
        try:
            with self._opened() as folder:
                os.rename(name, home, src_dir_fd=folder)
            usage = measure(home, MOST)
            if usage.bytes > MOST.bytes or usage.entries > MOST.entries:
                problem = f"it holds more than {MOST.bytes} bytes or {MOST.entries} files"
        except (OSError, Unsteady) as error:
            problem = f"the service did not leave it as it was: {error}"
        if problem:
            while not remove(home, MOST.entries):
                pass
            home.mkdir(_MODE)
        return problem

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the place from the storage on, making what is missing; follow no link."""
        folder = os.open(self._storage, FOLDER)
        try:
            for part in self._parts:
                with suppress(FileExistsError):
                    os.mkdir(part, _MODE, dir_fd=folder)
                    if is_root():
                        os.chown(part, NOBODY, NOBODY, dir_fd=folder, follow_symlinks=False)
                inner = os.open(part, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def find_place(spec: ServiceSpec) -> VaultPlace | None:
    """Return where a service sees vaults; None if none of its modules maps `ALIAS`."""
    if spec.storage_dir is None:
        return None
    for module in spec.modules:
        target = module.mapped_dirs.get(ALIAS)
        if target is not None:
            return VaultPlace(spec.storage_dir, get_mapped_path(ALIAS, target))
    return None
