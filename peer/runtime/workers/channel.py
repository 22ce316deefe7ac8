"""The worker's way to its supervisor: calls in, answers out, and a question in between."""

import contextlib
import os
import socket
import threading
from collections import deque
from typing import Any, Final

from peer.runtime.errors import FAULTS
from peer.runtime.messages import (
    TO_WORKER,
    Answer,
    Call,
    FromWorker,
    GaveBack,
    HostAnswer,
    HostCall,
    Setup,
    ToWorker,
    encode_frame,
    split_frames,
)
from peer.runtime.workers.shared_page import PageWriter
from wasmarket.kernel.documents.receipts import CallStatus

READ_BYTES: Final = 256 << 10


class WorkerChannel:
    """One end of the socket. Used by the thread that runs the calls, but for `tick`."""

    def __init__(self, channel: socket.socket, page: int) -> None:
        self._channel = channel
        self._shared_page = PageWriter(page, channel)
        self._received = bytearray()
        self._messages: deque[ToWorker] = deque()
        # Held for reading from the socket, and for what was read.
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        # How often something was read, by either thread.
        self._reads = 0
        self._begun_at_tick = -1

    def receive_setup(self) -> Setup | None:
        """Return the first message, None when the supervisor has gone or says something else."""
        while not self._messages:
            if not self._fill(self._reads):
                return None
        message = self._messages.popleft()
        return message if isinstance(message, Setup) else None

    def next_call(self) -> Call | None:
        """Return the next call, which counts as begun; None once the supervisor has gone."""
        while True:
            seen = self._reads
            with self._lock:
                if self._messages:
                    message = self._messages.popleft()
                    if not isinstance(message, Call):
                        return None
                    self._shared_page.begin()
                    return message
            self._shared_page.flush()
            if not self._fill(seen):
                return None

    def answer(self, answer: Answer) -> None:
        """Answer the call that was begun last."""
        self._shared_page.add(encode_frame(answer))

    def send(self, message: FromWorker) -> None:
        """Send a message that is no answer."""
        self._shared_page.send(encode_frame(message))

    def tick(self) -> None:
        """Let nobody wait for a slow call; a thread beside it calls this from time to time.

        Answers that wait for others are sent. If the call is the one of the last tick, the calls
        behind it go back to the supervisor, which may have a worker that is free.
        """
        self._shared_page.flush()
        begun = self._shared_page.begun
        if begun == self._begun_at_tick:
            self._give_back(begun)
        self._begun_at_tick = begun

    def ask(self, service: str, effector: str, function: str, arguments: list[Any]) -> Any:
        """Return what an effector answers; raise the `GuestFault` with which it ends the call."""
        self.send(HostCall(service, effector, function, arguments))
        seen = self._reads
        while (reply := self._pick_answer()) is None:
            if not self._fill(seen):
                os._exit(1)
            seen = self._reads
        if reply.status:
            raise FAULTS[CallStatus(reply.status)](reply.detail)
        return reply.value

    def _pick_answer(self) -> HostAnswer | None:
        """Return the host's answer; calls that came before it keep their places."""
        with self._lock:
            for message in self._messages:
                if isinstance(message, HostAnswer):
                    self._messages.remove(message)
                    return message
        return None

    def _give_back(self, begun: int) -> None:
        if self._reading.acquire(blocking=False):
            try:
                with contextlib.suppress(BlockingIOError):
                    self._take(self._channel.recv(READ_BYTES, socket.MSG_DONTWAIT))
            finally:
                self._reading.release()
        with self._lock:
            calls = [message for message in self._messages if isinstance(message, Call)]
            # The slow call may be over by now, and the next one running.
            if not calls or self._shared_page.begun != begun:
                return
            others = [message for message in self._messages if not isinstance(message, Call)]
            self._messages = deque(others)
            # NOTE: under the lock, so that no call is begun that the supervisor gives to another.
            self.send(GaveBack(begun, len(calls)))

    def _fill(self, seen: int) -> bool:
        """Read on; tell whether the supervisor is still there.

        `seen` is how often something had been read when the caller looked: what `tick` has read
        since is to be looked at first, since nothing else may come.
        """
        with self._reading:
            if self._reads != seen:
                return True
            chunk = self._channel.recv(READ_BYTES)
            self._take(chunk)
        return bool(chunk)

    def _take(self, chunk: bytes) -> None:
        self._received += chunk
        messages = [TO_WORKER.decode(payload) for payload in split_frames(self._received)]
        with self._lock:
            self._messages += messages
            self._reads += 1
