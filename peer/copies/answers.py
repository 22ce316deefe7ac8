"""Read what stores of copies answer, whole or into a file, never more than is asked for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from wasmarket.kernel.errors import BadContent, TimedOut, Unreachable

CHUNK = 1 << 20


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn the client's errors into ours. Raises Unreachable, TimedOut."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(f"{url} did not answer in time", remedy="try again") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{url} does not answer: {error}") from error


def read_file(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def read_all(answer: httpx.Response, most: int) -> bytes:
    """Return a streamed answer of at most `most` bytes. Raises BadContent."""
    return b"".join(_bounded(answer, most))


def read_start(answer: httpx.Response, most: int) -> bytes:
    """Return at most so many bytes of a streamed answer: enough of a refusal to show."""
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) >= most:
            break
    return bytes(data[:most])


def save_all(answer: httpx.Response, target: Path, most: int) -> None:
    """Write a streamed answer of at most `most` bytes to a file. Raises BadContent, OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            for chunk in _bounded(answer, most):
                file.write(chunk)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _bounded(answer: httpx.Response, most: int) -> Iterable[bytes]:
    read = 0
    for chunk in answer.iter_bytes():
        read += len(chunk)
        if read > most:
            raise BadContent(f"{answer.url} answers more than {most} bytes")
        yield chunk
