"""Fork workers off a process that has loaded all that they need, so that each starts at once.

Run as `python -m peer.runtime.zygote SOCKET`. For each message with two descriptors (a worker's
socket and its page) it forks a worker and answers with its process id and a descriptor of the
process. It says so once everything is loaded. It never runs a guest and has no thread of its own;
it ends when the supervisor does, and its workers end with it.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys

from peer.runtime.code_files import EngineSettings
from peer.runtime.privileges import PR_SET_PDEATHSIG
from peer.runtime.worker import run
from peer.runtime.zygote_words import PID_BYTES, READY, REQUEST


def serve(channel: socket.socket) -> None:
    """Fork workers until the supervisor closes the socket."""
    channel.sendall(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, 1, 2)
        if request != REQUEST:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        _introduce(channel, pid)


def _introduce(channel: socket.socket, pid: int) -> None:
    """Tell the supervisor of a worker; the number 0 if it has ended already."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        channel.sendall(bytes(PID_BYTES))
        return
    socket.send_fds(channel, [pid.to_bytes(PID_BYTES, "big")], [process])
    os.close(process)


def main() -> None:
    """Serve on the socket whose descriptor is the one argument."""
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError("prctl was refused")
    # NOTE: workers that have ended are gone at once; the supervisor holds descriptors of them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What is looked up once is looked up here, for all workers.
    EngineSettings().fingerprint()
    gc.collect()
    gc.freeze()
    with contextlib.suppress(ConnectionError):
        serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)


if __name__ == "__main__":
    main()
