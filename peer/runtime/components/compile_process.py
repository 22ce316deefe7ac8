"""Compile one component in a process of its own, so that all else goes on meanwhile.

Run as `python -m peer.runtime.components.compile_process FILE CACHE FUEL NANS`: the code goes into
the folder CACHE, where workers find it; FUEL and NANS are 0 or 1. What is wrong with the component
is said on stderr, with the exit code 1.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

from peer.runtime.errors import ModuleError
from peer.runtime.execution.engine import AotCache, build_engine
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.sandbox.privileges import PR_SET_PDEATHSIG
from peer.runtime.sandbox.syscalls import refuse_syscalls

PR_SET_NO_NEW_PRIVS: Final = 38
MEMORY_BYTES: Final = 4 << 30
CPU_SECONDS: Final = 300
NICE: Final = 10


def confine() -> None:
    """Bound this process, and give up what a compiler never needs."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {option} was refused")
    refuse_syscalls()
    os.nice(NICE)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
    ):
        resource.setrlimit(kind, (most, most))


def main() -> int:
    """Compile; return the exit code."""
    # A Ctrl-C on the terminal is for whoever waits for this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file, folder, fuel, nans = sys.argv[1:]
    confine()
    settings = EngineSettings(
        consume_fuel=fuel == "1", canonical_nans=nans == "1", has_components=True
    )
    cache = AotCache(Path(folder), build_engine(settings), settings)
    try:
        cache.load_component(Path(file).read_bytes())
    except ModuleError as error:
        print(error.detail, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
