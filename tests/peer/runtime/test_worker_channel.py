"""The worker's end of its socket, when the thread beside it reads from it too."""

import os
import socket
import threading

import pytest

from peer.runtime.messages import HostAnswer, encode_frame
from peer.runtime.workers.channel import WorkerChannel
from peer.runtime.workers.shared_page import make_page
from wasmarket.kernel.documents.receipts import CallStatus

pytestmark = [pytest.mark.unit, pytest.mark.timeout(300)]

QUESTIONS = 400


def test_ask__another_thread_reads_the_answer__it_still_arrives():
    ours, theirs = socket.socketpair()
    page = make_page()
    channel = WorkerChannel(theirs, page)
    answer = encode_frame(HostAnswer("v", CallStatus.ANSWERED, ""))
    is_over = threading.Event()

    def answer_all() -> None:
        while ours.recv(65_536):
            ours.sendall(answer)

    def tick_all() -> None:
        while not is_over.is_set():
            channel.tick()

    beside = [threading.Thread(target=target, daemon=True) for target in (answer_all, tick_all)]
    for thread in beside:
        thread.start()

    answers = [channel.ask("guest", "kv", "get", ["k"]) for _ in range(QUESTIONS)]

    assert answers == ["v"] * QUESTIONS
    is_over.set()
    ours.shutdown(socket.SHUT_RDWR)
    for thread in beside:
        thread.join()
    for end in (ours, theirs):
        end.close()
    os.close(page)
