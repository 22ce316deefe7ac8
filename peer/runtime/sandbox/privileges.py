"""Make a worker an unprivileged user, where it was started as root.

Its parents' folders may be closed to that user, so the worker steps into the folder that holds the
services' storage first and opens all of it from there.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from peer.runtime.module.service import ServiceSpec
from peer.runtime.sandbox.folder_walk import hand_over

NOBODY: Final = 65534
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
SEARCH: Final = 0o001


def is_root() -> bool:
    """Tell whether this process may do anything."""
    return os.geteuid() == 0


def keep_memory_private() -> None:
    """Have the kernel write no core file of this process, and let no other of its user read it.

    Raises OSError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl was refused")


def enter_storage(services: Sequence[ServiceSpec]) -> tuple[ServiceSpec, ...]:
    """Change into the folder that holds all storage; return the services with paths from there."""
    folders = [spec.storage_dir for spec in services if spec.storage_dir is not None]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    if not folders:
        os.chdir("/")
        return tuple(services)
    home = Path(os.path.commonpath([folder.resolve() for folder in folders]))
    os.chdir(home)
    return tuple(
        spec
        if spec.storage_dir is None
        else replace(spec, storage_dir=spec.storage_dir.resolve().relative_to(home))
        for spec in services
    )


def give_up_root(folders: Iterable[Path], user: int = NOBODY) -> None:
    """Hand `folders` to `user` and become that user for good."""
    for folder in folders:
        hand_over(folder, user, user)
    mode = os.stat(".").st_mode
    if not mode & SEARCH:
        os.chmod(".", mode | SEARCH)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # The kernel forgets this one whenever a process changes its user.
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError("prctl was refused")
