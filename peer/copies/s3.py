"""Keep copies in a bucket of an S3-compatible store, with requests that we sign ourselves."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx

from peer.copies.answers import read_all, read_file, read_start, save_all, told
from peer.copies.signature_v4 import (
    EMPTY_SHA256,
    S3Credentials,
    encode_path,
    encode_query,
    sign_headers,
)
from peer.copies.store import MOST_BYTES
from wasmarket.kernel.errors import BadContent, ConfigError, Refused, Unreachable

MOST_PAGE: Final = 8 << 20
MOST_WORDS: Final = 2_000
"""Bytes that are read of a page of names, and of a refusal."""


class S3Copies:
    """Files under `https://host/bucket/prefix/`, addressed by path."""

    def __init__(
        self,
        url: str,
        owner: str,
        credentials: S3Credentials,
        client: httpx.Client,
        read_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`url` begins with `s3+`; `owner` is the folder of this peer below it.

        Raises ConfigError for a URL without a bucket, or credentials that are none.
        """
        parts = urlsplit(url.removeprefix("s3+"))
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if not parts.hostname or not bucket or parts.query or parts.username:
            raise ConfigError(
                f"{url!r:.200} names no bucket",
                field="peer.receipt_copies",
                remedy="write s3+https://HOST/BUCKET or s3+https://HOST/BUCKET/PREFIX",
            )
        if not credentials.key_id or not credentials.secret:
            raise ConfigError(
                f"{url} needs a key",
                field="peer.s3_key_id",
                remedy="set s3_key_id and s3_secret_file in [peer]",
            )
        self.url = url
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.netloc
        self._bucket = f"/{bucket}"
        self._prefix = f"{prefix.strip('/')}/{owner}/".lstrip("/")
        self._credentials = credentials
        self._client = client
        self._read_clock = read_clock

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file, by name. Raises as `CopyStore`."""
        found: dict[str, int] = {}
        query = {"list-type": "2", "prefix": self._prefix}
        while True:
            with self._send("GET", self._bucket, query) as answer:
                self._check(answer)
                page = _parse(self.url, read_all(answer, MOST_PAGE))
            for entry in page.iterfind("{*}Contents"):
                key, size = entry.findtext("{*}Key", ""), entry.findtext("{*}Size", "")
                if not (size.isascii() and size.isdigit()):
                    raise BadContent(f"{self.url} says no size of {key!r:.200}")
                found[key.removeprefix(self._prefix)] = int(size)
            token = page.findtext("{*}NextContinuationToken")
            if not token:
                return found
            query["continuation-token"] = token

    def put(self, name: str, path: Path) -> None:
        """Write a file. Raises as `CopyStore`, OSError."""
        hashed, size = hashlib.sha256(), 0
        for chunk in read_file(path):
            hashed.update(chunk)
            size += len(chunk)
        headers = {"content-length": str(size)}
        body, digest = read_file(path), hashed.hexdigest()
        with self._send("PUT", self._path_of(name), {}, headers, digest, body) as answer:
            self._check(answer)

    def get(self, name: str, target: Path) -> bool:
        """Fetch a file; return whether it is there. Raises as `CopyStore`, OSError."""
        with self._send("GET", self._path_of(name), {}) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return False
            self._check(answer)
            save_all(answer, target, MOST_BYTES)
            return True

    def remove(self, name: str) -> None:
        """Remove a file. Raises as `CopyStore`."""
        with self._send("DELETE", self._path_of(name), {}) as answer:
            self._check(answer)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _path_of(self, name: str) -> str:
        return f"{self._bucket}/{self._prefix}{name}"

    @contextmanager
    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body_sha256: str = EMPTY_SHA256,
        body: Iterator[bytes] | None = None,
    ) -> Iterator[httpx.Response]:
        encoded = encode_path(path)
        signed = sign_headers(
            self._credentials,
            method,
            encoded,
            query,
            {"host": self._host, **(headers or {})},
            body_sha256,
            self._read_clock(),
        )
        target = f"{self._origin}{encoded}" + (f"?{encode_query(query)}" if query else "")
        with (
            told(self.url),
            self._client.stream(method, target, headers=signed, content=body) as answer,
        ):
            yield answer

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        said = _words_of(read_start(answer, MOST_WORDS))
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Unreachable(f"{self.url} answers {answer.status_code}{said}")
        raise Refused(
            f"{self.url} refuses: {answer.status_code}{said}",
            remedy="check s3_key_id, s3_secret_file and s3_region in [peer], and the key's rights",
        )


def _words_of(data: bytes) -> str:
    """Return code and message of a refusal, as far as it has them."""
    try:
        page = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return ""
    words = (page.findtext("{*}Code"), page.findtext("{*}Message"))
    return "".join(f" {word:.200}" for word in words if word)


def _parse(url: str, data: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise BadContent(f"{url} answers no list of files: {error}") from error
