"""What a worker leaves behind: which calls began, and the answers that were not sent."""

import os
import socket
import threading

import pytest

from peer.runtime.messages import Answer, encode_frame, split_frames
from peer.runtime.workers.shared_page import PAGE_BYTES, PageReader, PageWriter, make_page

pytestmark = pytest.mark.unit


def frame(text: str) -> bytes:
    return encode_frame(Answer(0, text.encode(), 0, 0, [], "", None))


@pytest.fixture
def ends():
    page = make_page()
    ours, theirs = socket.socketpair()
    yield PageWriter(page, theirs), PageReader(page), ours
    ours.close()
    theirs.close()
    os.close(page)


def receive(ours: socket.socket) -> list[bytes]:
    return split_frames(bytearray(ours.recv(1 << 20)))


def payload(text: str) -> bytes:
    return frame(text)[4:]


def test_page__answers_that_were_not_sent__are_left_in_it(ends):
    outbox, reader, ours = ends
    outbox.begin()
    outbox.add(frame("a"))
    outbox.flush()
    outbox.begin()
    outbox.add(frame("b"))
    outbox.begin()

    assert receive(ours) == [payload("a")]
    assert reader.begun == 3
    assert reader.read_left(1) == [payload("b")]


def test_page__answers_that_arrived__are_not_taken_twice(ends):
    outbox, reader, _ = ends
    for text in "abc":
        outbox.begin()
        outbox.add(frame(text))

    # Sent, but the worker died before it could say so.
    assert reader.read_left(2) == [payload("c")]
    assert reader.read_left(3) == []


def test_page__answer_larger_than_it__goes_straight_out_behind_the_others(ends):
    outbox, reader, ours = ends
    large = "x" * PAGE_BYTES
    received = bytearray()

    def read() -> None:
        while len(received) < len(frame("a")) + len(frame(large)):
            received.extend(ours.recv(1 << 20))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    outbox.add(frame("a"))
    outbox.add(frame(large))
    thread.join(60)

    assert split_frames(received) == [payload("a"), payload(large)]
    assert reader.read_left(2) == []


def test_page__size__cannot_be_changed_by_the_worker():
    page = make_page()
    with pytest.raises(PermissionError):
        os.ftruncate(page, 0)
    os.close(page)


def test_split__frames_in_pieces__wait_for_the_rest():
    received = bytearray(frame("a") + frame("b")[:5])

    assert split_frames(received) == [payload("a")]
    received += frame("b")[5:]
    assert split_frames(received) == [payload("b")]
    assert received == b""
