"""The worker's way to its supervisor: calls in, answers out, and a question in between."""

import os
import socket
from collections import deque
from typing import Any, Final

from kernel.receipts import CallStatus
from peer.runtime.errors import FAULTS
from peer.runtime.messages import (
    TO_WORKER,
    Answer,
    Call,
    FromWorker,
    HostAnswer,
    HostCall,
    Setup,
    ToWorker,
    encode_frame,
    split_frames,
)
from peer.runtime.outbox import Outbox

READ_BYTES: Final = 256 << 10


class WorkerChannel:
    """One end of the socket. Used by the thread that runs the calls, but for `flush`."""

    def __init__(self, channel: socket.socket, page: int) -> None:
        self._channel = channel
        self._outbox = Outbox(page, channel)
        self._received = bytearray()
        self._messages: deque[ToWorker] = deque()

    def receive_setup(self) -> Setup | None:
        """Return the first message, None when the supervisor has gone or says something else."""
        message = self._take()
        return message if isinstance(message, Setup) else None

    def next_call(self) -> Call | None:
        """Return the next call, which counts as begun; None once the supervisor has gone."""
        if not self._messages:
            self._outbox.flush()
        message = self._take()
        if not isinstance(message, Call):
            return None
        self._outbox.begin()
        return message

    def answer(self, answer: Answer) -> None:
        """Answer the call that was begun last."""
        self._outbox.add(encode_frame(answer))

    def send(self, message: FromWorker) -> None:
        """Send a message that is no answer."""
        self._outbox.send(encode_frame(message))

    def flush(self) -> None:
        """Send the answers that wait for others; any thread may."""
        self._outbox.flush()

    def ask(self, service: str, effector: str, function: str, arguments: list[Any]) -> Any:
        """Return what an effector answers; raise the `GuestFault` with which it ends the call."""
        self.send(HostCall(service, effector, function, arguments))
        while (reply := self._pick_answer()) is None:
            if not self._fill():
                os._exit(1)
        if reply.status:
            raise FAULTS[CallStatus(reply.status)](reply.detail)
        return reply.value

    def _pick_answer(self) -> HostAnswer | None:
        """Return the host's answer; calls that came before it keep their places."""
        if self._messages and isinstance(self._messages[-1], HostAnswer):
            return self._messages.pop()  # type: ignore[return-value]
        for message in self._messages:
            if isinstance(message, HostAnswer):
                self._messages.remove(message)
                return message
        return None

    def _take(self) -> ToWorker | None:
        while not self._messages:
            if not self._fill():
                return None
        return self._messages.popleft()

    def _fill(self) -> bool:
        chunk = self._channel.recv(READ_BYTES)
        self._received += chunk
        for payload in split_frames(self._received):
            self._messages.append(TO_WORKER.decode(payload))
        return bool(chunk)
