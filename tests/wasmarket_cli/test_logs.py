"""Lines of the log: one fact each, none lost, in order, though access lines come in batches."""

import io
import logging
import threading

import pytest

from wasmarket_cli.logs import ACCESS, MOST_WAITING, BatchingHandler, FactFormatter

pytestmark = pytest.mark.unit


class Stream(io.StringIO):
    """A stream that counts its writes and says when one comes."""

    def __init__(self):
        super().__init__()
        self.writes = 0
        self.written = threading.Event()

    def write(self, text):
        self.writes += 1
        done = super().write(text)
        self.written.set()
        return done


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def log(stream):
    """Return what logs a line under a name."""
    handler = BatchingHandler(stream)
    handler.setFormatter(FactFormatter())

    def write(name, message, level=logging.INFO, **facts):
        record = logging.LogRecord(name, level, "", 0, message, None, None)
        vars(record).update(facts)
        handler.handle(record)

    write.handler = handler
    return write


def test_access__many_lines__are_written_together_and_soon(log, stream):
    for number in range(50):
        log(ACCESS, "answered", number=number)
    assert stream.written.wait(60)
    log.handler.flush()

    lines = stream.getvalue().splitlines()
    assert [line.rpartition("number=")[2] for line in lines] == [str(n) for n in range(50)]
    assert stream.writes < 10


def test_other_lines__are_written_at_once_and_in_order(log, stream):
    log(ACCESS, "first")
    log("gateway", "second")
    log(ACCESS, "third", logging.WARNING)

    words = [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()]
    assert words == ["first", "second", "third"]


def test_access__more_than_may_wait__is_written_at_once(log, stream):
    for _ in range(MOST_WAITING * 2):
        log(ACCESS, "answered")
    log.handler.flush()

    assert len(stream.getvalue().splitlines()) == MOST_WAITING * 2


def test_line__fact_with_a_line_break__stays_one_line(log, stream):
    log("gateway", "peer unreachable", why="a\nINFO forged", peer=3)

    [line] = stream.getvalue().splitlines()
    assert line.endswith(r"INFO gateway: peer unreachable why='a\nINFO forged' peer=3")


@pytest.mark.parametrize("text", ["/\x1b[2J", "/a\nforged line", "/\u202eb", "/\x9b31m", "/\x7f"])
def test_line__of_what_a_stranger_wrote__obeys_nothing_of_it(log, stream, text):
    log("peer", f"saw {text}", path=text)

    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.removesuffix("\n").isprintable()


def test_traceback__of_what_a_stranger_wrote__keeps_its_lines_and_nothing_else(stream):
    try:
        raise ValueError("\x1b[2J")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("peer", logging.ERROR, "", 0, "failed", None, info)

    text = FactFormatter().format(record)

    assert "Traceback" in text
    assert all(line.isprintable() for line in text.splitlines())
