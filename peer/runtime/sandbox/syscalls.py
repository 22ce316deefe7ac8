"""Take from a process what a worker never does: open sockets, start programs, look into others.

A guest cannot make system calls; this is for the day that one breaks out of the engine.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from typing import Final

PR_SET_SECCOMP: Final = 22
FILTER_MODE: Final = 2
ALLOW: Final = 0x7FFF_0000
REFUSE: Final = 0x0005_0000 | errno.EPERM
# Instructions of classic BPF: load a word of the call's description, compare, return.
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT = 0, 4
FIRST_X32: Final = 0x4000_0000
MAKES_CONNECTIONS: Final = {"x86_64": (41, 425), "aarch64": (198, 425)}
"""Numbers of socket and io_uring_setup, without which no program reaches a network."""
# Architecture as the kernel names it, then the numbers of: socket, connect, accept, bind, listen,
# accept4, execve, execveat, ptrace, process_vm_readv, process_vm_writev, kill, open_by_handle_at,
# keyctl, add_key, bpf, perf_event_open, userfaultfd, unshare, mount, io_uring_setup, pidfd_getfd.
MACHINES: Final = {
    "x86_64": (
        0xC000_003E,
        (
            *(41, 42, 43, 49, 50, 288, 59, 322, 101, 310, 311, 62, 304),
            *(250, 248, 321, 298, 323, 272, 165, 425, 438),
        ),
    ),
    "aarch64": (
        0xC000_00B7,
        (
            *(198, 203, 202, 200, 201, 242, 221, 281, 117, 270, 271, 129, 265),
            *(219, 217, 280, 241, 282, 97, 40, 425, 438),
        ),
    ),
}


class _Program(ctypes.Structure):
    """The kernel's `sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse_syscalls() -> bool:
    """Refuse what no worker does from now on, for this process and all threads that it starts.

    Needs `no_new_privs`. Return False where the machine or its kernel knows no such filter; raise
    OSError when it is refused otherwise.
    """
    machine = MACHINES.get(os.uname().machine)
    return machine is not None and _set_filter(*machine)


def refuse_connections() -> bool:
    """Refuse new sockets from now on, as `refuse_syscalls` does all else."""
    name = os.uname().machine
    return name in MACHINES and _set_filter(MACHINES[name][0], MAKES_CONNECTIONS[name])


def _set_filter(architecture: int, refused: Sequence[int]) -> bool:
    code = build_filter(architecture, refused)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.byref(program), 0, 0) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


def build_filter(architecture: int, refused: Sequence[int]) -> bytes:
    """Return the program: `refused` and every call of another architecture fail with EPERM."""
    steps = [(LOAD, 0, 0, ARCHITECTURE_AT), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, REFUSE)]
    steps.append((LOAD, 0, 0, NUMBER_AT))
    # A jump names how many steps are left out; the last but one allows, the last one refuses.
    left = len(refused) + 1
    for kind, number in ((AT_LEAST, FIRST_X32), *((EQUAL, number) for number in refused)):
        steps.append((kind, left, 0, number))
        left -= 1
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
