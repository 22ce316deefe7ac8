"""Become a program of the host, with nothing left that it does not need.

Run as `python -m peer.runtime.effectors.launch USER MEMORY FILE SECONDS PROGRAM [ARGUMENT]…` in the
folder that is to be the program's own; USER -1: stay who you are. Imports nothing of the peer's.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
NOT_RUN: Final = 127


def main() -> None:
    """Confine this process and replace it by the program."""
    user, memory, file, seconds = map(int, sys.argv[1:5])
    program = sys.argv[5:]
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_CPU, seconds),
    ):
        resource.setrlimit(kind, (most, most))
    if user >= 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    prctl = ctypes.CDLL(None).prctl
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if prctl(option, value, 0, 0, 0) != 0:
            sys.exit(NOT_RUN)
    here = os.getcwd()
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": here, "TMPDIR": here}
    try:
        os.execve(program[0], program, environment)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(NOT_RUN)


if __name__ == "__main__":
    main()
