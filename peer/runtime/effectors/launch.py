"""Become a program of the host, with nothing left that it does not need.

Run as `python -m … USER MEMORY FILE SECONDS NETWORK [PROGRAM ARGUMENT…]`
in the folder that is to be the program's own; USER -1: stay who you are; NETWORK 0: without any.
Without a PROGRAM it only says by what it would be kept from the network.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from peer.runtime.sandbox.syscalls import refuse_connections

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000
NOT_RUN: Final = 127
NAMESPACE: Final = "namespace"
FILTER: Final = "filter"
"""What keeps a program from the network: one of its own, which leads nowhere, or a filter that lets
it make no socket. Either is enough."""


def main() -> None:
    """Confine this process and replace it by the program."""
    user, memory, file, seconds, network = map(int, sys.argv[1:6])
    program = sys.argv[6:]
    kept_by = [] if network else [NAMESPACE] * leave_network()
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
    kept_by += [] if network else [FILTER] * refuse_connections()
    if not program:
        print(" ".join(kept_by))
        return
    if not network and not kept_by:
        print("it cannot be kept from the network here", file=sys.stderr)
        sys.exit(NOT_RUN)
    here = os.getcwd()
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": here, "TMPDIR": here}
    try:
        os.execve(program[0], program, environment)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(NOT_RUN)


def leave_network() -> bool:
    """Go to a network of this process alone, without any way out; say whether that is possible."""
    unshare = ctypes.CDLL(None).unshare
    if unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    # Who one is stays the same inside, so that files can be made.
    for name, text in (
        ("uid_map", f"{user} {user} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return True


if __name__ == "__main__":
    main()
