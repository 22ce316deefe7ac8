"""Fork workers off a process that has loaded all that they need, so that each starts at once.

Run as `python -m peer.runtime.workers.fork_server SOCKET`. One worker is forked ahead: for each
message with two descriptors (a worker's socket and its page) it gets those, the answer is its
process id and a descriptor of the process, and the next one is forked. It says so once it is ready.
It never runs a
guest and has no thread of its own; it ends when the supervisor does, and its workers end with it.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterable

from peer.runtime.module.code_files import EngineSettings
from peer.runtime.sandbox.privileges import PR_SET_PDEATHSIG
from peer.runtime.workers.fork_protocol import PID_BYTES, READY, REQUEST
from peer.runtime.workers.worker import SPARE_NAME, name_process, run


class Spare:
    """A worker that was forked ahead and waits for its descriptors."""

    def __init__(self, others: Iterable[socket.socket]) -> None:
        """Fork it; it has none of the sockets of `others`."""
        self._orders, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            for other in (*others, self._orders):
                other.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            name_process(SPARE_NAME)
            run(theirs)
        theirs.close()

    def employ(self, descriptors: list[int]) -> int:
        """Make it a worker; return a descriptor of its process. Raises OSError if it has ended."""
        with self._orders:
            process = os.pidfd_open(self.pid)
            try:
                socket.send_fds(self._orders, [REQUEST], descriptors)
            except OSError:
                os.close(process)
                raise
            return process


def serve(channel: socket.socket) -> None:
    """Hand out workers until the supervisor closes the socket."""
    spare = Spare((channel,))
    channel.sendall(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, 1, 2)
        if request != REQUEST:
            return
        try:
            process = spare.employ(descriptors)
        except OSError:
            # Somebody has ended it while it waited.
            spare = Spare((channel,))
            process = spare.employ(descriptors)
        socket.send_fds(channel, [spare.pid.to_bytes(PID_BYTES, "big")], [process])
        for descriptor in (process, *descriptors):
            os.close(descriptor)
        spare = Spare((channel,))


def main() -> None:
    """Serve on the socket whose descriptor is the one argument."""
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError("prctl was refused")
    # A Ctrl-C on the terminal is the supervisor's, which lets calls end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
