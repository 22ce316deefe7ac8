"""Catch what guests print: this process's own stdout and stderr are theirs.

A guest that prints writes into a pipe. A thread empties it while the guest runs, so that it never
waits; what is left is taken at the end of the call.
"""

import contextlib
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

PIPE_BYTES: Final = 64 << 10
STREAMS: Final = {1: "stdout", 2: "stderr"}

Output = Callable[[str, bytes], None]


class OutputPipes:
    """The pipes behind descriptors 1 and 2, from now to the end of the process."""

    def __init__(self) -> None:
        """Take the two descriptors over; what this program itself prints still goes to stderr."""
        own = os.dup(2)
        sys.stderr = os.fdopen(own, "w", buffering=1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()
        self._ends: dict[int, str] = {}
        self._poll = select.poll()
        for number, stream in STREAMS.items():
            reader, writer = os.pipe2(os.O_CLOEXEC)
            os.dup2(writer, number)
            os.close(writer)
            os.set_blocking(reader, False)
            self._ends[reader] = stream
            self._poll.register(reader, select.POLLIN)
        self._output: Output | None = None
        self._waiting = select.poll()
        for reader in self._ends:
            self._waiting.register(reader, select.POLLIN)
        threading.Thread(target=self._run, name="output", daemon=True).start()

    def begin(self, output: Output) -> None:
        """Give what is printed from now on to `output`."""
        self._output = output

    def collect(self) -> None:
        """Take what was printed and not read yet."""
        if self._poll.poll(0):
            self._drain()
            return
        # The thread may have read it already and be about to pass it on.
        with self._lock:
            return

    def _run(self) -> None:
        try:
            while True:
                self._waiting.poll()
                self._drain()
        except BaseException:
            # Without this thread a guest that prints would wait without an end.
            traceback.print_exc()
            os._exit(1)

    def _drain(self) -> None:
        with self._lock:
            for reader, stream in self._ends.items():
                with contextlib.suppress(BlockingIOError):
                    while data := os.read(reader, PIPE_BYTES):
                        if self._output is not None:
                            self._output(stream, data)
